"""Two runs side by side: what another model says of the same rows."""
