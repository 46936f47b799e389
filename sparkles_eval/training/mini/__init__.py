"""Trains tiny SparklesChat models from scratch, on drawn scenes."""
