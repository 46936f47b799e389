"""Bridges to other evaluation harnesses, in both directions."""
