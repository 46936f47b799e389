"""The learning rate of every published step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sparkles_eval.training.recipes import Schedule


def test_golden_rate_of_every_step(root: Path) -> None:
    expected = np.load(root / "tests" / "golden" / "model" / "lr_schedule_2000.npy")
    schedule = Schedule()
    assert np.abs(np.array([schedule.rate(step) for step in range(2000)]) - expected).max() < 1e-12


def test_the_jump_where_warm_up_ends() -> None:
    schedule = Schedule()
    assert schedule.rate(399) == pytest.approx(2.99275e-5)
    assert schedule.rate(400) == pytest.approx(2.809e-5, rel=1e-4)
    assert schedule.rate(5000) == schedule.rate(2000) == pytest.approx(1e-5)


def test_impossible_schedules_are_refused() -> None:
    with pytest.raises(ValueError, match="steps >= 1"):
        Schedule(warmup=5, steps=4)
    with pytest.raises(ValueError, match="steps count from 0"):
        Schedule().rate(-1)
