"""JSON: lines of objects, and objects over several lines."""
