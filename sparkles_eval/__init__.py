"""sparkles-eval: evaluate multi-image, multi-turn vision-language models, and trust the numbers."""

__version__ = "0.1.0"
