"""The published answer rule, case by case against the published code's own results."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, TypeAdapter

from sparkles_eval.tasks.answers import extract

OPTIONS = {"bison": ("IMAGE#1", "IMAGE#2"), "nlvr2": ("TRUE", "FALSE")}


class Case(BaseModel):
    model_config = ConfigDict(extra="forbid")

    task: str
    response: str
    official: str | None


def cases() -> list[object]:
    """Every answers_*.json of this folder and, when SPARKLES_EXTRA_GOLDENS names a folder, of that one."""
    folders = [Path(__file__).parent]
    if extra := os.environ.get("SPARKLES_EXTRA_GOLDENS"):
        folders.append(Path(extra))
    read = TypeAdapter(list[Case])
    return [
        pytest.param(case, id=f"golden-{path.stem}-{folder.name}-{number}")
        for folder in folders
        for path in sorted(folder.glob("answers_*.json"))
        for number, case in enumerate(read.validate_python(json.loads(path.read_text())))
    ]


@pytest.mark.parametrize("case", cases())
def test_paper_rule_agrees_with_the_published_code(case: Case) -> None:
    option = extract("paper", case.response, OPTIONS[case.task]).option
    assert (option.lower() if option else None) == case.official
