"""Intervals of agreement: the sums give the statistics themselves, and the intervals are those of slow resampling."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from sparkles_eval.analysis.judges import intervals as judges_intervals
from sparkles_eval.analysis.judges.intervals import ordinal_alpha, within_models
from sparkles_eval.analysis.tables import Span
from sparkles_eval.stats.agreement import krippendorff
from sparkles_eval.stats.arrays import FloatArray
from sparkles_eval.stats.bootstrap import bootstrap
from sparkles_eval.stats.correlation import judge_correlations


def _data(seed: int, dialogues: int = 60) -> tuple[FloatArray, FloatArray, list[str], list[str]]:
    rng = np.random.default_rng(seed)
    models = [model for model in ("x", "y", "z") for _ in range(2 * dialogues)]
    clusters = [f"d{place // 2}" for _ in range(3) for place in range(2 * dialogues)]
    quality = rng.normal(6, 2, len(models))
    a, b = (np.clip(np.round(quality + rng.normal(0, 1, quality.size)), 1, 10) for _ in range(2))
    return a, b, models, clusters


def test_every_dialogue_once_gives_the_statistic_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, models, clusters = _data(1)
    alpha = krippendorff(np.stack([a, b])).value
    rho = judge_correlations(a, b, models).within_model.spearman
    monkeypatch.setattr(judges_intervals, "_draws", lambda units: np.ones((3, units)))
    for found, wanted in [
        (ordinal_alpha(Span(alpha), a, b, clusters), alpha),
        (within_models(Span(rho), a, b, models, clusters), rho),
    ]:
        assert found.low == pytest.approx(wanted)
        assert found.high == pytest.approx(wanted)


def test_the_interval_is_that_of_computing_everything_anew() -> None:
    a, b, models, clusters = _data(2)
    alpha = krippendorff(np.stack([a, b])).value
    fast = ordinal_alpha(Span(alpha), a, b, clusters)

    def anew(items: NDArray[np.int64]) -> float:
        return krippendorff(np.stack([a[items], b[items]])).value or 0.0

    slow = bootstrap(anew, clusters, resamples=400)
    assert slow.percentile is not None and fast.low is not None and fast.high is not None
    assert (fast.low, fast.high) == pytest.approx(slow.percentile, abs=0.02)
    assert fast.low < (alpha or 0) < fast.high
    rho = within_models(Span(judge_correlations(a, b, models).within_model.spearman), a, b, models, clusters)
    assert rho.low is not None and rho.high is not None and rho.low < (rho.value or 0) < rho.high


def test_no_interval_where_there_is_nothing_to_draw() -> None:
    same = np.full(40, 7.0)
    models, clusters = ["m"] * 40, [f"d{place}" for place in range(40)]
    assert ordinal_alpha(Span(None), same, same, clusters) == Span(None)
    assert within_models(Span(None), same, same, models, clusters) == Span(None)
    few = np.arange(5.0)
    assert ordinal_alpha(Span(1.0), few, few, clusters[:5]) == Span(1.0)
    assert within_models(Span(1.0), few, few, models[:5], clusters[:5]) == Span(1.0)
