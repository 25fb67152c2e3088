"""Prepared examples: read, held out, batched."""
