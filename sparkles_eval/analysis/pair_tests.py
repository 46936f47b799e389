"""Tests of every pair of runs in a frame, by one stated policy for small, middling and large numbers of items.

Right or wrong on independent items: McNemar (mid-p from 100 items on, else exact) with Bonett and Price's interval.
All else: the clustered paired t test from 100 independent units on, below that the sign-flip test over units. Below
30 units the interval is the sign-flip test's too, and nothing is ranked. Knows nothing of names or stores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sparkles_eval.analysis.score_matrix import Frame
from sparkles_eval.stats.estimates import FEW
from sparkles_eval.stats.mcnemar import PairedCounts, mcnemar, paired_difference
from sparkles_eval.stats.paired import sign_flip
from sparkles_eval.stats.pairwise import PairTests, pair_tests
from sparkles_eval.stats.signflip import sign_flip_interval

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
    p_holm: float | None = None
    p_bh: float | None = None

    @property
    def ranked(self) -> bool:
        """False where so few units were compared that no rank may be claimed."""
        return self.clusters >= FEW

    def significant(self, alpha: float = 0.05) -> bool:
        """After Holm's adjustment over everything shown."""
        return self.p_holm is not None and self.p_holm <= alpha and bool(self.difference)


def all_pairs(frame: Frame) -> list[Tested]:
    """Every pair of columns, in the order (0,1), (0,2), ..., (M-2,M-1). p-values are not adjusted yet."""
    found = pair_tests(frame.values, frame.clusters)
    counts = _fourfold(frame.values) if frame.binary and frame.independent else None
    tests = [_base(found, index) for index in range(found.p.size)]
    return [_finished(frame, tested, counts) for tested in tests]


def _number(values: NDArray[np.float64], index: int) -> float | None:
    value = float(values[index])
    return None if np.isnan(value) else value


def _base(found: PairTests, index: int) -> Tested:
    se = _number(found.se, index)
    note = ""
    if found.n[index] == 0:
        note = "no common items"
    elif found.clusters[index] < 2:
        note = "all common items belong to one cluster: no test is possible"
    elif se == 0:
        note = "the difference is the same everywhere: no interval"
        if _number(found.difference, index) == 0:
            note = "no difference on any item"
    return Tested(
        first=int(found.first[index]),
        second=int(found.second[index]),
        n=int(found.n[index]),
        lost=int(found.lost[index]),
        clusters=int(found.clusters[index]),
        difference=_number(found.difference, index),
        se=se,
        low=_number(found.low, index),
        high=_number(found.high, index),
        interval="clustered paired t" if found.clusters[index] < found.n[index] else "paired t",
        p=_number(found.p, index),
        test="clustered paired t" if found.clusters[index] < found.n[index] else "paired t",
        note=note,
    )


def _finished(frame: Frame, tested: Tested, counts: NDArray[np.int64] | None) -> Tested:
    """The pair by the policy of its size and kind."""
    if tested.n == 0 or tested.clusters < 2:
        return replace(tested, se=None, low=None, high=None, interval="", p=None, test="")
    if counts is not None:
        tested = _mcnemar(tested, counts)
    elif tested.clusters < MANY or tested.se == 0:
        tested = _flipped(frame, tested)
    if tested.clusters < FEW:
        tested = _few(frame, tested)
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


def _columns(frame: Frame, tested: Tested) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    pair = frame.values[:, [tested.first, tested.second]]
    keep = ~np.isnan(pair).any(axis=1)
    return pair[keep, 0], pair[keep, 1], frame.clusters[keep]


def _flipped(frame: Frame, tested: Tested) -> Tested:
    a, b, clusters = _columns(frame, tested)
    found = sign_flip(a, b, clusters)
    return replace(tested, p=found.p_two_sided, test="sign flips, exact" if found.exact else "sign flips")


def _few(frame: Frame, tested: Tested) -> Tested:
    a, b, clusters = _columns(frame, tested)
    found = sign_flip_interval(a - b, clusters)
    notes = [tested.note, found.note if found.low is None and not tested.note else ""]
    notes.append(f"fewer than {FEW} independent units ({tested.clusters}): nothing is ranked")
    return replace(
        tested, low=found.low, high=found.high, interval="sign flips", note="; ".join(filter(None, notes))
    )  # fmt: skip


def _agreeing(tested: Tested) -> Tested:
    """Two methods may disagree about 0 at the margin; a reader must not find that out alone."""
    if tested.low is None or tested.high is None or tested.p is None:
        return tested
    inside = tested.low <= 0 <= tested.high
    if inside != (tested.p <= 0.05):
        return tested
    note = f"{tested.interval} interval and {tested.test} p disagree at the margin: borderline"
    return replace(tested, note="; ".join(filter(None, (tested.note, note))))
