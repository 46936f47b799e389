"""Which items depend on which, and what that makes of the variance of their mean.

Items are independent, or in clusters, or pairwise dependent: each names two units (the two images of a BISON item) and
depends on every item that shares either. The variances are unbiased for independent items, and the degrees of freedom
say how many equal clusters the data are worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparkles_eval.stats.arrays import BoolArray, FloatArray, IntArray, Labels, codes

__all__ = ["Dependence", "cluster_sums", "dependence"]


@dataclass(frozen=True, slots=True)
class Dependence:
    """The dependence among n items. `covariance` is of means, `freedom` the degrees of freedom of its estimates."""

    n: int
    units: int
    """Clusters, or what items have two of."""
    freedom: float
    """Bell and McCaffrey's: G - 1 for G clusters of equal size, fewer where sizes differ; 0 where there is one unit."""
    crossed: bool
    """True where items have two units each."""
    _group: IntArray
    """Cluster of each item, or of each of its sides (all first ones, then all second ones)."""
    _both: IntArray
    """Of items with two units the pair of units."""
    _weights: FloatArray
    """What each cluster's squared sum counts."""
    _single: BoolArray
    """Items with one unit among those with two."""

    @property
    def effective(self) -> float:
        """How many independent units of equal size the items are worth."""
        found, most = self.freedom + 1, float(self.units)
        return most if found > most * (1 - 1e-9) else found  # 30 equal clusters are 30, not 29.999999999

    def covariance(self, residuals: FloatArray) -> FloatArray:
        """Variances and covariances of column means, from residuals (items x columns). Needs two units or more.

        Clusters: CR2, sum of S_g S_g' / (1 - m_g/n) / n^2 with the sums S_g of residuals; it is CR1 for equal sizes.
        Two units: sums over units minus sums over pairs of units (an item that shares both is counted once), times
        n / (n - mean number of items that one depends on).
        """
        if not self.crossed:
            sums = cluster_sums(residuals, self._group, self.units)
            return np.asarray((sums * self._weights[:, None]).T @ sums / self.n**2, dtype=np.float64)
        twice = np.vstack([residuals, np.where(self._single[:, None], 0.0, residuals)])
        sums = cluster_sums(twice, self._group, self.units)
        same = cluster_sums(twice[self.n :], self._both, int(self._both.max()) + 1)
        return np.asarray((sums.T @ sums - same.T @ same) * self._weights[0] / self.n**2, dtype=np.float64)


def dependence(labels: Labels) -> Dependence:
    """The dependence that labels state: a label, or a frozenset of two, an item.

    Degrees of freedom: (trace V)^2 / trace(V^2) of the quadratic form under independent errors. Sources: Bell and
    McCaffrey 2002 and Pustejovsky and Tipton 2018 (clusters, CR2); Fafchamps and Gubert 2007, Aronow, Samii and
    Assenova 2015 (two units, "dyadic"). Items with more than two units are clustered on what connects them.
    """
    sides = _sides(labels)
    return _crossed(*sides) if sides is not None else _clustered(*codes(labels))


def _sides(labels: Labels) -> tuple[IntArray, IntArray, int] | None:
    """First and second unit of each item (the same where it has one); None unless some have two and none more."""
    if isinstance(labels, np.ndarray) and labels.dtype.kind != "O":
        return None
    sizes = {len(label) for label in labels if isinstance(label, frozenset)}
    if not sizes or max(sizes) > 2:
        return None
    pairs: list[Sequence[object]] = [
        sorted(label, key=str) if isinstance(label, frozenset) else [label] for label in labels
    ]
    every, count = codes([pair[0] for pair in pairs] + [pair[-1] for pair in pairs])
    return every[: len(pairs)], every[len(pairs) :], count


def _clustered(group: IntArray, count: int) -> Dependence:
    n = group.size
    single = np.zeros(n, dtype=np.bool_)
    sizes = np.bincount(group, minlength=count).astype(np.float64)
    if count < 2:
        return Dependence(n, count, 0.0, False, group, group, np.ones(count), single)
    weights = 1 / (1 - sizes / n)
    spread = weights * sizes**2
    squares = float(sizes @ sizes) + (float(spread.sum()) ** 2 - float(spread @ spread)) / n**2
    return Dependence(n, count, n**2 / squares, False, group, group, weights, single)


def _crossed(first: IntArray, second: IntArray, count: int) -> Dependence:
    n = first.size
    single = np.asarray(first == second, dtype=np.bool_)
    shown = np.bincount(first, minlength=count) + np.bincount(second[~single], minlength=count)
    both = codes(np.minimum(first, second) * count + np.maximum(first, second))[0]
    # Items that an item depends on, itself among them: those with either unit, and those with both only once.
    near = np.where(single, shown[first], shown[first] + shown[second] - np.bincount(both)[both]).astype(np.float64)
    total = float(near.sum())
    trace = n - total / n
    square = total - 2 * float(near @ near) / n + (total / n) ** 2
    some = trace > 1e-9 and square > 1e-9
    weights = np.full(count, n / trace if some else 1.0)
    group = np.concatenate([first, second])
    return Dependence(n, count, trace**2 / square if some else 0.0, True, group, both, weights, single)


def cluster_sums(x: FloatArray, group: IntArray, count: int) -> FloatArray:
    """Column sums within clusters: (items x models) to (clusters x models)."""
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(count))
    return np.asarray(np.add.reduceat(x[order], starts, axis=0), dtype=np.float64)
