"""Data: fetch and check published data sets, generate training dialogues."""
