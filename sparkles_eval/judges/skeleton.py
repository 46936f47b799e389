"""Writes the commented folder of a new judge that works as it is. Knows nothing of loading or asking it."""

from __future__ import annotations

from pathlib import Path

from sparkles_eval.judges.spec import FILE
from sparkles_eval.tasks.skeleton import copy_skeleton


def write_skeleton(name: str, where: Path) -> Path:
    """Make the folder `where`/`name` with judge.yaml, rubric and card; its path. Raises as `copy_skeleton`."""
    return copy_skeleton("judges", (FILE, "rubric.md.j2", "README.md"), name, where)
