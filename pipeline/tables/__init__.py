"""Runs become rows of other people's tables: one transaction a run, in Delta Lake or Iceberg."""
