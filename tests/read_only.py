"""Makes a folder unwritable for a test: a read-only mount for root, permissions for others."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def unwritable(mount_point: Path) -> Iterator[Callable[[Path], Path]]:
    """Gives a function: a folder -> where the same folder is now, unwritable. Skips the test where it cannot be had.

    One folder a test. Permissions do not bind root, who mounts the folder read-only at `mount_point` instead.
    """
    changed: list[Path] = []

    def make(folder: Path) -> Path:
        if os.geteuid():
            for file in (*folder.iterdir(), folder):
                file.chmod(0o555 if file.is_dir() else 0o444)
                changed.append(file)
            return folder
        mount_point.mkdir()
        for command in (["--bind", str(folder)], ["-o", "remount,ro,bind"]):
            done = subprocess.run(["mount", *command, str(mount_point)], capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"no read-only mount can be made here ({done.stderr.strip()})")
            changed.append(mount_point)
        return mount_point

    try:
        yield make
    finally:
        if mount_point in changed:
            subprocess.run(["umount", str(mount_point)], check=True)
        else:
            for file in changed:
                file.chmod(0o755)
