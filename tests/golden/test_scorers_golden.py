"""Every built-in scorer on answers whose values were worked out by hand."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, Field

from sparkles_eval.core import Sample, Text, Turn
from sparkles_eval.tasks.scorers import Question
from sparkles_eval.tasks.scorers.registry import make_scorer
from tests.golden.reading import golden_cases
from tests.tasks.scorers.asking import replied


class Case(BaseModel):
    model_config = ConfigDict(extra="forbid")

    scorer: str
    answer: str
    targets: tuple[str, ...]
    value: float
    why: str
    invalid: bool = False
    options: dict[str, object] = Field(default_factory=dict)
    choices: tuple[str, ...] = ()


@pytest.mark.parametrize("case", golden_cases("scorers_*.json", Case))
def test_the_value_is_the_one_worked_out_by_hand(case: Case) -> None:
    bound = make_scorer(case.scorer, case.options)
    sample = Sample("s", (Turn((Text("?"),)),), options=case.choices, target=case.targets[0], accepted=case.targets[1:])
    assert bound.check(Question.of(sample, 1)) is None
    score = bound.score(replied(case.answer), sample, 1)
    assert score.value == pytest.approx(case.value, abs=1e-12), (case.why, score)
    assert score.invalid is case.invalid, (case.why, score)
