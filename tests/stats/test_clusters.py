"""Clustered standard errors against statsmodels, and what happens with one cluster or none that varies."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats import clusters


def _data(seed: int, groups: int = 12, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    group = rng.integers(0, groups, n)
    return rng.normal(0, 1, n) + rng.normal(0, 1, groups)[group], group


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_clustered_mean_agrees_with_statsmodels(seed: int) -> None:
    y, group = _data(seed)
    found = clusters.clustered_mean(y, group, variance="CR1")
    n, count = y.size, found.clusters
    fit = sm.OLS(y, np.ones((n, 1))).fit(cov_type="cluster", cov_kwds={"groups": group}, use_t=True)
    # statsmodels multiplies by (n-1)/(n-1) here, as there is one coefficient: the same CR1.
    assert found.se_cr1 == pytest.approx(float(fit.bse[0]), rel=1e-9)
    assert found.se_cr0 == pytest.approx(float(fit.bse[0]) * np.sqrt((count - 1) / count), rel=1e-9)
    low, high = fit.conf_int()[0]
    assert (found.low, found.high) == pytest.approx((low, high))


def test_order_and_names_of_clusters_do_not_matter() -> None:
    y, group = _data(5)
    shuffle = np.random.default_rng(1).permutation(y.size)
    names = [f"dialogue {g}" for g in group[shuffle]]
    assert clusters.clustered_mean(y[shuffle], names).se_cr1 == pytest.approx(clusters.clustered_mean(y, group).se_cr1)


def test_one_item_per_cluster_is_the_plain_standard_error() -> None:
    y, _ = _data(2)
    found = clusters.clustered_mean(y, range(y.size))
    assert found.se_cr1 == pytest.approx(np.std(y, ddof=1) / np.sqrt(y.size))
    assert found.deff == pytest.approx(1.0)


def test_degenerate_clusters_give_notes_not_nan() -> None:
    one = clusters.clustered_mean([1.0, 0.0, 1.0], ["a", "a", "a"])
    assert (one.note, one.se_cr1, one.low) == ("one cluster", None, None)
    constant = clusters.clustered_mean([0.3] * 6, [0, 0, 1, 1, 2, 2])
    assert (constant.note, constant.se_cr1, constant.low, constant.deff) == ("no variation", 0.0, None, None)
    level = clusters.clustered_mean([1.0, 0.0, 1.0, 0.0], [0, 0, 1, 1])
    assert (level.note, level.low) == ("no variation between clusters", None)
    with pytest.raises(UserError, match="no values"):
        clusters.clustered_mean([], [])
    with pytest.raises(UserError, match="lengths differ"):
        clusters.clustered_mean([1.0], [1, 2])


def test_cluster_wilson_stays_inside() -> None:
    found = clusters.cluster_wilson([1.0] * 9 + [0.0], [0, 0, 0, 1, 1, 1, 2, 2, 3, 3])
    assert found.interval.low is not None and found.interval.high is not None
    assert 0 <= found.interval.low <= 0.9 <= found.interval.high <= 1
    cautious = clusters.cluster_wilson([1.0] * 8, [0, 0, 1, 1, 2, 2, 3, 3])
    assert cautious.n_eff == 4 and "counts as one item" in cautious.interval.note
    assert clusters.cluster_wilson([1.0, 0.0], [0, 0]).interval.note == "one cluster"
    with pytest.raises(UserError, match="outside"):
        clusters.cluster_wilson([2.0], [0])


def test_two_way_reduces_to_one_way_when_one_label_nests_the_other() -> None:
    y, group = _data(7)
    found = clusters.two_way(y, group, np.arange(y.size))
    assert found.se_two_way == pytest.approx(clusters.clustered_mean(y, group).se_cr0)
    assert found.se_connected == pytest.approx(clusters.clustered_mean(y, group).se_cr0)


def test_a_negative_two_way_variance_is_said() -> None:
    found = clusters.two_way([1.0, 0.0, 0.0, 1.0], ["s", "s", "t", "t"], ["i", "j", "i", "j"])
    assert found.se_two_way is None and "negative" in found.note
    assert found.clusters_connected == 1


def test_connected_clusters_join_through_either_label() -> None:
    found = clusters.connected_clusters(["a", "b", "c", "d", "e"], [1, 1, 2, 3, 2])
    assert found.tolist() == [0, 0, 1, 2, 1]
    assert clusters.connected_clusters(["a", "b", "c"], [1, 2, 3]).tolist() == [0, 1, 2]


def test_design_effect_keeps_a_negative_icc_and_refuses_no_design() -> None:
    negative = clusters.design_effect([1.0, 0.0] * 10, np.repeat(np.arange(10), 2))
    assert negative.icc == pytest.approx(-1.0) and negative.deff == pytest.approx(0.0)
    assert clusters.design_effect([1.0] * 4, [0, 0, 1, 1]).note == "no variation"
    with pytest.raises(UserError, match="one of them repeated"):
        clusters.design_effect([1.0, 2.0], [0, 1])
