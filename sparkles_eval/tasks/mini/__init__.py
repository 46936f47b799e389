"""The embedded data: scenes drawn by our own code from a seed, with exact truth. Knows nothing of models or judging."""
