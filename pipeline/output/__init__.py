"""What is written, locked, committed and found again."""
