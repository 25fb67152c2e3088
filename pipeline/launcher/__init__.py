"""From a command line to a runner."""
