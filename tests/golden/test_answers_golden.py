"""The published answer rule, case by case against the published code's own results."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict

from sparkles_eval.tasks.scorers.rules import extract
from tests.golden.reading import golden_cases

OPTIONS = {"bison": ("IMAGE#1", "IMAGE#2"), "nlvr2": ("TRUE", "FALSE")}


class Case(BaseModel):
    model_config = ConfigDict(extra="forbid")

    task: str
    response: str
    official: str | None


@pytest.mark.parametrize("case", golden_cases("answers_*.json", Case))
def test_paper_rule_agrees_with_the_published_code(case: Case) -> None:
    option = extract("paper", case.response, OPTIONS[case.task]).option
    assert (option.lower() if option else None) == case.official
