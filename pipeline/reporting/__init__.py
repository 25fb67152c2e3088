"""Pages, charts and lines for people."""
