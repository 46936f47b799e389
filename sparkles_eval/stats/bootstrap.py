"""Bootstrap intervals: BCa and percentile for one number, and one clustered bootstrap for many models at once."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import (
    FloatArray,
    IntArray,
    Labels,
    Values,
    ValueTable,
    codes,
    complete,
    is_constant,
    same_length,
    table,
)
from sparkles_eval.stats.dependence import cluster_sums
from sparkles_eval.stats.distributions import normal_cdf, normal_quantile

__all__ = [
    "Bootstrap",
    "ClusterTotals",
    "bca_mean",
    "bootstrap",
    "bootstrap_means",
    "cluster_totals",
    "pair_intervals",
    "percentile_intervals",
    "weighted_means",
]

WHOLE_FACTORS = (1, 2, 3, 6, 12)
"""Dialogue scores are multiples of 1/6: times one of these, sums are whole and float32 adds them without error."""
FLOAT32_WHOLE = 2**24
CHUNK = 256


@dataclass(frozen=True, slots=True)
class ClusterTotals:
    """Per cluster and model: sum of scores and number of scored items (one column when it is the same for all)."""

    sums: FloatArray
    counts: FloatArray


def cluster_totals(scores: ValueTable, clusters: Labels | None = None) -> ClusterTotals:
    """Aggregates items x models to clusters x models; None or NaN cells count nowhere. Raises UserError if empty."""
    x = table(scores, "cluster_totals")
    labels: Labels = np.arange(x.shape[0]) if clusters is None else clusters
    same_length("cluster_totals", x, labels)
    if not x.size:
        raise UserError("cluster_totals: no scores; give items x models")
    group, count = codes(labels)
    known = ~np.isnan(x)
    sums = cluster_sums(np.where(known, x, 0.0), group, count)
    if np.array_equal(known.all(axis=1), known.any(axis=1)):
        return ClusterTotals(sums, cluster_sums(known[:, :1].astype(np.float64), group, count))
    return ClusterTotals(sums, cluster_sums(known.astype(np.float64), group, count))


def weighted_means(weights: ValueTable, totals: ClusterTotals) -> FloatArray:
    """Means under each row of cluster weights (resamples x clusters): resampled sum over resampled **count**.

    Dividing by the original n instead would treat the random number of resampled items as fixed. NaN where a resample
    holds no scored item of a model.
    """
    w = table(weights, "weighted_means")
    if w.ndim != 2 or w.shape[1] != totals.sums.shape[0]:
        raise UserError("weighted_means: give one weight per cluster in each row")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((w @ totals.sums) / (w @ totals.counts), dtype=np.float64)


def bootstrap_means(totals: ClusterTotals, *, resamples: int = 10_000, seed: int = 0) -> FloatArray:
    """Bootstrap means, resamples x models: clusters drawn with replacement, the same draw for every model.

    Assumes exchangeable clusters, 30 or more. Give the same seed for the same data set and clusters, whatever models
    are in the table, and a model's column does not change with its neighbours. Source: Efron and Tibshirani 1993.
    """
    count, models = totals.sums.shape
    stacked = np.hstack([totals.sums, totals.counts])
    columns, factor = _exact_columns(stacked, models)
    rng = np.random.default_rng(seed)
    result = np.empty((resamples, models))
    narrow = np.uint16 if count <= 2**16 else np.uint32
    for start in range(0, resamples, CHUNK):
        rows = min(CHUNK, resamples - start)
        drawn = rng.integers(0, count, size=(rows, count), dtype=narrow).astype(np.int64)
        drawn += np.arange(rows)[:, None] * count
        weights = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        found = np.asarray(np.matmul(weights, columns, dtype=columns.dtype, casting="unsafe"))
        with np.errstate(invalid="ignore", divide="ignore"):
            np.divide(found[:, :models], found[:, models:] * factor, out=result[start : start + rows], dtype=np.float64)
    return result


def _exact_columns(stacked: FloatArray, models: int) -> tuple[NDArray[np.float32] | FloatArray, float]:
    """Columns to multiply, and what the sums were scaled by: float32 only where every sum stays exact."""
    for factor in WHOLE_FACTORS:
        scaled = stacked.copy()
        scaled[:, :models] *= factor
        whole = np.rint(scaled)
        if np.all(np.abs(scaled - whole) < 1e-6):
            # The largest sum a resample can reach: the heaviest cluster drawn every time.
            if float(np.max(np.abs(whole))) * stacked.shape[0] < FLOAT32_WHOLE:
                return whole.astype(np.float32), float(factor)
            return whole, float(factor)
    return stacked, 1.0


def percentile_intervals(means: FloatArray, *, alpha: float = 0.05) -> FloatArray:
    """Percentile limits per column of `bootstrap_means`, models x 2. NaN for a model missing from some resample."""
    return np.asarray(np.quantile(means, [alpha / 2, 1 - alpha / 2], axis=0).T, dtype=np.float64)


def pair_intervals(means: FloatArray, *, alpha: float = 0.05) -> FloatArray:
    """Percentile limits of every pair's difference, pairs x 2, in the order of `pairwise.pair_tests`.

    Trap: the share of resamples beyond 0 is not a p-value; take p from `pairwise`.
    """
    resamples, models = means.shape
    columns = np.ascontiguousarray(means.T)
    places = np.array([alpha / 2, 1 - alpha / 2]) * (resamples - 1)
    below = np.floor(places).astype(np.int64)
    above = np.minimum(below + 1, resamples - 1)
    kept = np.unique(np.concatenate([below, above]))
    limits = []
    for i in range(models - 1):
        block = np.partition(columns[i] - columns[i + 1 :], kept, axis=1)
        limits.append(block[:, below] + (places - below) * (block[:, above] - block[:, below]))
    return np.concatenate(limits) if limits else np.zeros((0, 2))


Statistic: TypeAlias = Callable[[IntArray], float]
"""Takes item positions (with repeats) and returns the statistic of those items."""

MAX_ENUMERATED = 1_000_000


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """A statistic with its bootstrap interval. Limits are None where there is no variation; `note` says so."""

    value: float
    se: float
    percentile: tuple[float, float] | None
    bca: tuple[float, float] | None
    z0: float | None
    """Median bias, in normal quantiles."""
    acceleration: float | None
    alphas: tuple[float, float] | None
    """The shares of the bootstrap distribution at which BCa cuts."""
    resamples: int
    exact: bool
    """True when every possible resample was enumerated: no random numbers."""
    note: str = ""


def bca_mean(
    values: Values, clusters: Labels | None = None, *, alpha: float = 0.05, resamples: int = 10_000, seed: int = 0
) -> Bootstrap:
    """BCa interval of a mean: for scores that are skewed or pressed against the ceiling.

    Resamples clusters (items by default) and divides by the resampled count. z0 counts half of the ties, which discrete
    scores always have; a = sum d^3 / (6 (sum d^2)^1.5) with d = mean of the jackknife minus the jackknife.
    Assumes independent clusters, 50 or more. Up to 7 clusters all resamples are enumerated.
    Source: Efron 1987, "Better bootstrap confidence intervals". Trap: it does not rescue few items; use the t interval
    as the headline and this as a check. Constant data: no interval, note "no variation".
    """
    x = complete(values, "bca_mean")
    labels = np.arange(x.size) if clusters is None else clusters
    same_length("bca_mean", x, labels)
    if x.size == 0:
        raise UserError("bca_mean: no values; give at least one")
    group, units = codes(labels)
    value = float(x.mean())
    if units == 1 or is_constant(x):
        note = "no variation" if is_constant(x) and x.size > 1 else "one independent unit"
        return Bootstrap(value, 0.0, None, None, None, None, None, 0, True, note)
    sums = np.bincount(group, weights=x - value, minlength=units)
    sizes = np.bincount(group, minlength=units).astype(np.float64)
    exact = units**units <= MAX_ENUMERATED
    if exact:
        drawn = np.array(list(itertools.product(range(units), repeat=units)))
    else:
        drawn = np.random.default_rng(seed).integers(0, units, size=(resamples, units))
    boot = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    jackknife = (sums.sum() - sums) / (sizes.sum() - sizes)
    return _bca(value, boot + value, jackknife, alpha, exact)


def bootstrap(
    statistic: Statistic, clusters: Labels, *, alpha: float = 0.05, resamples: int = 2_000, seed: int = 0
) -> Bootstrap:
    """Bootstrap interval of any statistic of items: a median, an AUC, a difference of consistencies.

    `statistic` gets item positions; for two models let it index both with the same positions, which keeps the pairing.
    Clusters are resampled whole. Assumes exchangeable clusters, 30 or more. Source: Efron and Tibshirani 1993; Koehn
    2004. Trap: the share of resamples below 0 is not a p-value; take p from a permutation test.
    """
    group, units = codes(clusters)
    if units == 0:
        raise UserError("bootstrap: no items; give at least one")
    members = [np.flatnonzero(group == unit) for unit in range(units)]
    value = float(statistic(np.arange(group.size)))
    if units == 1:
        return Bootstrap(value, 0.0, None, None, None, None, None, 0, True, "one independent unit")
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, units, size=(resamples, units))
    boot = np.array([statistic(np.concatenate([members[unit] for unit in row])) for row in drawn], dtype=np.float64)
    if not np.all(np.isfinite(boot)):
        raise UserError("bootstrap: the statistic is undefined on some resamples; give more items or another statistic")
    left_out = [np.flatnonzero(group != unit) for unit in range(units)]
    jackknife = np.array([statistic(items) for items in left_out], dtype=np.float64)
    return _bca(value, boot, jackknife, alpha, exact=False)


def _bca(value: float, boot: FloatArray, jackknife: FloatArray, alpha: float, exact: bool) -> Bootstrap:
    se = float(boot.std())
    count = boot.size
    if is_constant(boot):
        return Bootstrap(value, 0.0, None, None, None, None, None, count, exact, "no variation")
    low, high = (float(q) for q in np.quantile(boot, [alpha / 2, 1 - alpha / 2]))
    slack = 1e-9 * max(1.0, abs(value))
    below = np.count_nonzero(boot < value - slack)
    ties = np.count_nonzero(np.abs(boot - value) <= slack)
    share = (below + ties / 2) / count
    if not 0 < share < 1:
        note = "every resample lies on one side of the value: no BCa interval"
        return Bootstrap(value, se, (low, high), None, None, None, None, count, exact, note)
    z0 = normal_quantile(share)
    d = jackknife.mean() - jackknife
    spread = float(d @ d)
    a = float(np.sum(d**3)) / (6 * spread**1.5) if spread > 0 else 0.0
    z = normal_quantile(1 - alpha / 2)
    cuts = [normal_cdf(z0 + (z0 + side * z) / (1 - a * (z0 + side * z))) for side in (-1, 1)]
    if not all(math.isfinite(cut) for cut in cuts):
        return Bootstrap(value, se, (low, high), None, z0, a, None, count, exact, "acceleration too large for BCa")
    bca_low, bca_high = (float(q) for q in np.quantile(boot, cuts))
    return Bootstrap(value, se, (low, high), (bca_low, bca_high), z0, a, (cuts[0], cuts[1]), count, exact)
