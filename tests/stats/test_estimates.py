"""What tables print: estimates, their notes, and the policy of small samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from scipy.stats import t as student

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.consistency import group_consistency
from sparkles_eval.stats.estimates import accuracy_estimate, groups_estimate, mean_estimate, stratified_estimate


def test_independent_accuracy_is_wilson() -> None:
    found = accuracy_estimate([1.0] * 85 + [0.0] * 65)
    assert (found.value, found.n, found.total, found.clusters) == (85 / 150, 150, 150, 150)
    assert (found.low, found.high) == pytest.approx((0.4867, 0.6433), abs=1e-4)
    assert (found.method, found.note) == ("Wilson", "")


def test_ungraded_items_are_left_out_and_counted() -> None:
    found = accuracy_estimate([1.0, None, 0.0] * 20, total=70)
    assert (found.value, found.n, found.total) == (0.5, 40, 70)
    with pytest.raises(UserError, match="give the number of items asked"):
        accuracy_estimate([1.0] * 5, total=4)
    with pytest.raises(UserError, match="mean_estimate"):
        accuracy_estimate([0.5] * 40)


def test_nothing_graded_is_not_zero() -> None:
    for function in (accuracy_estimate, mean_estimate):
        found = function([None, None], total=2)
        assert (found.value, found.low, found.high, found.n, found.total) == (None, None, None, 0, 2)
        assert "none of 2" in found.note


def test_few_items_get_the_exact_interval_and_a_warning() -> None:
    found = accuracy_estimate([1.0] * 7 + [0.0] * 5)
    exact = binomtest(7, 12).proportion_ci(0.95, "exact")
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high))
    assert found.method == "Clopper-Pearson" and "not for ranking" in found.note


def test_clusters_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    level = rng.beta(1, 1, 60)
    y = (rng.random((60, 4)) < level[:, None]).astype(float).ravel()
    alone, grouped = accuracy_estimate(y), accuracy_estimate(y, np.repeat(np.arange(60), 4))
    assert alone.low is not None and alone.high is not None
    assert grouped.low is not None and grouped.high is not None
    assert grouped.high - grouped.low > 1.2 * (alone.high - alone.low)
    assert (grouped.clusters, grouped.method) == (60, "Wilson, clustered")


def test_few_and_single_clusters() -> None:
    few = accuracy_estimate([1.0, 1.0, 0.0] * 10, np.repeat(np.arange(5), 6))
    assert "fewer than 30 clusters (5)" in few.note and few.low is not None
    one = accuracy_estimate([1.0, 0.0] * 20, ["same"] * 40)
    assert (one.low, one.high) == (None, None) and "one cluster" in one.note


def test_all_right_in_clusters_counts_clusters() -> None:
    found = accuracy_estimate([1.0] * 100, np.repeat(np.arange(50), 2))
    assert found.low is not None and found.low < 0.95 and "each of the 50 clusters" in found.note


def test_mean_uses_t_then_sign_flips_then_nothing() -> None:
    rng = np.random.default_rng(1)
    x = rng.integers(1, 11, 40).astype(float)
    assert mean_estimate(x).method == "t"
    assert mean_estimate(np.repeat(x, 2), np.repeat(np.arange(40), 2)).method == "t, clustered"
    assert mean_estimate(x[:12]).method == "sign flips" and "12" in mean_estimate(x[:12]).note
    few = mean_estimate(x[:4])
    assert few.low is None and "too few" in few.note
    assert mean_estimate([8.0]).note == "one item"
    constant = mean_estimate([10.0] * 150)
    assert (constant.value, constant.low, constant.note) == (10.0, None, "no variation")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0, None]), min_size=1, max_size=90), st.integers(1, 40))
def test_accuracy_is_ordered_and_inside(values: list[float | None], groups: int) -> None:
    found = accuracy_estimate(values, [i % groups for i in range(len(values))])
    if found.value is None or found.low is None or found.high is None:
        assert found.note
    else:
        assert 0 <= found.low <= found.value <= found.high <= 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(2, 20).map(lambda v: v / 2), min_size=1, max_size=60), st.integers(1, 70))
def test_mean_is_ordered_or_explained(values: list[float], groups: int) -> None:
    found = mean_estimate(values, [i % groups for i in range(len(values))])
    if found.low is None or found.high is None:
        assert found.note
    else:
        assert found.value is not None and found.low <= found.value <= found.high


def test_consistency_stands_beside_its_chance_level() -> None:
    groups = group_consistency([1.0, 1.0, 1.0, 0.0, None, 1.0], ["a", "a", "b", "b", "c", "c"])
    assert groups.chance == pytest.approx(0.25)
    found = groups_estimate(groups.complete.astype(float), groups.sizes, "abc", groups.chance)
    assert (found.value, found.n) == (1 / 3, 3)
    assert "chance 0.250" in found.note and "3 of 2" in found.note
    assert groups_estimate([1.0] * 40, {2: 40}, np.repeat(np.arange(20), 2), 0.25).clusters == 20


def test_a_mean_over_groups_counts_each_group_once() -> None:
    values = [0.0, 1.0] * 50 + [0.2, 0.4] * 20
    found = stratified_estimate(values, ["large"] * 100 + ["small"] * 40)
    large, small = np.std([0.0, 1.0] * 50, ddof=1) / 10, np.std([0.2, 0.4] * 20, ddof=1) / np.sqrt(40)
    freedom = (large**2 + small**2) ** 2 / (large**4 / 99 + small**4 / 39)
    half = student.ppf(0.975, freedom) * np.sqrt(large**2 + small**2) / 2
    assert found.value == pytest.approx((0.5 + 0.3) / 2)
    assert (found.low, found.high) == pytest.approx((0.4 - half, 0.4 + half))
    assert (found.n, found.total, found.clusters, found.method) == (140, 140, 140, "t, stratified")


def test_one_group_is_the_plain_mean() -> None:
    values = np.random.default_rng(3).normal(5, 2, 80)
    one, plain = stratified_estimate(values, ["a"] * 80), mean_estimate(values)
    assert (one.value, one.low, one.high) == pytest.approx((plain.value, plain.low, plain.high))


def test_a_group_without_a_grade_leaves_no_mean_over_groups() -> None:
    found = stratified_estimate([1.0, 2.0, None], ["a", "a", "b"])
    assert (found.value, found.low, found.n, found.total) == (None, None, 2, 3)
    assert found.note == "1 of 2 groups have nothing graded"
    alone = stratified_estimate([1.0, 2.0, 3.0], ["a", "a", "b"])
    assert (alone.value, alone.low) == (2.25, None) and "one independent unit" in alone.note
    same = stratified_estimate([1.0, 1.0, 3.0, 3.0], ["a", "a", "b", "b"])
    assert (same.value, same.low, same.note) == (2.0, None, "no variation")


def test_the_interval_of_a_mean_over_groups_covers() -> None:
    rng = np.random.default_rng(11)
    strata = ["a"] * 40 + ["b"] * 200 + ["c"] * 60
    inside = 0
    for _ in range(1_000):
        values = np.concatenate([rng.normal(1, 1, 40), rng.normal(4, 3, 200), rng.exponential(2, 60)])
        found = stratified_estimate(values, strata)
        assert found.low is not None and found.high is not None
        inside += found.low <= (1 + 4 + 2) / 3 <= found.high
    assert 0.93 <= inside / 1_000 <= 0.97
