"""What a run will take, before it begins: its time and its place on the disk, from a few rows."""
