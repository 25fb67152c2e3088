"""Beam: reads a corpus, tokenizes and scores it with a bundle, writes labelled Parquet."""
