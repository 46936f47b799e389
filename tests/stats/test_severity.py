"""Leniency fitted on shared answers: equal to the full regression, zero-sum, refused where nothing is shared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.severity import leniency, severity


@given(seed=st.integers(0, 10_000))
def test_it_is_the_regression_with_a_level_for_every_answer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    answers, judges, scores = [], [], []
    for answer in range(12):
        level = rng.uniform(2, 9)
        # The first two judges mark everything, so that all are linked.
        for judge, kind in enumerate((0.5, -1.0, 0.2, 0.3)):
            if judge < 2 or rng.random() < 0.6:
                answers.append(answer)
                judges.append(f"j{judge}")
                scores.append(level + kind + rng.normal(0, 0.3))
    found = leniency(answers, judges, scores)
    full = severity(answers, judges, scores).leniency
    assert set(found) == set(full)
    assert abs(sum(found.values())) < 1e-9
    for name, points in found.items():
        assert points == pytest.approx(full[name], abs=1e-8)


def test_exact_offsets_come_back() -> None:
    found = leniency([1, 1, 2, 2, 3], ["a", "b", "a", "b", "a"], [6, 4, 8, 6, None])
    assert found == pytest.approx({"a": 1.0, "b": -1.0})


def test_judges_that_share_no_answer_are_refused() -> None:
    with pytest.raises(UserError, match=r"sets that marked no answer in common \(a; b\)"):
        leniency([1, 2], ["a", "b"], [5, 6])


def test_one_judge_is_neither_kind_nor_strict() -> None:
    assert leniency([1, 2], ["a", "a"], [5, 6]) == {"a": pytest.approx(0.0)}
