"""All pairs of many models at once: analytic clustered tests from one covariance matrix.

Models are columns 0..M-1; pairs come in the order (0,1), (0,2), ..., (M-2,M-1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import FloatArray, IntArray, Labels, ValueTable, codes, same_length, table
from sparkles_eval.stats.signflip import sign_flip_test

__all__ = ["PairTests", "cluster_sums", "pair_tests"]


@dataclass(frozen=True, slots=True)
class PairTests:
    """One entry per pair. NaN where a pair has too few common items or a single cluster (`clusters` says)."""

    first: IntArray
    second: IntArray
    n: IntArray
    """Common items."""
    lost: IntArray
    """Items that only one of the two models has."""
    clusters: IntArray
    difference: FloatArray
    """Mean of first - second over common items."""
    se: FloatArray
    """Clustered (CR1)."""
    low: FloatArray
    high: FloatArray
    p: FloatArray
    """Two-sided t test with clusters - 1 degrees of freedom; the sign-flip p where a difference never varies."""


def pair_tests(scores: ValueTable, clusters: Labels | None = None, *, alpha: float = 0.05) -> PairTests:
    """Every pair of models by the clustered paired t test (`paired.clustered_difference`). `scores`: items x models.

    Var(A - B) = Var A + Var B - 2 Cov from one M x M matrix of cluster sums where all models have the same items;
    otherwise each pair is computed on its own common items. Source: Miller 2024.
    """
    x = _table(scores, "pair_tests")
    labels: Labels = np.arange(x.shape[0]) if clusters is None else clusters
    same_length("pair_tests", x, labels)
    group = codes(labels)[0]
    first, second = (side.astype(np.int64) for side in np.triu_indices(x.shape[1], 1))
    known = ~np.isnan(x)
    both = known.astype(np.float64).T @ known.astype(np.float64)
    n = both[first, second].astype(np.int64)
    lost = (np.diag(both)[first] + np.diag(both)[second]).astype(np.int64) - 2 * n
    same = known.all(axis=1)
    if np.array_equal(same, known.any(axis=1)):
        x, group = x[same], codes(group[same])[0]
        difference, se, count = _from_covariance(x, group, first, second)
        units = np.full(first.size, count, dtype=np.int64)
    else:
        found = [_one(x, group, i, j) for i, j in zip(first.tolist(), second.tolist(), strict=True)]
        difference, se = np.array([f[0] for f in found]), np.array([f[1] for f in found])
        units = np.array([f[2] for f in found], dtype=np.int64)
    df = np.maximum(units - 1, 1).astype(np.float64)
    p = 2 * special.stdtr(df, -np.abs(difference) / np.where(se > 0, se, np.nan))
    for pair in np.flatnonzero((se == 0) & (units > 1)).tolist():
        p[pair] = _flipped(x, group, int(first[pair]), int(second[pair]))
    half = special.stdtrit(df, 1 - alpha / 2) * np.where(se > 0, se, np.nan)
    return PairTests(first, second, n, lost, units, difference, se, difference - half, difference + half, p)


def _table(scores: ValueTable, who: str) -> FloatArray:
    x = table(scores, who)
    if x.ndim != 2 or x.shape[1] < 2:
        raise UserError(f"{who}: give a table of items x models with at least two models")
    return x


def _from_covariance(
    x: FloatArray, group: IntArray, first: IntArray, second: IntArray
) -> tuple[FloatArray, FloatArray, int]:
    n = x.shape[0]
    if n == 0:
        return np.full(first.size, np.nan), np.full(first.size, np.nan), 0
    means = x.mean(axis=0)
    count = int(group.max()) + 1
    sums = cluster_sums(x - means, group, count)
    if count < 2:
        return means[first] - means[second], np.full(first.size, np.nan), count
    covariance = sums.T @ sums * (count / (count - 1)) / n**2
    own = np.diag(covariance)
    variance = own[first] + own[second] - 2 * covariance[first, second]
    # What is left of equal columns after subtraction is rounding noise, not variance.
    variance[variance < 1e-14 * (own[first] + own[second]) + 1e-30] = 0.0
    return means[first] - means[second], np.sqrt(variance), count


def cluster_sums(x: FloatArray, group: IntArray, count: int) -> FloatArray:
    """Column sums within clusters: (items x models) to (clusters x models)."""
    if count == group.size:
        sums = np.empty_like(x)
        sums[group] = x
        return sums
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(count))
    return np.asarray(np.add.reduceat(x[order], starts, axis=0), dtype=np.float64)


def _one(x: FloatArray, group: IntArray, i: int, j: int) -> tuple[float, float, int]:
    keep = ~np.isnan(x[:, i]) & ~np.isnan(x[:, j])
    d = x[keep, i] - x[keep, j]
    if not d.size:
        return np.nan, np.nan, 0
    sums = np.bincount(group[keep], weights=d - d.mean())
    sizes = np.bincount(group[keep])
    count = int(np.count_nonzero(sizes))
    if count < 2:
        return float(d.mean()), np.nan, count
    variance = float(sums @ sums) * count / (count - 1) / d.size**2
    return float(d.mean()), float(np.sqrt(variance)) if variance > 1e-28 else 0.0, count


def _flipped(x: FloatArray, group: IntArray, i: int, j: int) -> float:
    keep = ~np.isnan(x[:, i]) & ~np.isnan(x[:, j])
    found = codes(group[keep])[0]
    return sign_flip_test(np.bincount(found, weights=x[keep, i] - x[keep, j])).p_two_sided
