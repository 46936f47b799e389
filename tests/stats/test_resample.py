"""The bootstrap engine: against analytic standard errors, across batches of models, with gaps and without luck."""

from __future__ import annotations

import numpy as np
import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats import bootstrap, pairwise


def _scores(seed: int = 0, models: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(60), 3)
    item = rng.normal(0, 1, 60)[group]
    return np.clip(np.rint(7 + item[:, None] + rng.normal(0, 1, (180, models))), 1, 10), group


def test_bootstrap_spread_is_the_clustered_standard_error() -> None:
    x, group = _scores()
    means = bootstrap.bootstrap_means(bootstrap.cluster_totals(x, group), resamples=6000)
    tests = pairwise.pair_tests(x, group)
    first, second = tests.first, tests.second
    assert (means[:, first] - means[:, second]).std(axis=0) == pytest.approx(tests.se, rel=0.06)
    assert means.mean(axis=0) == pytest.approx(x.mean(axis=0), abs=0.02)


def test_whole_sums_in_float32_equal_float64() -> None:
    x, group = _scores()
    whole = bootstrap.bootstrap_means(bootstrap.cluster_totals(x / 6, group), resamples=300)
    shifted = bootstrap.bootstrap_means(bootstrap.cluster_totals(x / 6 + np.pi, group), resamples=300)
    assert shifted - np.pi == pytest.approx(whole, abs=1e-12)


def test_a_model_does_not_depend_on_its_neighbours() -> None:
    x, group = _scores()
    alone = bootstrap.bootstrap_means(bootstrap.cluster_totals(x[:, :1], group), resamples=200, seed=9)
    together = bootstrap.bootstrap_means(bootstrap.cluster_totals(x, group), resamples=200, seed=9)
    assert together[:, :1] == pytest.approx(alone, abs=1e-12)


def test_gaps_count_per_model() -> None:
    x, group = _scores()
    x[::7, 1] = np.nan
    totals = bootstrap.cluster_totals(x, group)
    assert totals.counts.shape == totals.sums.shape
    means = bootstrap.bootstrap_means(totals, resamples=4000)
    assert means[:, 1].mean() == pytest.approx(np.nanmean(x[:, 1]), abs=0.02)


def test_weights_must_fit() -> None:
    x, group = _scores()
    totals = bootstrap.cluster_totals(x, group)
    assert bootstrap.weighted_means(np.ones((1, 60)), totals)[0] == pytest.approx(x.mean(axis=0))
    assert np.isnan(bootstrap.weighted_means(np.zeros((1, 60)), totals)).all()
    with pytest.raises(UserError, match="one weight per cluster"):
        bootstrap.weighted_means([[1.0, 2.0]], totals)
    with pytest.raises(UserError, match="no scores"):
        bootstrap.cluster_totals([])


def test_percentiles_are_numpys() -> None:
    x, group = _scores()
    means = bootstrap.bootstrap_means(bootstrap.cluster_totals(x, group), resamples=777)
    pairs = bootstrap.pair_intervals(means)
    first, second = np.triu_indices(4, 1)
    expected = np.quantile(means[:, first] - means[:, second], [0.025, 0.975], axis=0).T
    assert pairs == pytest.approx(expected, abs=1e-12)
    assert bootstrap.percentile_intervals(means) == pytest.approx(np.quantile(means, [0.025, 0.975], axis=0).T)
