"""Sign flips: exact by convolution, by enumeration and by sampling agree; the interval inverts the test."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats import signflip


def _brute(d: list[float]) -> tuple[float, float]:
    sums = np.array(
        [sum(s * v for s, v in zip(signs, d, strict=True)) for signs in itertools.product((1, -1), repeat=len(d))]
    )
    seen = sum(d)
    return float(np.mean(np.abs(sums) >= abs(seen) - 1e-9)), float(np.mean(sums >= seen - 1e-9))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-18, 18).map(lambda v: v / 6), min_size=1, max_size=9))
def test_convolution_is_exact(d: list[float]) -> None:
    found = signflip.sign_flip_test(d)
    assert found.exact and found.patterns == 2 ** len(d)
    assert (found.p_two_sided, found.p_greater) == pytest.approx(_brute(d), abs=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-3, 3, allow_subnormal=False), min_size=1, max_size=8))
def test_enumeration_is_exact(d: list[float]) -> None:
    found = signflip.sign_flip_test(d)
    assert found.exact
    assert found.p_two_sided == pytest.approx(_brute(d)[0], abs=1e-12)


def test_monte_carlo_is_near_the_exact_answer_and_never_zero() -> None:
    whole = np.random.default_rng(0).integers(-4, 6, 60).astype(float)
    exact = signflip.sign_flip_test(whole)
    sampled = signflip.sign_flip_test(whole + np.random.default_rng(1).normal(0, 1e-6, 60))
    assert exact.exact and not sampled.exact
    assert sampled.p_two_sided == pytest.approx(exact.p_two_sided, abs=0.01)
    clear = signflip.sign_flip_test(np.random.default_rng(2).normal(9, 0.1, 60), resamples=1000)
    assert clear.p_two_sided == pytest.approx(1 / 1001)


def test_nothing_and_no_difference() -> None:
    assert signflip.sign_flip_test([0.0, 0.0]).p_two_sided == 1.0
    with pytest.raises(UserError, match="no differences"):
        signflip.sign_flip_test([])


@pytest.mark.parametrize("n", [8, 13])
def test_the_interval_inverts_the_test(n: int) -> None:
    x = np.random.default_rng(n).integers(2, 21, n) / 2
    found = signflip.sign_flip_interval(x)
    assert found.low is not None and found.high is not None
    for edge, outwards in ((found.low, -1), (found.high, 1)):
        assert signflip.sign_flip_test(x - (edge + outwards * 1e-4)).p_two_sided <= 0.05
        assert signflip.sign_flip_test(x - (edge - outwards * 1e-4)).p_two_sided > 0.05


def test_the_interval_follows_shift_and_scale() -> None:
    x, group = np.random.default_rng(4).normal(5, 2, 40), np.repeat(np.arange(20), 2)
    one, two = signflip.sign_flip_interval(x, group), signflip.sign_flip_interval(3 * x + 1, group)
    assert one.low is not None and two.low is not None
    assert two.low == pytest.approx(3 * one.low + 1)


def test_the_same_values_are_worked_out_once() -> None:
    x = np.random.default_rng(9).normal(5, 2, 20)
    first = signflip.sign_flip_interval(x)
    known = signflip._limits.cache_info()
    assert signflip.sign_flip_interval(x.copy()) == first
    assert signflip._limits.cache_info().hits == known.hits + 1
    assert signflip.sign_flip_interval(x, seed=1) != first


def test_too_few_units_have_no_interval() -> None:
    assert signflip.sign_flip_interval([1.0, 2.0, 3.0, 4.0, 5.0]).low is None
    assert signflip.sign_flip_interval([5.0] * 10).note == "no variation"
    assert signflip.sign_flip_interval([]).note == "no items"


def test_many_units_give_the_interval_that_few_at_a_time_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 units: patterns drawn at once and in parts agree but for the drawing, and with t."""
    x = np.random.default_rng(0).normal(0, 1, 100)
    parts = signflip.sign_flip_interval(x)
    monkeypatch.setattr(signflip, "REMEMBERED", 1000)
    once = signflip.sign_flip_interval(x, seed=1)
    half = 1.984 * x.std(ddof=1) / 10
    for found in (parts, once):
        assert (found.low, found.high) == pytest.approx((x.mean() - half, x.mean() + half), abs=0.02)
