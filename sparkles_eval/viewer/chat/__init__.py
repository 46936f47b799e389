"""Chat with models about several images, on a page or in a terminal, and saved as a dialogue."""
