"""Do the intervals that tables print cover as often as they say? Simulations, within 1.5 points of 95%.

The fast test keeps the machinery honest; the slow ones (pytest -m slow) are the evidence.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from sparkles_eval.core import Estimate
from sparkles_eval.stats import human, mcnemar, paired
from sparkles_eval.stats.arrays import FloatArray
from sparkles_eval.stats.consistency import group_consistency
from sparkles_eval.stats.estimates import accuracy_estimate, groups_estimate, mean_estimate

Draw = Callable[[np.random.Generator], tuple[float | None, float | None]]
REPEATS = 6_000
"""Standard error of a simulated coverage: .3 points."""


def _coverage(draw: Draw, truth: float, repeats: int = REPEATS) -> float:
    rng = np.random.default_rng(20)
    hits = 0
    for _ in range(repeats):
        low, high = draw(rng)
        assert low is not None and high is not None
        hits += low <= truth <= high
    return hits / repeats


def _limits(found: Estimate) -> tuple[float | None, float | None]:
    return found.low, found.high


def _clustered(rng: np.random.Generator, p: float, icc: float, groups: int, size: int) -> FloatArray:
    k = (1 - icc) / icc
    level = rng.beta(p * k, (1 - p) * k, groups)
    right = rng.random((groups, size)) < level[:, None]
    return np.array(right.ravel(), dtype=np.float64)


def _dialogues(rng: np.random.Generator, n: int, level: float = 7.5) -> FloatArray:
    """Mean of six marks from 1 to 10, correlated within the dialogue."""
    marks = level + rng.normal(0, 1, (n, 1)) + rng.normal(0, 1, (n, 6))
    return np.asarray(np.clip(np.rint(marks), 1, 10).mean(axis=1), dtype=np.float64)


def test_the_simulation_notices_a_bad_interval() -> None:
    """Treating the items of clusters as independent covers far too seldom."""
    covered = _coverage(lambda rng: _limits(accuracy_estimate(_clustered(rng, 0.6, 0.5, 40, 5))), 0.6, 300)
    assert covered < 0.88


@pytest.mark.slow
@pytest.mark.parametrize("p", [0.5, 0.57, 0.9])
def test_accuracy_of_150_items(p: float) -> None:
    found = _coverage(lambda rng: _limits(accuracy_estimate((rng.random(150) < p).astype(np.float64))), p)
    assert found == pytest.approx(0.95, abs=0.015)


@pytest.mark.slow
@pytest.mark.parametrize(("groups", "size", "p"), [(40, 2, 0.55), (50, 4, 0.6), (100, 3, 0.8)])
def test_accuracy_in_clusters(groups: int, size: int, p: float) -> None:
    labels = np.repeat(np.arange(groups), size)
    found = _coverage(lambda rng: _limits(accuracy_estimate(_clustered(rng, p, 0.3, groups, size), labels)), p)
    assert found == pytest.approx(0.95, abs=0.015)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "p"), [(12, 0.5), (20, 0.8)])
def test_few_items_are_covered_at_least(n: int, p: float) -> None:
    """The exact interval promises at least 95%."""
    assert _coverage(lambda rng: _limits(accuracy_estimate((rng.random(n) < p).astype(np.float64))), p) >= 0.95 - 0.005


@pytest.mark.slow
@pytest.mark.parametrize("n", [8, 16, 30, 150])
def test_mean_score(n: int) -> None:
    truth = float(_dialogues(np.random.default_rng(0), 2_000_000).mean())
    found = _coverage(lambda rng: _limits(mean_estimate(_dialogues(rng, n))), truth, REPEATS if n != 16 else 1500)
    assert found == pytest.approx(0.95, abs=0.015 if n != 16 else 0.02)


@pytest.mark.slow
def test_mean_score_in_clusters() -> None:
    labels = np.repeat(np.arange(40), 3)

    def draw(rng: np.random.Generator) -> tuple[float | None, float | None]:
        return _limits(mean_estimate(7 + np.repeat(rng.normal(0, 1, 40), 3) + rng.normal(0, 1, 120), labels))

    assert _coverage(draw, 7.0) == pytest.approx(0.95, abs=0.015)


@pytest.mark.slow
def test_consistency() -> None:
    groups = np.repeat(np.arange(120), 4)

    def draw(rng: np.random.Generator) -> tuple[float | None, float | None]:
        found = group_consistency((rng.random(480) < 0.8).astype(np.float64), groups)
        return _limits(groups_estimate(found.complete.astype(np.float64), found.sizes, np.arange(120), found.chance))

    assert _coverage(draw, 0.8**4) == pytest.approx(0.95, abs=0.015)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["bonett_price", "newcombe"])
def test_paired_accuracy_difference(method: str) -> None:
    def draw(rng: np.random.Generator) -> tuple[float | None, float | None]:
        both, a, b, none = rng.multinomial(150, [0.4, 0.2, 0.13, 0.27])
        found = mcnemar.paired_difference(mcnemar.PairedCounts(int(both), int(a), int(b), int(none)))
        chosen = found.bonett_price if method == "bonett_price" else found.newcombe
        return chosen.low, chosen.high

    assert _coverage(draw, 0.07) == pytest.approx(0.95, abs=0.015)


@pytest.mark.slow
@pytest.mark.parametrize("groups", [10, 50])
def test_clustered_difference_of_scores(groups: int) -> None:
    labels = np.repeat(np.arange(groups), 3)

    def draw(rng: np.random.Generator) -> tuple[float | None, float | None]:
        gap = 0.5 + np.repeat(rng.normal(0, 1, groups), 3) + rng.normal(0, 1, groups * 3)
        found = paired.clustered_difference(7 + gap, np.full(groups * 3, 7.0), labels)
        return found.mean.low, found.mean.high

    assert _coverage(draw, 0.5) == pytest.approx(0.95, abs=0.015)


@pytest.mark.slow
@pytest.mark.parametrize("n", [30, 60])
def test_ppi(n: int) -> None:
    def draw(rng: np.random.Generator) -> tuple[float | None, float | None]:
        truth = rng.normal(7, 1.5, n + 150)
        judge = truth + 1 + rng.normal(0, 1, n + 150)
        found = human.ppi_mean(truth[:n], judge[:n], judge[n:])
        return found.low, found.high

    assert _coverage(draw, 7.0) == pytest.approx(0.95, abs=0.015)
