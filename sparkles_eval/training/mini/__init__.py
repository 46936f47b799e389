"""Trains the system in miniature from nothing, on scenes drawn by our own code. Knows nothing of the published data."""
