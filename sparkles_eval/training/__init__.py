"""Training of the reference system."""
