"""The fast engine: one clustered bootstrap for many models at once, by a weight matrix times cluster sums.

Knows nothing of names: models are columns. The same weights serve every model, which keeps all pairs paired.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparkles_eval.errors import UserError
from sparkles_eval.stats.arrays import FloatArray, Labels, Table, codes, same_length, table
from sparkles_eval.stats.pairwise import cluster_sums

WHOLE_FACTORS = (1, 2, 3, 6, 12)
"""Dialogue scores are multiples of 1/6: times one of these, sums are whole and float32 adds them without error."""
FLOAT32_WHOLE = 2**24
CHUNK = 256


@dataclass(frozen=True, slots=True)
class ClusterTotals:
    """Per cluster and model: sum of scores and number of scored items (one column when it is the same for all)."""

    sums: FloatArray
    counts: FloatArray


def cluster_totals(scores: Table, clusters: Labels | None = None) -> ClusterTotals:
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


def weighted_means(weights: Table, totals: ClusterTotals) -> FloatArray:
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
