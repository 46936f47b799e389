"""Finds the golden cases: those of this folder, and those of the folder that SPARKLES_EXTRA_GOLDENS names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TypeVar

import pytest
from pydantic import BaseModel, TypeAdapter

HERE = Path(__file__).parent

Case = TypeVar("Case", bound=BaseModel)


def golden_files(pattern: str) -> list[Path]:
    """The files that match in both folders, in order."""
    extra = os.environ.get("SPARKLES_EXTRA_GOLDENS")
    folders = [HERE, *([Path(extra)] if extra else [])]
    return [file for folder in folders for file in sorted(folder.glob(pattern))]


def golden_cases(pattern: str, kind: type[Case]) -> list[object]:
    """One test parameter for every case of files that hold a JSON list."""
    read = TypeAdapter(list[kind])  # type: ignore[valid-type]
    return [
        pytest.param(case, id=f"golden-{file.stem}-{file.parent.name}-{number}")
        for file in golden_files(pattern)
        for number, case in enumerate(read.validate_python(json.loads(file.read_text(encoding="utf-8"))))
    ]
