"""The always-valid interval: its width, and that looking often does not break it."""

from __future__ import annotations

import numpy as np
import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.sequential import confidence_sequence


def test_it_costs_about_three_standard_errors_where_it_is_tuned() -> None:
    low, high = confidence_sequence(0.5, 0.1, 100)
    assert (high - low) / 2 == pytest.approx(0.304, abs=0.002) and (low + high) / 2 == pytest.approx(0.5)
    wide = confidence_sequence(0.0, 0.1, 5)
    assert wide[1] > 0.4, "few units: wider, as it must hold there too"


def test_every_look_at_equal_models_at_once() -> None:
    rng = np.random.default_rng(0)
    d = rng.choice([-1.0, 0.0, 1.0], (400, 300), p=[0.2, 0.6, 0.2])
    n = np.arange(1, 301)
    mean = np.cumsum(d, axis=1) / n
    se = np.sqrt(np.maximum(np.cumsum(d**2, axis=1) / n - mean**2, 1e-12) / n)
    plain = (np.abs(mean) > 1.96 * se)[:, 30:].any(axis=1).mean()
    always = [
        any(not low <= 0 <= high for low, high in (confidence_sequence(m[k], s[k], k + 1) for k in range(30, 300, 10)))
        for m, s in zip(mean, se, strict=True)
    ]
    assert plain > 0.2 and np.mean(always) < 0.05


def test_what_is_no_interval_is_refused() -> None:
    with pytest.raises(UserError, match="se -1"):
        confidence_sequence(0.0, -1.0, 5)
