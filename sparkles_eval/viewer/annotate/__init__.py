"""Annotation in the browser: one person rates answers or compares two."""
