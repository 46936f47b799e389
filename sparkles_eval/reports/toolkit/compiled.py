"""Caches compiled page templates on disk: compiling them takes a third of a second."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket

from sparkles_eval import __version__
from sparkles_eval.core.files import cache_dir


class CompiledTemplates(jinja2.FileSystemBytecodeCache):
    """Jinja's cache of compiled templates; what cannot be written is compiled again the next time."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)


def compiled_templates() -> CompiledTemplates | None:
    """The cache for this version of us, of Jinja and of Python; None where no folder of this user's own can be had.

    What is in it is run as code, so a folder that others may write to is not used.
    """
    python = f"{sys.implementation.name}{sys.version_info.major}.{sys.version_info.minor}"
    folder = cache_dir() / "templates" / f"{__version__}-jinja{jinja2.__version__}-{python}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return CompiledTemplates(str(folder)) if _own(folder) else None
    except OSError:
        return None


def _own(folder: Path) -> bool:
    if not hasattr(os, "getuid"):  # Windows: the user's profile has its own protection
        return os.access(folder, os.W_OK)
    found = folder.stat()
    return found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
