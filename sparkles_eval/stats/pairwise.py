"""All pairs of many models at once: analytic clustered tests from one covariance matrix.

Models are columns 0..M-1; pairs come in the order (0,1), (0,2), ..., (M-2,M-1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import (
    FloatArray,
    IntArray,
    Labels,
    ValueTable,
    codes,
    object_labels,
    same_length,
    table,
)
from sparkles_eval.stats.dependence import Dependence, dependence
from sparkles_eval.stats.signflip import sign_flip_test

__all__ = ["PairTests", "pair_tests"]


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
    effective: FloatArray
    """Independent units of equal size that the common items are worth."""
    freedom: FloatArray
    difference: FloatArray
    """Mean of first - second over common items."""
    se: FloatArray
    """Clustered (CR2), or by both units of items that have two (`dependence`)."""
    low: FloatArray
    high: FloatArray
    p: FloatArray
    """Two-sided t test (`dependence` has its degrees of freedom); the sign-flip p where a difference never varies."""


def pair_tests(scores: ValueTable, clusters: Labels | None = None, *, alpha: float = 0.05) -> PairTests:
    """Every pair of models by the clustered paired t test (`paired.clustered_difference`). `scores`: items x models.

    Var(A - B) = Var A + Var B - 2 Cov from one M x M matrix of covariances where all models have the same items;
    otherwise each pair is computed on its own common items. Source: Miller 2024.
    """
    x = _table(scores, "pair_tests")
    labels = object_labels(np.arange(x.shape[0]) if clusters is None else clusters)
    same_length("pair_tests", x, labels)
    first, second = (side.astype(np.int64) for side in np.triu_indices(x.shape[1], 1))
    known = ~np.isnan(x)
    both = known.astype(np.float64).T @ known.astype(np.float64)
    n = both[first, second].astype(np.int64)
    lost = (np.diag(both)[first] + np.diag(both)[second]).astype(np.int64) - 2 * n
    same = known.all(axis=1)
    if np.array_equal(same, known.any(axis=1)):
        difference, se, depends = _from_covariance(x[same], labels[same], first, second)
        each: list[Dependence | None] = [depends] * first.size
    else:
        found = [_one(x, labels, i, j) for i, j in zip(first.tolist(), second.tolist(), strict=True)]
        difference, se = np.array([f[0] for f in found]), np.array([f[1] for f in found])
        each = [f[2] for f in found]
    units = np.array([one.units if one else 0 for one in each], dtype=np.int64)
    effective = np.array([one.effective if one else 0.0 for one in each])
    df = np.array([max(one.freedom if one else 0.0, 1e-9) for one in each])
    wide = np.where((se > 0) & (df >= 1), se, np.nan)
    p = 2 * special.stdtr(df, -np.abs(difference) / wide)
    for pair in np.flatnonzero((se == 0) & (units > 1)).tolist():
        p[pair] = _flipped(x, labels, int(first[pair]), int(second[pair]))
    half = special.stdtrit(df, 1 - alpha / 2) * wide
    return PairTests(
        first, second, n, lost, units, effective, df, difference, se, difference - half, difference + half, p
    )


def _table(scores: ValueTable, who: str) -> FloatArray:
    x = table(scores, who)
    if x.ndim != 2 or x.shape[1] < 2:
        raise UserError(f"{who}: give a table of items x models with at least two models")
    return x


def _from_covariance(
    x: FloatArray, labels: Labels, first: IntArray, second: IntArray
) -> tuple[FloatArray, FloatArray, Dependence | None]:
    if x.shape[0] == 0:
        return np.full(first.size, np.nan), np.full(first.size, np.nan), None
    means, depends = x.mean(axis=0), dependence(labels)
    if depends.units < 2:
        return means[first] - means[second], np.full(first.size, np.nan), depends
    covariance = depends.covariance(x - means)
    own = np.diag(covariance)
    variance = own[first] + own[second] - 2 * covariance[first, second]
    # What is left of equal columns after subtraction is rounding noise, not variance.
    noise = 1e-14 * (np.abs(own[first]) + np.abs(own[second])) + 1e-30
    return means[first] - means[second], _root(variance, noise), depends


def _one(x: FloatArray, labels: NDArray[np.generic], i: int, j: int) -> tuple[float, float, Dependence | None]:
    keep = ~np.isnan(x[:, i]) & ~np.isnan(x[:, j])
    d = x[keep, i] - x[keep, j]
    if not d.size:
        return np.nan, np.nan, None
    depends = dependence(labels[keep])
    if depends.units < 2:
        return float(d.mean()), np.nan, depends
    variance = depends.covariance((d - d.mean())[:, None])[0]
    return float(d.mean()), float(_root(variance, np.array(1e-28))[0]), depends


def _root(variance: FloatArray, noise: FloatArray) -> FloatArray:
    """Standard errors: 0 for rounding noise, NaN for a negative variance (items with two units can give one)."""
    kept = np.where(np.abs(variance) < noise, 0.0, variance)
    return np.sqrt(np.where(kept < 0, np.nan, kept))


def _flipped(x: FloatArray, labels: NDArray[np.generic], i: int, j: int) -> float:
    keep = ~np.isnan(x[:, i]) & ~np.isnan(x[:, j])
    found = codes(labels[keep])[0]
    return sign_flip_test(np.bincount(found, weights=x[keep, i] - x[keep, j])).p_two_sided
