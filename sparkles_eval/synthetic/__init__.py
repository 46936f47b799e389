"""The drawn world: scenes made by our own code from a seed, with exact truth, and the embedded tasks over them."""
