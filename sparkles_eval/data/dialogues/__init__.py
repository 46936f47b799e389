"""Training dialogues: generate, filter, export."""
