"""Intervals for independent items against scipy and statsmodels, and at the edges."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp
from statsmodels.stats.proportion import proportion_confint

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats import intervals
from sparkles_eval.stats.distributions import t_critical

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=60, deadline=None)
@given(counts, st.sampled_from([0.01, 0.05, 0.2]))
def test_proportion_intervals_agree_with_statsmodels(count: tuple[int, int], alpha: float) -> None:
    k, n = count
    pairs = [
        (intervals.wilson, "wilson"),
        (intervals.clopper_pearson, "beta"),
        (intervals.jeffreys, "jeffreys"),
    ]
    for function, method in pairs:
        found = function(k, n, alpha=alpha)
        low, high = proportion_confint(k, n, alpha=alpha, method=method)
        assert found.low == pytest.approx(low, abs=1e-9)
        assert found.high == pytest.approx(high, abs=1e-9)
        if method != "jeffreys":  # the posterior's interval leaves out 0 and 1 themselves
            assert found.low is not None and found.high is not None and found.value is not None
            assert 0 <= found.low <= found.value <= found.high <= 1


@settings(max_examples=60, deadline=None)
@given(counts, st.sampled_from([0.5, 0.25, 0.1, 0.9]))
def test_against_chance_agrees_with_scipy(count: tuple[int, int], chance: float) -> None:
    k, n = count
    found = intervals.against_chance(k, n, chance=chance)
    assert found.p_two_sided == pytest.approx(binomtest(k, n, chance).pvalue, abs=1e-9)
    assert found.p_above == pytest.approx(binomtest(k, n, chance, alternative="greater").pvalue, abs=1e-9)


def test_wilson_at_the_edges() -> None:
    assert intervals.wilson(0, 0) == intervals.Interval(None, None, None, "no items")
    assert intervals.wilson(0, 150).low == 0.0
    assert intervals.wilson(150, 150).high == 1.0
    with pytest.raises(UserError, match="impossible"):
        intervals.wilson(5, 4)


def test_never_seen_is_not_never() -> None:
    assert intervals.upper_bound(0, 50) == pytest.approx(0.0582, abs=1e-4)
    assert intervals.upper_bound(0, 0) == 1.0
    assert intervals.upper_bound(7, 7) == 1.0
    assert intervals.rule_of_three(0) == 1.0
    exact = binomtest(3, 40).proportion_ci(0.9, "exact").high
    assert intervals.upper_bound(3, 40) == pytest.approx(exact, abs=1e-9)


def test_mean_t_against_scipy_and_degenerate() -> None:
    x = np.random.default_rng(3).normal(7, 2, 40)
    found = intervals.mean_t(x)
    expected = ttest_1samp(x, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert intervals.mean_t([10.0] * 20).note == "no variation"
    assert intervals.mean_t([10.0] * 20).low is None
    assert intervals.mean_t([7.0]).note == "one item"
    with pytest.raises(UserError, match="no values"):
        intervals.mean_t([])
    with pytest.raises(UserError, match="item 1"):
        intervals.mean_t([1.0, None])


def test_critical_values_of_t() -> None:
    assert t_critical(0.05, 4) == pytest.approx(2.7764451052)


def test_the_import_is_light() -> None:
    """Every run prints a table: its intervals must not wait for scipy.stats or pandas."""
    code = (
        "import sys, sparkles_eval.stats.estimates; "
        "print([m for m in ('scipy.stats', 'scipy.optimize', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
