"""Which columns of the corpus are used: their names, their choice, their types."""
