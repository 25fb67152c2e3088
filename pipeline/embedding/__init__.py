"""Newsbeam's labels in other people's Beam pipelines."""
