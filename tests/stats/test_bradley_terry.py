"""Bradley-Terry: the likelihood equations hold, symmetric wins are equal, and the undefeated are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.bradley_terry import bradley_terry


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 8), st.integers(0, 10_000))
def test_expected_wins_equal_seen_wins(k: int, seed: int) -> None:
    wins = np.random.default_rng(seed).integers(1, 30, (k, k)).astype(float)
    np.fill_diagonal(wins, 0)
    found = bradley_terry(wins)
    expected = sum(
        (wins + wins.T)[:, j] * np.array([found.beats(i, j) for i in range(k)]) * (np.arange(k) != j) for j in range(k)
    )
    assert expected == pytest.approx(wins.sum(axis=1), abs=1e-6)
    assert found.log_strength.sum() == pytest.approx(0, abs=1e-9)


def test_extreme_records_still_converge() -> None:
    found = bradley_terry([[0, 5000, 0], [1, 0, 5000], [1, 1, 0]])
    assert found.log_strength[0] > found.log_strength[1] > found.log_strength[2]


def test_undefeated_and_unlinked_models_are_refused() -> None:
    for wins in ([[0, 3], [0, 0]], [[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]):
        with pytest.raises(UserError, match="no finite estimate"):
            bradley_terry(wins)
    assert bradley_terry([[0, 3], [0, 0]], penalty=0.1).log_strength[0] > 0
    assert bradley_terry([[0, 0.5], [0.5, 0]]).log_strength == pytest.approx([0, 0])
    with pytest.raises(UserError, match="square"):
        bradley_terry([[0, 1]])
