"""What is written, locked, committed and read again."""
