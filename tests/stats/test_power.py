"""Power against statsmodels and against exact enumeration; sample sizes invert detectable differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats import paired, power


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 3000), st.sampled_from([0.5, 0.8, 0.9]), st.sampled_from([0.01, 0.05]))
def test_t_power_agrees_with_statsmodels(n: int, wished: float, alpha: float) -> None:
    found = power.mde_mean(n, 1.5, alpha=alpha, power=wished)
    assert TTestPower().power(found / 1.5, n, alpha) == pytest.approx(wished, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.1, 2), st.floats(0.3, 3))
def test_n_mean_is_the_fewest(difference: float, sd: float) -> None:
    n = power.n_mean(difference, sd)
    assert power.t_power(difference / sd, n) >= 0.8
    assert n == 2 or power.t_power(difference / sd, n - 1) < 0.8


@settings(max_examples=40, deadline=None)
@given(st.integers(60, 60_000), st.floats(0.05, 1))
def test_accuracy_sample_size_inverts_the_mde(n: int, share: float) -> None:
    found = power.mde_paired_accuracy(n, share)
    if found.possible:
        assert power.n_paired_accuracy(found.difference, share) == pytest.approx(n, abs=1)


def test_a_difference_beyond_the_discordance_is_impossible() -> None:
    assert not power.mde_paired_accuracy(20, 0.05).possible
    with pytest.raises(UserError, match="at least as many"):
        power.n_paired_accuracy(0.2, 0.1)


def test_mid_p_power_at_the_mde() -> None:
    """At the planned difference the real test has about the planned power (n = 150, a third discordant)."""
    delta = power.mde_paired_accuracy(150, 0.3).difference
    rng = np.random.default_rng(0)
    draws = rng.multinomial(150, [(0.3 + delta) / 2, (0.3 - delta) / 2, 0.7], size=4000)
    from sparkles_eval.stats.mcnemar import mcnemar

    hits = np.mean([mcnemar(int(b), int(c)).mid_p < 0.05 for b, c, _ in draws])
    assert hits == pytest.approx(0.82, abs=0.04)


def test_against_chance() -> None:
    found = power.mde_against_chance(150)
    assert found.critical_k == 88
    assert found.true_accuracy is not None
    assert power.power_against_chance(150, found.true_accuracy) == pytest.approx(0.8, abs=1e-9)
    assert power.mde_against_chance(3) == power.ChancePower(None, None, None)
    assert power.power_against_chance(3, 1.0) == 0.0


def test_unpaired_and_published_sample_sizes() -> None:
    assert power.mde_unpaired_accuracy(0.55, 150) == pytest.approx(0.1558, abs=1e-4)
    assert power.mde_unpaired_accuracy(0.99, 10) is None
    with pytest.raises(UserError, match="different rates"):
        power.n_unpaired_accuracy(0.5, 0.5)


def test_degenerate_plans_are_refused() -> None:
    for call in (
        lambda: power.mde_mean(1, 1.0),
        lambda: power.mde_mean(10, 1.0, power=0.04),
        lambda: power.n_mean(0, 1.0),
        lambda: power.half_width(1, 1.0),
        lambda: power.sd_of_difference(1.0, 1.5),
        lambda: power.mde_paired_accuracy(0, 0.3),
        lambda: power.expected_best(0, 0.5, 2),
        lambda: power.mde_against_chance(0),
    ):
        with pytest.raises(UserError, match=r"give|between|outside"):
            call()
    assert power.n_mean(1, 0.0) == 2


def test_the_best_of_many_equals_looks_better() -> None:
    rng = np.random.default_rng(0)
    simulated = rng.binomial(150, 0.55, size=(20_000, 10)).max(axis=1).mean() / 150
    assert power.expected_best(150, 0.55, 10) == pytest.approx(simulated, abs=0.001)
    assert power.expected_best(150, 0.55, 1) == pytest.approx(0.55)


def test_non_inferiority_against_statsmodels() -> None:
    from statsmodels.stats.weightstats import ttost_paired

    rng = np.random.default_rng(1)
    a, b = rng.normal(7, 1, 80), rng.normal(7, 1, 80)
    mean = paired.clustered_difference(a, b).mean
    assert mean.se is not None
    found = paired.non_inferiority(mean.mean, mean.se, 79, 0.5)
    p, lower, upper = ttost_paired(a, b, -0.5, 0.5)
    assert found.p_equivalence == pytest.approx(p)
    assert found.p == pytest.approx(lower[1])
    assert max(lower[1], upper[1]) == pytest.approx(found.p_equivalence)
    with pytest.raises(UserError, match="margin"):
        paired.non_inferiority(0.0, 1.0, 10, 0.0)
    with pytest.raises(UserError, match="se 0"):
        paired.non_inferiority(0.0, 0.0, 10, 0.1)
