"""Whose an output folder is, and which runs it holds."""
