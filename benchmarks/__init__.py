"""Comparisons with other tools. Not installed with the package; needs the extra `peers`."""
