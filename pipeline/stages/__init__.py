"""The Beam chain, one file a stage."""
