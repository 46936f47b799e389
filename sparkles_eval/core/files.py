"""Paths of the cache folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_dir() -> Path:
    """The folder named by the environment variable SPARKLES_CACHE, else the user's cache folder. Not created here."""
    named = os.environ.get("SPARKLES_CACHE")
    return Path(named).expanduser() if named else platformdirs.user_cache_path("sparkles-eval")
