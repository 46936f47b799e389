"""Talking to models about several images, on a page or in a terminal, and saving it as a dialogue."""
