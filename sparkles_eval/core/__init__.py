"""What every room builds on: it imports nothing of the package."""
