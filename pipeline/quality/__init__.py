"""What is counted of the rows, and what it says."""
