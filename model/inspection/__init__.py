"""What `model.explain` looks at."""
