"""The published reading of a judge's reply, case by case against the published code's own results."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter

from sparkles_eval.judges.parsing import read_paper


class Case(BaseModel):
    model_config = ConfigDict(extra="forbid")

    response: str
    official: list[list[float]] | None


def cases() -> list[object]:
    """Every judgements_*.json of this folder and, when SPARKLES_EXTRA_GOLDENS names a folder, of that one."""
    folders = [Path(__file__).parent]
    if extra := os.environ.get("SPARKLES_EXTRA_GOLDENS"):
        folders.append(Path(extra))
    read = TypeAdapter(list[Case])
    return [
        pytest.param(case, id=f"golden-{path.stem}-{folder.name}-{number}")
        for folder in folders
        for path in sorted(folder.glob("judgements_*.json"))
        for number, case in enumerate(read.validate_python(json.loads(path.read_text())))
    ]


@pytest.mark.parametrize("case", cases())
def test_paper_parser_agrees_with_the_published_code(case: Case) -> None:
    assert read_paper(case.response) == case.official
