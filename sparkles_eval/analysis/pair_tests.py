"""Tests of every pair of runs in a matrix, by one stated policy for small, middling and large numbers of items.

Right or wrong on independent items: McNemar (mid-p from 100 items on, else exact) with Bonett and Price's interval.
All else: the clustered paired t test from 100 independent units on, below that the sign-flip test over units. Below
30 units the interval is the sign-flip test's too, and nothing is ranked. Units count by what they are worth: 43
clusters of which one has 60 of 150 items are worth 7 of equal size. Items that depend on others through either of two
units (the two images of a BISON item) have the two-way paired t test throughout. A mean of group means is tested by the
stratified t, or by flipping signs where a group has few units; an aggregate of one's own by exchanging the two models'
values, with a resampled interval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sparkles_eval.analysis.metrics import applied
from sparkles_eval.analysis.score_matrix import ScoreMatrix
from sparkles_eval.stats.arrays import codes, number_at
from sparkles_eval.stats.bootstrap import bootstrap
from sparkles_eval.stats.distributions import t_critical
from sparkles_eval.stats.estimates import FEW, few_units, stratified_mean
from sparkles_eval.stats.mcnemar import PairedCounts, mcnemar, paired_difference
from sparkles_eval.stats.paired import sign_flip
from sparkles_eval.stats.pairwise import PairTests, pair_tests
from sparkles_eval.stats.signflip import exchange_test, sign_flip_interval, sign_flip_test

MANY = 100
"""From so many independent units on, a test may rest on normal theory (30 to 100: exact or permutation)."""
ALPHA = 0.05


IntervalAt: TypeAlias = Callable[[float], tuple[float, float]]
"""Ends of the interval of a difference at a level alpha."""


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
    effective: float = 0.0
    """Independent units of equal size that the rows are worth (of the smallest group, for a mean of group means)."""
    limits: IntervalAt | None = field(default=None, compare=False, repr=False)
    """The interval at another level, where the method has one."""
    unscored: tuple[float, float] | None = None
    """The difference if every row without a value that a run was asked for were at its worst for `first`, and at its
    best; None where nothing is missing."""
    p_worst: float | None = None
    """p if every such row spoke against the difference; 1 where the difference would then not have its sign."""
    p_holm: float | None = None
    p_bh: float | None = None
    family: int = 1
    """Pairs that Holm's adjustment counts."""

    @property
    def ranked(self) -> bool:
        """False where so few units were compared that no rank may be claimed."""
        return self.effective >= FEW - 1e-6

    @property
    def on_what_is_there(self) -> bool:
        """True where the difference is shown among the rows that both have, whatever is missing."""
        inside = self.low is not None and self.high is not None and self.low <= 0 <= self.high
        return self.p_holm is not None and self.p_holm <= ALPHA and bool(self.difference) and not inside

    @property
    def robust(self) -> bool:
        """False where the difference would not be shown if the missing rows spoke against it."""
        if self.p_worst is None or self.p is None or self.p_holm is None:
            return self.unscored is None
        return self.p_worst * (self.p_holm / self.p if self.p else 1.0) <= ALPHA

    @property
    def significant(self) -> bool:
        """True where the difference is shown: after Holm's adjustment over everything shown, by an interval without 0,
        and whatever the missing rows were."""
        return self.on_what_is_there and self.robust

    @property
    def together(self) -> tuple[float, float] | None:
        """The interval that holds for all pairs of the family together with 95% (Bonferroni); None without one."""
        return self.limits(ALPHA / self.family) if self.limits is not None else None


def all_pairs(matrix: ScoreMatrix) -> list[Tested]:
    """Every pair of columns, in the order (0,1), (0,2), ..., (M-2,M-1). p-values are not adjusted yet."""
    return [with_unscored(matrix, tested) for tested in _tested(matrix)]


def _tested(matrix: ScoreMatrix) -> list[Tested]:
    found = pair_tests(matrix.values, matrix.clusters)
    bases = [_base(found, index, matrix.crossed) for index in range(found.p.size)]
    if matrix.metric.aggregate == "group_mean":
        return [_stratified(matrix, base) for base in bases]
    if callable(matrix.metric.aggregate):
        return [_exchanged(matrix, base) for base in bases]
    counts = _fourfold(matrix.values) if matrix.binary and matrix.independent else None
    return [_finished(matrix, base, counts) for base in bases]


def with_unscored(matrix: ScoreMatrix, tested: Tested) -> Tested:
    """The pair with what its missing rows could make of it."""
    sides = (tested.first, tested.second)
    if tested.difference is None or not any(matrix.missing(side).any() for side in sides):
        return tested
    ends = []
    for for_first, for_second in ((matrix.metric.low, matrix.metric.high), (matrix.metric.high, matrix.metric.low)):
        filled = matrix.filled(sides, (for_first, for_second))
        rows = np.flatnonzero(~np.isnan(filled.values).any(axis=1)).tolist()
        one, other = filled.value_of(0, rows), filled.value_of(1, rows)
        if one is None or other is None:
            return tested
        ends.append((one - other, filled))
    p_worst = None
    if tested.p is not None and tested.p <= ALPHA:
        _, filled = ends[0] if tested.difference > 0 else ends[1]
        (worst,) = _tested(filled)
        same = (worst.difference or 0.0) * tested.difference > 0
        p_worst = worst.p if same and worst.p is not None else 1.0
    return replace(tested, unscored=(ends[0][0], ends[1][0]), p_worst=p_worst)


def _base(found: PairTests, index: int, crossed: bool) -> Tested:
    se = number_at(found.se, index)
    units = int(found.clusters[index])
    note = ""
    if found.n[index] == 0:
        note = "no common items"
    elif units < 2:
        note = "all common items belong to one cluster: no test is possible"
    elif se == 0:
        note = "the difference is the same everywhere: no interval"
        if number_at(found.difference, index) == 0:
            note = "no difference on any item"
    elif number_at(found.p, index) is None:
        note = "the items depend on each other too much for an interval"
    test = "two-way paired t" if crossed else "clustered paired t" if units < found.n[index] else "paired t"
    difference, freedom = number_at(found.difference, index), float(found.freedom[index])
    return Tested(
        first=int(found.first[index]),
        second=int(found.second[index]),
        n=int(found.n[index]),
        lost=int(found.lost[index]),
        clusters=units,
        difference=difference,
        se=se,
        low=number_at(found.low, index),
        high=number_at(found.high, index),
        interval=test,
        p=number_at(found.p, index),
        test=test,
        note=note,
        effective=float(found.effective[index]),
        limits=_t_limits(difference, se, freedom),
    )


def _t_limits(difference: float | None, se: float | None, freedom: float) -> IntervalAt | None:
    if difference is None or not se or freedom < 1:
        return None

    def limits(alpha: float) -> tuple[float, float]:
        half = t_critical(alpha, freedom) * se
        return difference - half, difference + half

    return limits


def _finished(matrix: ScoreMatrix, tested: Tested, counts: NDArray[np.int64] | None) -> Tested:
    """The pair by the policy of its size and kind."""
    if tested.n == 0 or tested.clusters < 2:
        return replace(tested, se=None, low=None, high=None, interval="", p=None, test="", limits=None)
    if counts is not None:
        tested = _mcnemar(tested, counts)
    elif not matrix.crossed and (tested.effective < MANY or tested.se == 0):
        tested = _flipped(matrix, tested)
    if not tested.ranked:
        tested = (
            _with_note(tested, f"{_few(tested)}: nothing is ranked") if matrix.crossed else _few_units(matrix, tested)
        )
    if tested.low is None:
        tested = replace(tested, interval="")
    return _agreeing(tested)


def _few(tested: Tested) -> str:
    return few_units(tested.clusters, tested.effective)


def _with_note(tested: Tested, *notes: str) -> Tested:
    return replace(tested, note="; ".join(filter(None, (tested.note, *notes))))


def _fourfold(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Items that the row's model gets right and the column's model wrong, for all pairs at once."""
    right, wrong = (values == 1).astype(np.float64), (values == 0).astype(np.float64)
    return np.asarray(np.rint(right.T @ wrong), dtype=np.int64)


def _mcnemar(tested: Tested, counts: NDArray[np.int64]) -> Tested:
    b, c = int(counts[tested.first, tested.second]), int(counts[tested.second, tested.first])
    found = mcnemar(b, c)

    # Bonett and Price's interval and McNemar's test need only the discordant counts and n.
    def limits(alpha: float) -> tuple[float, float]:
        interval = paired_difference(PairedCounts(0, b, c, tested.n - b - c), alpha=alpha).bonett_price
        assert interval.low is not None and interval.high is not None
        return interval.low, interval.high

    low, high = limits(ALPHA)
    exact = tested.n < MANY
    return replace(
        tested,
        low=low,
        high=high,
        limits=limits,
        interval="Bonett-Price",
        p=found.exact if exact else found.mid_p,
        test="McNemar exact" if exact else "McNemar mid-p",
        note="no difference on any item" if b + c == 0 else "",
    )


def _columns(
    matrix: ScoreMatrix, tested: Tested
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.generic]]:
    pair = matrix.values[:, [tested.first, tested.second]]
    keep = ~np.isnan(pair).any(axis=1)
    return pair[keep, 0], pair[keep, 1], matrix.clusters[keep]


def _flipped(matrix: ScoreMatrix, tested: Tested) -> Tested:
    a, b, clusters = _columns(matrix, tested)
    found = sign_flip(a, b, clusters)
    return replace(tested, p=found.p_two_sided, test="sign flips, exact" if found.exact else "sign flips")


def _few_units(matrix: ScoreMatrix, tested: Tested) -> Tested:
    a, b, clusters = _columns(matrix, tested)
    found = sign_flip_interval(a - b, clusters)
    why = found.note if found.low is None and not tested.note else ""
    made = replace(tested, low=found.low, high=found.high, interval="sign flips", limits=None)
    return _with_note(made, why, f"{_few(tested)}: nothing is ranked")


def _stratified(matrix: ScoreMatrix, tested: Tested) -> Tested:
    """The difference of two means over groups, on the items that both have."""
    a, b, clusters = _columns(matrix, tested)
    groups = _kept_groups(matrix, tested)
    bare = replace(tested, se=None, low=None, high=None, interval="", p=None, test="", effective=0.0, limits=None)
    missing = len(set(matrix.rows.groups)) - len(set(groups))
    if not groups or missing:
        return replace(bare, difference=None, note=f"{missing} groups have no common item" if groups else tested.note)
    found = stratified_mean(a - b, groups, clusters)
    made = replace(bare, difference=found.value, se=found.se, effective=found.smallest, note=found.note)
    if found.se is not None and found.freedom is not None and found.value is not None:
        limits = _t_limits(found.value, found.se, found.freedom)
        low, high = limits(ALPHA) if limits else (None, None)
        p = 2 * float(special.stdtr(found.freedom, -abs(found.value) / found.se))
        made = replace(made, low=low, high=high, interval="stratified t", p=p, test="stratified t", limits=limits)
    if found.smallest < FEW and found.units > 1:
        share = _group_weights(groups)
        unit, count = codes(clusters)
        sums = np.bincount(unit, weights=(a - b) * share, minlength=count)
        flipped = sign_flip_test(sums, resamples=9_999)
        made = replace(
            made, p=flipped.p_two_sided, test="sign flips, exact" if flipped.exact else "sign flips", limits=None
        )
        made = _with_note(made, f"a group has fewer than {FEW} independent units ({found.smallest}): nothing is ranked")
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
        return replace(tested, difference=None, se=None, low=None, high=None, interval="", p=None, test="", limits=None)
    a, b, clusters = _columns(matrix, tested)

    def difference(rows: NDArray[np.int64]) -> float:
        return applied(matrix.metric, a[rows].tolist()) - applied(matrix.metric, b[rows].tolist())

    found = bootstrap(difference, clusters, resamples=999)
    low, high = found.percentile or (None, None)
    p = exchange_test(
        lambda one, two: applied(matrix.metric, one.tolist()) - applied(matrix.metric, two.tolist()), a, b, clusters
    )
    made = replace(
        tested,
        difference=found.value,
        se=found.se,
        low=low,
        high=high,
        interval="bootstrap" if found.percentile else "",
        p=p,
        test="exchanged models",
        note=found.note,
        limits=None,
    )
    return _agreeing(made if made.ranked else _with_note(made, f"{_few(made)}: nothing is ranked"))


def _agreeing(tested: Tested) -> Tested:
    """Two methods may disagree about 0 at the margin; a reader must not find that out alone."""
    if tested.low is None or tested.high is None or tested.p is None:
        return tested
    inside = tested.low <= 0 <= tested.high
    if inside != (tested.p <= 0.05):
        return tested
    return _with_note(tested, f"{tested.interval} interval and {tested.test} p disagree at the margin: borderline")
