"""Reads the facts that an answer states about drawn scenes."""
