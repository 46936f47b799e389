"""Two models on the same items: against scipy, under swapping and shuffling, and where nothing differs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats import paired

half_points = st.integers(2, 20).map(lambda v: v / 2)
pairs = st.lists(st.tuples(half_points, half_points), min_size=3, max_size=40)


def _columns(rows: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(rows)
    return table[:, 0], table[:, 1]


@settings(max_examples=50, deadline=None)
@given(pairs)
def test_t_and_wilcoxon_agree_with_scipy(rows: list[tuple[float, float]]) -> None:
    a, b = _columns(rows)
    found = paired.paired_t(a, b)
    if found.t is not None:
        expected = stats.ttest_rel(a, b)
        assert (found.t, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    if np.any(a != b):
        ranked = paired.wilcoxon(a, b)
        plain = stats.wilcoxon(a, b, zero_method="wilcox", method="approx", axis=None)
        pratt = stats.wilcoxon(a, b, zero_method="pratt", method="approx", axis=None)
        assert (ranked.p_asymptotic, ranked.p_pratt) == pytest.approx((plain.pvalue, pratt.pvalue), abs=1e-9)


def test_exact_wilcoxon_permutes_the_ties() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.integers(1, 8, 10).astype(float), rng.integers(1, 8, 10).astype(float)
    moved = a != b
    expected = stats.wilcoxon(a[moved], b[moved], method=stats.PermutationMethod())
    assert paired.wilcoxon(a, b).p_exact == pytest.approx(expected.pvalue)


@settings(max_examples=50, deadline=None)
@given(pairs, st.integers(1, 12), st.integers(0, 999))
def test_swapping_flips_the_sign_and_order_does_not_matter(
    rows: list[tuple[float, float]], groups: int, seed: int
) -> None:
    a, b = _columns(rows)
    group = np.arange(a.size) % groups
    one, other = paired.clustered_difference(a, b, group), paired.clustered_difference(b, a, group)
    assert one.mean.mean == pytest.approx(-other.mean.mean)
    assert one.p == pytest.approx(other.p) if one.p is not None else other.p is None
    assert paired.effect_sizes(a, b).cliff_delta == pytest.approx(-paired.effect_sizes(b, a).cliff_delta)
    assert paired.sign_flip(a, b).p_two_sided == pytest.approx(paired.sign_flip(b, a).p_two_sided)
    order = np.random.default_rng(seed).permutation(a.size)
    again = paired.clustered_difference(a[order], b[order], group[order])
    assert again.p == pytest.approx(one.p) if one.p is not None else again.p is None


@settings(max_examples=40, deadline=None)
@given(pairs)
def test_effect_sizes_agree_with_scipy(rows: list[tuple[float, float]]) -> None:
    a, b = _columns(rows)
    found = paired.effect_sizes(a, b)
    u = stats.mannwhitneyu(a, b).statistic
    assert found.cliff_delta == pytest.approx(2 * u / (a.size * b.size) - 1)
    assert -1 <= found.within_delta <= 1


def test_without_clusters_it_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(7, 1, 50), rng.normal(6.5, 1, 50)
    found = paired.clustered_difference(a, b)
    assert found.p == pytest.approx(stats.ttest_rel(a, b).pvalue)
    assert found.se_unpaired == pytest.approx(np.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / 50))


def test_identical_models_and_constant_gaps_have_clear_answers() -> None:
    x = [7.0, 8.0, 9.0, 6.0]
    same = paired.clustered_difference(x, x)
    assert (same.p, same.t, same.mean.note) == (1.0, None, "no variation")
    assert paired.paired_t(x, x).p == 1.0
    assert paired.wilcoxon(x, x).p_exact == 1.0
    gap = paired.clustered_difference([10.0] * 12, [1.0] * 12)
    assert gap.p == pytest.approx(2 / 2**12) and gap.mean.low is None
    assert paired.clustered_difference([1.0, 0.0], [0.0, 0.0], ["a", "a"]).p is None
    assert paired.effect_sizes(x, x).d_z is None
    with pytest.raises(UserError, match="no common items"):
        paired.clustered_difference([], [])
    with pytest.raises(UserError, match="no value"):
        paired.paired_t([1.0, None], [1.0, 2.0])


def test_clusters_change_sign_together() -> None:
    a, b = np.repeat([3.0, 4.0, 6.0, 5.0, 7.0], 10), np.repeat([2.0, 3.0, 5.0, 4.0, 6.5], 10)
    assert paired.sign_flip(a, b, np.repeat(np.arange(5), 10)).p_two_sided == pytest.approx(2 / 32)
    assert paired.sign_flip(a, b).p_two_sided < 1e-9
