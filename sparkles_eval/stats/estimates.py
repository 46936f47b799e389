"""Turns scores into `core.Estimate`, the number that tables print: value, interval, n of total, and a note.

The policy of small samples is here: below 30 independent units no interval rests on normal theory, and the note says
so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sparkles_eval.core import Estimate
from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import (
    FloatArray,
    Labels,
    Values,
    codes,
    floats,
    is_constant,
    object_labels,
    same_length,
)
from sparkles_eval.stats.clusters import ClusterWilson, cluster_wilson, clustered_mean
from sparkles_eval.stats.dependence import dependence
from sparkles_eval.stats.distributions import t_critical, z_critical
from sparkles_eval.stats.intervals import clopper_pearson, wilson
from sparkles_eval.stats.signflip import sign_flip_interval

__all__ = [
    "StratifiedMean",
    "accuracy_estimate",
    "few_units",
    "groups_estimate",
    "mean_estimate",
    "share_estimate",
    "stratified_estimate",
    "stratified_mean",
]

FEW = 30
"""Below this many independent units: exact or permutation intervals, and no ranking (Bowyer et al. 2025)."""


def _graded(who: str, values: Values, clusters: Labels | None, total: int | None) -> tuple[FloatArray, Labels, int]:
    scores = floats(values, who)
    labels: Labels = np.arange(scores.size) if clusters is None else clusters
    same_length(who, scores, labels)
    asked = scores.size if total is None else total
    known = ~np.isnan(scores)
    if asked < int(known.sum()):
        raise UserError(f"{who}: {int(known.sum())} graded of {asked} asked; give the number of items asked as total")
    return scores[known], object_labels(labels)[known], asked


def accuracy_estimate(
    values: Values, clusters: Labels | None = None, total: int | None = None, *, alpha: float = 0.05
) -> Estimate:
    """Accuracy of one model: 1 right, 0 wrong (an invalid answer is wrong), None for what was not graded.

    Independent items: Wilson. Items in clusters: Wilson with the effective n and the t quantile
    (`clusters.cluster_wilson`). Items or clusters worth fewer than 30 of equal size: the exact interval, at the
    effective n where clusters are larger than one item (Korn and Graubard 1998). `total` counts the items asked, graded
    or not.
    """
    right, labels, asked = _graded("accuracy_estimate", values, clusters, total)
    if np.any((right != 0) & (right != 1)):
        raise UserError("accuracy_estimate: values other than 0 and 1; use share_estimate or mean_estimate")
    return _proportion(right, labels, asked, alpha)


def share_estimate(
    values: Values, clusters: Labels | None = None, total: int | None = None, *, alpha: float = 0.05
) -> Estimate:
    """`accuracy_estimate` of items that are shares themselves, from 0 to 1: right in so many of several epochs."""
    right, labels, asked = _graded("share_estimate", values, clusters, total)
    return _proportion(right, labels, asked, alpha)


def _proportion(right: FloatArray, labels: Labels, asked: int, alpha: float, what: str = "items") -> Estimate:
    n = right.size
    if n == 0:
        return Estimate(None, None, None, 0, asked, 0, note=f"none of {asked} {what} graded")
    depends = dependence(labels)
    value, units = float(right.mean()), depends.units
    if units == n and not depends.crossed and np.all((right == 0) | (right == 1)):
        if n < FEW:
            exact = clopper_pearson(float(right.sum()), n, alpha=alpha)
            note = f"fewer than {FEW} {what}: exact interval, not for ranking"
            return Estimate(value, exact.low, exact.high, n, asked, units, "Clopper-Pearson", note)
        found = wilson(float(right.sum()), n, alpha=alpha)
        return Estimate(value, found.low, found.high, n, asked, units, "Wilson")
    clustered = cluster_wilson(right, labels, alpha=alpha)
    if clustered.n_eff is None:
        note = f"all {what} in one cluster" if units == 1 else clustered.interval.note
        return Estimate(value, None, None, n, asked, units, note=f"{note}: no interval")
    if depends.effective >= FEW:
        found, note = clustered.interval, clustered.interval.note
        method = "Wilson" if units == n else "Wilson, clustered"
        return Estimate(value, found.low, found.high, n, asked, units, method, note)
    return _few_clusters(right, labels, asked, clustered, alpha)


def _few_clusters(right: FloatArray, labels: Labels, asked: int, clustered: ClusterWilson, alpha: float) -> Estimate:
    """Few clusters can look more alike than they are, and one large one can decide alone: never count more items than
    there are, and where sizes differ take the permutation interval too where it is wider."""
    assert clustered.n_eff is not None
    value, n, units = clustered.mean.mean, right.size, clustered.clusters
    scale = 1.0 if clustered.mean.critical is None else (z_critical(alpha) / clustered.mean.critical) ** 2
    n_eff = min(clustered.n_eff, float(n)) * scale
    exact = clopper_pearson(value * n_eff, n_eff, alpha=alpha)
    low, high = exact.low, exact.high
    if units >= FEW and not dependence(labels).crossed and low is not None and high is not None:
        flipped = sign_flip_interval(right, labels, alpha=alpha)
        if flipped.low is not None and flipped.high is not None:
            low, high = max(0.0, min(low, flipped.low)), min(1.0, max(high, flipped.high))
    note = (
        f"{few_units(units, clustered.mean.effective, 'clusters')}: exact interval at the effective n, not for ranking"
    )
    return Estimate(value, low, high, n, asked, units, "Clopper-Pearson, clustered", note)


def few_units(units: int, effective: float, what: str = "independent units") -> str:
    """Why units are too few, such as "43 clusters of unequal size, worth 6.7 of equal size"; "" where they are not."""
    if units < FEW:
        return f"fewer than {FEW} {what} ({units})"
    return f"{units} {what} of unequal size, worth {effective:.1f} of equal size" if effective < FEW else ""


def mean_estimate(
    values: Values, clusters: Labels | None = None, total: int | None = None, *, alpha: float = 0.05
) -> Estimate:
    """Mean score of one model; None for what was not graded.

    mean +- t SE (`clusters.clustered_mean`; with one item per cluster the plain t interval). Units worth fewer than 30
    of equal size: the sign-flip interval, from 6 units on. Items with two units: always t, with the degrees of freedom
    that they allow. Constant scores: no interval, note "no variation".
    """
    scores, labels, asked = _graded("mean_estimate", values, clusters, total)
    n = scores.size
    if n == 0:
        return Estimate(None, None, None, 0, asked, 0, note=f"none of {asked} items graded")
    found = clustered_mean(scores, labels, alpha=alpha)
    units = found.clusters
    if is_constant(scores):
        note = "one item" if n == 1 else "no variation"
        return Estimate(found.mean, None, None, n, asked, units, note=note)
    few = few_units(units, found.effective)
    crossed = dependence(labels).crossed
    if not few or crossed:
        method = "t, two-way" if crossed else "t" if units == n else "t, clustered"
        note = "; ".join(filter(None, (found.note, f"{few}: not for ranking" if few else "")))
        return Estimate(
            found.mean, found.low, found.high, n, asked, units, method if found.low is not None else "", note
        )
    flipped = sign_flip_interval(scores, labels, alpha=alpha)
    if flipped.low is None:
        return Estimate(found.mean, None, None, n, asked, units, note=flipped.note)
    note = f"{few}: permutation interval, not for ranking"
    return Estimate(found.mean, flipped.low, flipped.high, n, asked, units, "sign flips", note)


@dataclass(frozen=True, slots=True)
class StratifiedMean:
    """The mean of strata's means. `se` and `freedom` are None where no interval is honest; `note` says why."""

    value: float | None
    se: float | None
    freedom: float | None
    """Satterthwaite's degrees of freedom."""
    n: int
    units: int
    """Independent clusters in all strata."""
    smallest: int
    """Independent clusters of equal size that the stratum with the fewest is worth."""
    note: str = ""


def stratified_mean(values: Values, strata: Labels, clusters: Labels | None = None) -> StratifiedMean:
    """Mean over strata of each stratum's own mean score; None for what was not graded.

    With H strata of mean m_h and clustered standard error s_h of f_h degrees of freedom: mean = sum m_h / H, SE^2 =
    sum s_h^2 / H^2, with Satterthwaite's (sum s_h^2)^2 / sum(s_h^4 / f_h) (Cochran 1977, section 5.4). A
    stratum that does not vary adds nothing to SE. No SE where a stratum has one cluster, and no value where one has
    nothing graded: the mean over the others would be another number.
    """
    given = floats(values, "stratified_mean")
    same_length("stratified_mean", given, strata)
    scores, labels, _ = _graded("stratified_mean", values, clusters, None)
    every, count = codes(strata)
    stratum = every[~np.isnan(given)]
    if len(np.unique(stratum)) < count or count == 0:
        empty = count - len(np.unique(stratum))
        return StratifiedMean(None, None, None, scores.size, 0, 0, f"{empty} of {count} groups have nothing graded")
    found = [clustered_mean(scores[stratum == h], labels[stratum == h]) for h in range(count)]
    value = float(np.mean([one.mean for one in found]))
    units, smallest = sum(one.clusters for one in found), min(int(one.effective + 1e-9) for one in found)
    known = [one.se for one in found if one.se is not None]
    if len(known) < count or not any(known):
        note = "no variation" if len(known) == count else "a group of one independent unit: no interval"
        return StratifiedMean(value, None, None, scores.size, units, smallest, note)
    spread = sum(error**2 for error in known)
    freedom = spread**2 / sum(error**4 / one.freedom for error, one in zip(known, found, strict=True) if error)
    return StratifiedMean(value, math.sqrt(spread) / count, freedom, scores.size, units, smallest)


def stratified_estimate(
    values: Values, strata: Labels, clusters: Labels | None = None, total: int | None = None, *, alpha: float = 0.05
) -> Estimate:
    """`stratified_mean` with its t interval, as tables print it."""
    _, _, asked = _graded("stratified_estimate", values, clusters, total)
    found = stratified_mean(values, strata, clusters)
    if found.se is None or found.freedom is None or found.value is None:
        units = found.units if found.value is not None else None
        return Estimate(found.value, None, None, found.n, asked, units, note=found.note)
    half = t_critical(alpha, found.freedom) * found.se
    few = found.smallest < FEW
    note = f"a group has fewer than {FEW} independent units: not for ranking" if few else ""
    return Estimate(
        found.value, found.value - half, found.value + half, found.n, asked, found.units, "t, stratified", note
    )


def groups_estimate(
    values: Values, sizes: Mapping[int, int], clusters: Labels, chance: float | None, *, alpha: float = 0.05
) -> Estimate:
    """Share of groups with every item right, given a 1 or 0 for each group.

    `sizes` counts groups by their number of items and `chance` is the level that a guesser gets; both are in the note.
    """
    complete, labels, _ = _graded("groups_estimate", values, clusters, None)
    return _groups(complete, labels, sizes, chance, alpha)


def _groups(
    complete: FloatArray, labels: Labels, sizes: Mapping[int, int], chance: float | None, alpha: float
) -> Estimate:
    base = _proportion(complete, labels, complete.size, alpha, "groups")
    listed = ", ".join(f"{times} of {size}" for size, times in sorted(sizes.items()))
    level = [] if chance is None else [f"chance {chance:.3f} for groups of these sizes ({listed})"]
    note = "; ".join([*level, *([base.note] if base.note else [])])
    return Estimate(base.value, base.low, base.high, base.n, base.total, base.clusters, base.method, note)
