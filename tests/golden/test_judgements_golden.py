"""The published reading of a judge's reply, case by case against the published code's own results."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict

from sparkles_eval.judges.parsing import read_paper
from tests.golden.reading import golden_cases


class Case(BaseModel):
    model_config = ConfigDict(extra="forbid")

    response: str
    official: list[list[float]] | None


@pytest.mark.parametrize("case", golden_cases("judgements_*.json", Case))
def test_paper_parser_agrees_with_the_published_code(case: Case) -> None:
    assert read_paper(case.response) == case.official
