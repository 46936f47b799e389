"""Tests of every pair of runs in a matrix, by one stated policy for small, middling and large numbers of items.

Right or wrong on independent items: McNemar (mid-p from 100 items on, else exact) with Bonett and Price's interval.
All else: the clustered paired t test from 100 independent units on, below that the sign-flip test over units. Below
30 units the interval is the sign-flip test's too, and nothing is ranked. A mean of group means is tested by the
stratified t, or by flipping signs where a group has few units; an aggregate of one's own by exchanging the two models'
values, with a resampled interval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sparkles_eval.analysis.metrics import applied
from sparkles_eval.analysis.score_matrix import ScoreMatrix
from sparkles_eval.stats.arrays import codes, number_at
from sparkles_eval.stats.bootstrap import bootstrap
from sparkles_eval.stats.distributions import t_critical
from sparkles_eval.stats.estimates import FEW, stratified_mean
from sparkles_eval.stats.mcnemar import PairedCounts, mcnemar, paired_difference
from sparkles_eval.stats.paired import sign_flip
from sparkles_eval.stats.pairwise import PairTests, pair_tests
from sparkles_eval.stats.signflip import exchange_test, sign_flip_interval, sign_flip_test

MANY = 100
"""From so many independent units on, a test may rest on normal theory (30 to 100: exact or permutation)."""


@dataclass(frozen=True, slots=True)
class Tested:
    """Column `first` minus column `second` on the rows that both have. None where undefined; `note` says why."""

    first: int
    second: int
    n: int
    lost: int
    """Rows that only one of the two has a value for."""
    clusters: int
    difference: float | None
    se: float | None
    low: float | None
    high: float | None
    interval: str
    """Method of the interval, "" where there is none."""
    p: float | None
    test: str
    note: str = ""
    fewest: int | None = None
    """Independent units in the smallest group, for a mean of group means."""
    p_holm: float | None = None
    p_bh: float | None = None

    @property
    def ranked(self) -> bool:
        """False where so few units were compared that no rank may be claimed."""
        return (self.clusters if self.fewest is None else self.fewest) >= FEW

    def significant(self, alpha: float = 0.05) -> bool:
        """After Holm's adjustment over everything shown."""
        return self.p_holm is not None and self.p_holm <= alpha and bool(self.difference)


def all_pairs(matrix: ScoreMatrix) -> list[Tested]:
    """Every pair of columns, in the order (0,1), (0,2), ..., (M-2,M-1). p-values are not adjusted yet."""
    found = pair_tests(matrix.values, matrix.clusters)
    if matrix.metric.aggregate == "group_mean":
        return [_stratified(matrix, _base(found, index)) for index in range(found.p.size)]
    if callable(matrix.metric.aggregate):
        return [_exchanged(matrix, _base(found, index)) for index in range(found.p.size)]
    counts = _fourfold(matrix.values) if matrix.binary and matrix.independent else None
    tests = [_base(found, index) for index in range(found.p.size)]
    return [_finished(matrix, tested, counts) for tested in tests]


def _base(found: PairTests, index: int) -> Tested:
    se = number_at(found.se, index)
    note = ""
    if found.n[index] == 0:
        note = "no common items"
    elif found.clusters[index] < 2:
        note = "all common items belong to one cluster: no test is possible"
    elif se == 0:
        note = "the difference is the same everywhere: no interval"
        if number_at(found.difference, index) == 0:
            note = "no difference on any item"
    return Tested(
        first=int(found.first[index]),
        second=int(found.second[index]),
        n=int(found.n[index]),
        lost=int(found.lost[index]),
        clusters=int(found.clusters[index]),
        difference=number_at(found.difference, index),
        se=se,
        low=number_at(found.low, index),
        high=number_at(found.high, index),
        interval="clustered paired t" if found.clusters[index] < found.n[index] else "paired t",
        p=number_at(found.p, index),
        test="clustered paired t" if found.clusters[index] < found.n[index] else "paired t",
        note=note,
    )


def _finished(matrix: ScoreMatrix, tested: Tested, counts: NDArray[np.int64] | None) -> Tested:
    """The pair by the policy of its size and kind."""
    if tested.n == 0 or tested.clusters < 2:
        return replace(tested, se=None, low=None, high=None, interval="", p=None, test="")
    if counts is not None:
        tested = _mcnemar(tested, counts)
    elif tested.clusters < MANY or tested.se == 0:
        tested = _flipped(matrix, tested)
    if tested.clusters < FEW:
        tested = _few(matrix, tested)
    if tested.low is None:
        tested = replace(tested, interval="")
    return _agreeing(tested)


def _fourfold(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Items that the row's model gets right and the column's model wrong, for all pairs at once."""
    right, wrong = (values == 1).astype(np.float64), (values == 0).astype(np.float64)
    return np.asarray(np.rint(right.T @ wrong), dtype=np.int64)


def _mcnemar(tested: Tested, counts: NDArray[np.int64]) -> Tested:
    b, c = int(counts[tested.first, tested.second]), int(counts[tested.second, tested.first])
    found = mcnemar(b, c)
    # Bonett and Price's interval and McNemar's test need only the discordant counts and n.
    interval = paired_difference(PairedCounts(0, b, c, tested.n - b - c)).bonett_price
    exact = tested.n < MANY
    return replace(
        tested,
        low=interval.low,
        high=interval.high,
        interval="Bonett-Price",
        p=found.exact if exact else found.mid_p,
        test="McNemar exact" if exact else "McNemar mid-p",
        note="no difference on any item" if b + c == 0 else "",
    )


def _columns(matrix: ScoreMatrix, tested: Tested) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    pair = matrix.values[:, [tested.first, tested.second]]
    keep = ~np.isnan(pair).any(axis=1)
    return pair[keep, 0], pair[keep, 1], matrix.clusters[keep]


def _flipped(matrix: ScoreMatrix, tested: Tested) -> Tested:
    a, b, clusters = _columns(matrix, tested)
    found = sign_flip(a, b, clusters)
    return replace(tested, p=found.p_two_sided, test="sign flips, exact" if found.exact else "sign flips")


def _few(matrix: ScoreMatrix, tested: Tested) -> Tested:
    a, b, clusters = _columns(matrix, tested)
    found = sign_flip_interval(a - b, clusters)
    notes = [tested.note, found.note if found.low is None and not tested.note else ""]
    notes.append(f"fewer than {FEW} independent units ({tested.clusters}): nothing is ranked")
    return replace(
        tested, low=found.low, high=found.high, interval="sign flips", note="; ".join(filter(None, notes))
    )  # fmt: skip


def _stratified(matrix: ScoreMatrix, tested: Tested) -> Tested:
    """The difference of two means over groups, on the items that both have."""
    a, b, clusters = _columns(matrix, tested)
    groups = _kept_groups(matrix, tested)
    bare = replace(tested, se=None, low=None, high=None, interval="", p=None, test="", fewest=0)
    missing = len(set(matrix.rows.groups)) - len(set(groups))
    if not groups or missing:
        return replace(bare, difference=None, note=f"{missing} groups have no common item" if groups else tested.note)
    found = stratified_mean(a - b, groups, clusters)
    made = replace(bare, difference=found.value, se=found.se, fewest=found.smallest, note=found.note)
    if found.se is not None and found.freedom is not None and found.value is not None:
        half = t_critical(0.05, found.freedom) * found.se
        p = 2 * float(special.stdtr(found.freedom, -abs(found.value) / found.se))
        made = replace(
            made, low=found.value - half, high=found.value + half, interval="stratified t", p=p, test="stratified t"
        )
    if found.smallest < FEW and found.units > 1:
        share = _group_weights(groups)
        unit, count = codes(clusters)
        sums = np.bincount(unit, weights=(a - b) * share, minlength=count)
        flipped = sign_flip_test(sums, resamples=9_999)
        few = f"a group has fewer than {FEW} independent units ({found.smallest}): nothing is ranked"
        made = replace(
            made,
            p=flipped.p_two_sided,
            test="sign flips, exact" if flipped.exact else "sign flips",
            note="; ".join(filter(None, (made.note, few))),
        )
    return _agreeing(made)


def _kept_groups(matrix: ScoreMatrix, tested: Tested) -> list[str]:
    pair = matrix.values[:, [tested.first, tested.second]]
    keep = ~np.isnan(pair).any(axis=1)
    return [matrix.rows.groups[row] for row in np.flatnonzero(keep).tolist()]


def _group_weights(groups: Sequence[str]) -> NDArray[np.float64]:
    """What each item counts in a mean of group means, times the number of items: their plain mean is that mean."""
    sizes = Counter(groups)
    return np.array([len(groups) / (len(sizes) * sizes[group]) for group in groups])


def _exchanged(matrix: ScoreMatrix, tested: Tested) -> Tested:
    """The difference of an aggregate of one's own: p by exchanging the models within clusters, a resampled interval."""
    if tested.n == 0 or tested.clusters < 2:
        return replace(tested, difference=None, se=None, low=None, high=None, interval="", p=None, test="")
    a, b, clusters = _columns(matrix, tested)

    def difference(rows: NDArray[np.int64]) -> float:
        return applied(matrix.metric, a[rows].tolist()) - applied(matrix.metric, b[rows].tolist())

    found = bootstrap(difference, clusters, resamples=999)
    low, high = found.percentile or (None, None)
    p = exchange_test(
        lambda one, two: applied(matrix.metric, one.tolist()) - applied(matrix.metric, two.tolist()), a, b, clusters
    )
    note = found.note
    if tested.clusters < FEW:
        note = "; ".join(
            filter(None, (note, f"fewer than {FEW} independent units ({tested.clusters}): nothing is ranked"))
        )
    return _agreeing(
        replace(
            tested,
            difference=found.value,
            se=found.se,
            low=low,
            high=high,
            interval="bootstrap" if found.percentile else "",
            p=p,
            test="exchanged models",
            note=note,
        )
    )


def _agreeing(tested: Tested) -> Tested:
    """Two methods may disagree about 0 at the margin; a reader must not find that out alone."""
    if tested.low is None or tested.high is None or tested.p is None:
        return tested
    inside = tested.low <= 0 <= tested.high
    if inside != (tested.p <= 0.05):
        return tested
    note = f"{tested.interval} interval and {tested.test} p disagree at the margin: borderline"
    return replace(tested, note="; ".join(filter(None, (tested.note, note))))
