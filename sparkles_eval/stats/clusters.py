"""Standard errors for items that share an image, a sentence or a dialogue: one cluster label per item."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import FloatArray, IntArray, Labels, Values, codes, complete, is_constant, same_length
from sparkles_eval.stats.dependence import Dependence, dependence
from sparkles_eval.stats.distributions import t_critical
from sparkles_eval.stats.intervals import Interval, wilson

__all__ = [
    "ClusterWilson",
    "ClusteredMean",
    "DesignEffect",
    "TwoWay",
    "cluster_wilson",
    "clustered_mean",
    "connected_clusters",
    "design_effect",
    "two_way",
]


@dataclass(frozen=True, slots=True)
class ClusteredMean:
    """A mean with the standard error that its clusters allow. Fields are None where they are not defined."""

    mean: float
    n: int
    clusters: int
    se_iid: float | None
    """As if all items were independent: s/sqrt(n)."""
    se_cr0: float
    se_cr1: float | None
    """CR0 sqrt(G/(G-1))."""
    se: float | None
    """The one that the interval rests on; None for a single cluster."""
    effective: float
    """How many clusters of equal size the data are worth."""
    freedom: float
    critical: float | None
    """t quantile."""
    low: float | None
    high: float | None
    deff: float | None
    """(se / se_iid)^2: below 1 for negative correlation within clusters, which is real and not clamped."""
    n_eff: float | None
    note: str = ""


def _cluster_sums(residuals: FloatArray, group: IntArray, count: int) -> FloatArray:
    sums = np.bincount(group, weights=residuals, minlength=count)
    sums[np.abs(sums) < 1e-12 * max(1.0, float(np.abs(residuals).sum()))] = 0.0
    return np.asarray(sums, dtype=np.float64)


def clustered_mean(
    values: Values, clusters: Labels, *, alpha: float = 0.05, variance: Literal["CR1", "CR2"] = "CR2"
) -> ClusteredMean:
    """Mean whose items are dependent within clusters: how uncertain is it really?

    CR2 with Bell and McCaffrey's degrees of freedom (`dependence`), which holds for clusters of unequal size too; for
    equal sizes it is CR1^2 = G/(G-1) sum over clusters of (sum of residuals)^2 / n^2 with t(G-1). Items with two units
    have the variance that is robust for both. Assumes independent clusters, worth 30 of equal size or more.
    Source: Liang and Zeger 1986; Bell and McCaffrey 2002; Miller 2024, "Adding Error Bars to Evals". Trap: the interval
    of a proportion can leave [0, 1]; use `cluster_wilson`. One cluster, or a negative variance: no interval.
    """
    y = complete(values, "clustered_mean")
    same_length("clustered_mean", y, clusters)
    if y.size == 0:
        raise UserError("clustered_mean: no values; give at least one")
    depends = dependence(clusters)
    group, count = codes(clusters)
    n, mean = y.size, float(y.mean())
    constant = is_constant(y)
    se_iid = None if n == 1 else 0.0 if constant else float(np.std(y, ddof=1)) / math.sqrt(n)
    sums = np.zeros(count) if constant else _cluster_sums(y - mean, group, count)
    cr0 = math.sqrt(float(sums @ sums)) / n
    units, effective, freedom = depends.units, depends.effective, depends.freedom
    if units == 1:
        return ClusteredMean(
            mean, n, 1, se_iid, cr0, None, None, effective, 0.0, None, None, None, None, None, "one cluster"
        )
    cr1 = cr0 * math.sqrt(count / (count - 1)) if count > 1 else None
    se = cr1 if variance == "CR1" else _se(depends, y - mean, cr0)
    freedom = count - 1 if variance == "CR1" else freedom
    critical = t_critical(alpha, freedom) if freedom >= 1 else None
    known = (mean, n, units, se_iid, cr0, cr1)
    if constant:
        return ClusteredMean(*known, 0.0, effective, freedom, critical, None, None, None, None, "no variation")
    if se is None or critical is None:
        note = "negative variance" if critical else "clusters too unequal for an interval"
        return ClusteredMean(*known, None, effective, freedom, critical, None, None, None, None, note)
    deff = (se / se_iid) ** 2 if se_iid else None
    note = "" if se else "no variation between clusters"
    low, high = (mean - critical * se, mean + critical * se) if se else (None, None)
    return ClusteredMean(*known, se, effective, freedom, critical, low, high, deff, n / deff if deff else None, note)


def _se(depends: Dependence, residuals: FloatArray, cr0: float) -> float | None:
    if not depends.crossed and cr0 == 0:
        return 0.0
    found = float(depends.covariance(residuals[:, None])[0, 0])
    return math.sqrt(found) if found >= 0 else None


@dataclass(frozen=True, slots=True)
class ClusterWilson:
    """Wilson interval with an effective number of items. `n_eff` is None for a single cluster."""

    interval: Interval
    n_eff: float | None
    clusters: int
    mean: ClusteredMean


def cluster_wilson(
    values: Values,
    clusters: Labels,
    *,
    alpha: float = 0.05,
    use_t: bool = True,
    variance: Literal["CR1", "CR2"] = "CR2",
) -> ClusterWilson:
    """Wilson interval of a share over clustered items: stays inside [0, 1] where mean +- t SE does not.

    n_eff = n p (1 - p) / ((n - 1) SE^2) replaces n (for 0 and 1 that is n (SE_iid / SE)^2); with `use_t` the t quantile
    replaces z, which few clusters need. Items may be shares themselves (the mean over epochs).
    Assumes independent clusters. Source: Kish 1965 (effective size); Wilson 1927.
    All right, all wrong, or every cluster with the same mean: the data do not show the effective size, so there are as
    many items as clusters of equal size (the most cautious reading) and the note says so. One cluster: no interval.
    """
    found = clustered_mean(values, clusters, alpha=alpha, variance=variance)
    y = np.asarray(complete(values, "cluster_wilson"))
    if np.any((y < 0) | (y > 1)):
        raise UserError("cluster_wilson: values outside [0, 1]; give 1 for right and 0 for wrong")
    if found.critical is None or found.se is None:
        return ClusterWilson(Interval(found.mean, None, None, found.note), None, found.clusters, found)
    critical = found.critical if use_t else None
    note = ""
    if found.se > 0 and 0 < found.mean < 1:
        n_eff = found.n * found.mean * (1 - found.mean) / ((found.n - 1) * found.se**2)
    else:
        n_eff, critical = found.effective, None
        if found.effective < found.n:
            note = f"{found.note or 'no variation'}: each of the {found.clusters} clusters counts as one item"
    limits = wilson(found.mean * n_eff, n_eff, alpha=alpha, critical=critical)
    return ClusterWilson(Interval(found.mean, limits.low, limits.high, note), n_eff, found.clusters, found)


@dataclass(frozen=True, slots=True)
class TwoWay:
    """Variances of a mean under clustering by either of two labels, by both at once, and by what joins them."""

    mean: float
    var_first: float
    var_second: float
    var_both: float
    """Clusters of items that share both labels."""
    se_two_way: float | None
    """sqrt(first + second - both); None where that sum is negative."""
    se_connected: float
    """CR0 on connected components: items joined through either label."""
    clusters_connected: int
    note: str = ""


def two_way(values: Values, first: Labels, second: Labels) -> TwoWay:
    """Standard error of a mean whose items share two crossed things (sentence and image).

    V = V_first + V_second - V_both, each a CR0 variance. Assumes many labels on both sides.
    Source: Cameron, Gelbach and Miller 2011. Trap: V can be negative; then there is no two-way SE, and the coarser
    clustering on connected components, which nests both labels, answers the question.
    """
    y = complete(values, "two_way")
    same_length("two_way", y, first, second)
    if y.size == 0:
        raise UserError("two_way: no values; give at least one")
    residuals = y - y.mean()

    def variance(labels: Labels) -> float:
        group, count = codes(labels)
        sums = _cluster_sums(residuals, group, count)
        return float(sums @ sums) / y.size**2

    joined = connected_clusters(first, second)
    v1, v2, v12 = variance(first), variance(second), variance(_pairs(first, second))
    total = v1 + v2 - v12
    note = "" if total >= 0 else "negative two-way variance: use the connected clusters"
    se = math.sqrt(total) if total >= 0 else None
    return TwoWay(float(y.mean()), v1, v2, v12, se, math.sqrt(variance(joined)), int(joined.max()) + 1, note)


def _pairs(first: Labels, second: Labels) -> Labels:
    (one, _), (two, count) = codes(first), codes(second)
    return np.asarray(one * count + two, dtype=np.int64)


def connected_clusters(*labels: Labels) -> IntArray:
    """Cluster codes 0..G-1 such that items sharing any label are together (union-find over all label columns).

    Items of BISON that share an image, or of NLVR2 that share a sentence or a picture, end up in one cluster.
    """
    same_length("connected_clusters", *labels)
    n = len(labels[0]) if labels else 0
    parent = list(range(n))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for column in labels:
        group, count = codes(column)
        first_of = [-1] * count
        for item, code in enumerate(group.tolist()):
            if first_of[code] < 0:
                first_of[code] = item
            else:
                parent[root(item)] = root(first_of[code])
    return codes([root(item) for item in range(n)])[0]


@dataclass(frozen=True, slots=True)
class DesignEffect:
    """One-way variance components of clustered items, and what the clustering costs."""

    ms_between: float
    ms_within: float
    m0: float
    """The cluster size that ANOVA needs when sizes differ."""
    icc: float | None
    var_between: float
    """May be negative: items of one cluster then differ more than items at large."""
    var_within: float
    deff: float | None
    note: str = ""


def design_effect(values: Values, clusters: Labels) -> DesignEffect:
    """How much is each further item of the same cluster worth?

    ICC = (MSB - MSW) / (MSB + (m0 - 1) MSW), m0 = (n - sum m^2 / n) / (G - 1);
    deff = 1 + (sum m^2 / sum m - 1) ICC. Assumes one ICC for all clusters. Source: Kish 1965.
    Trap: the mean cluster size in place of sum m^2 / sum m understates deff. Negative ICC is reported, not clamped.
    Raises UserError for fewer than two clusters or no cluster of two items; constant data give icc None.
    """
    y = complete(values, "design_effect")
    same_length("design_effect", y, clusters)
    group, count = codes(clusters)
    n = y.size
    if count < 2 or count == n:
        raise UserError(
            f"design_effect: {n} items in {count} clusters; give two clusters or more, one of them repeated"
        )
    sizes = np.bincount(group, minlength=count).astype(np.float64)
    means = np.bincount(group, weights=y, minlength=count) / sizes
    msb = float(sizes @ (means - y.mean()) ** 2) / (count - 1)
    msw = float(np.sum((y - means[group]) ** 2)) / (n - count)
    m0 = (n - float(sizes @ sizes) / n) / (count - 1)
    between = (msb - msw) / m0
    if is_constant(y):
        return DesignEffect(0.0, 0.0, m0, None, 0.0, 0.0, None, "no variation")
    icc = (msb - msw) / (msb + (m0 - 1) * msw)
    deff = 1 + (float(sizes @ sizes) / n - 1) * icc
    return DesignEffect(msb, msw, m0, icc, between, msw, deff)
