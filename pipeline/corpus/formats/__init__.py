"""The formats a corpus can come in, one small file each."""
