"""The Python interface: what `import sparkles_eval as se` offers, by name, when it is first named."""
