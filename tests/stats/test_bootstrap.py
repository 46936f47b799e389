"""BCa against scipy, ties and constants included; any statistic over whole clusters."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats import bootstrap


def test_bca_is_near_scipy() -> None:
    x = np.random.default_rng(0).exponential(1, 80)
    found = bootstrap.bca_mean(x, resamples=20_000)
    expected = stats.bootstrap((x,), np.mean, n_resamples=20_000, method="BCa", rng=1).confidence_interval
    assert found.bca == pytest.approx((expected.low, expected.high), abs=0.02)
    assert not found.exact and found.bca is not None and found.percentile is not None
    assert found.bca[0] > found.percentile[0] - 0.02  # skew to the right moves both limits up
    assert found.se == pytest.approx(np.std(x) / np.sqrt(80), rel=0.03)


def test_the_same_seed_gives_the_same_interval() -> None:
    x = np.random.default_rng(1).normal(0, 1, 40)
    assert bootstrap.bca_mean(x, seed=4) == bootstrap.bca_mean(x, seed=4)


def test_constant_data_have_no_interval() -> None:
    found = bootstrap.bca_mean([10.0] * 30)
    assert (found.bca, found.percentile, found.note) == (None, None, "no variation")
    assert bootstrap.bca_mean([1.0, 2.0], ["a", "a"]).note == "one independent unit"
    with pytest.raises(UserError, match="no values"):
        bootstrap.bca_mean([])


def test_clusters_are_resampled_whole() -> None:
    rng = np.random.default_rng(3)
    level = rng.normal(0, 1, 40)
    x, group = np.repeat(level, 3), np.repeat(np.arange(40), 3)
    assert bootstrap.bca_mean(x, group).se > 1.5 * bootstrap.bca_mean(x).se


def test_any_statistic_of_two_models_keeps_their_pairing() -> None:
    rng = np.random.default_rng(5)
    a = rng.normal(0, 3, 60)
    b = a - 1 + rng.normal(0, 0.1, 60)
    found = bootstrap.bootstrap(lambda i: float(np.mean(a[i]) - np.mean(b[i])), np.arange(60), resamples=500)
    assert found.bca is not None and 0.9 < found.bca[0] < found.value < found.bca[1] < 1.1
    one = bootstrap.bootstrap(lambda i: float(a[i].mean()), ["x"] * 60)
    assert one.note == "one independent unit"
    with pytest.raises(UserError, match="undefined on some resamples"):
        bootstrap.bootstrap(lambda i: float("nan") if len(set(i.tolist())) < 60 else 1.0, np.arange(60), resamples=50)
