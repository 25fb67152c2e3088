"""Training data from a labelled corpus."""
