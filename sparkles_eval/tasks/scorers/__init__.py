"""How an answer is read and scored."""
