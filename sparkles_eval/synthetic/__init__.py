"""Synthetic data: scenes drawn from a seed, with exact facts, and the embedded tasks that use them."""
