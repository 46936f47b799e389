"""What an interval shows: one three-way rule for every sentence that claims something.

A claim such as "the difference is above 0" is shown where the whole printed interval agrees with it, shown not where
none of the interval does, and not shown in between. What is not shown is never counted as its opposite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from sparkles_eval.analysis.pair_tests import ALPHA, IntervalAt, Tested

ThreeWayVerdict: TypeAlias = Literal["shown", "shown not", "not shown"]


def above(low: float | None, high: float | None, value: float = 0.0) -> ThreeWayVerdict:
    """Whether a number with this interval is above a value."""
    if low is None or high is None:
        return "not shown"
    return "shown" if low > value else "shown not" if high <= value else "not shown"


def within(low: float | None, high: float | None, margin: float) -> ThreeWayVerdict:
    """Whether a number with this interval is between -margin and margin."""
    if low is None or high is None:
        return "not shown"
    if -margin < low and high < margin:
        return "shown"
    return "shown not" if low >= margin or high <= -margin else "not shown"


@dataclass(frozen=True, slots=True)
class MarginTest:
    """Is A no worse than B by more than a margin, and are they within it? Both follow from `low` and `high`."""

    margin: float
    difference: float
    low: float | None
    """Of the interval that is printed: with several pairs the one that holds for all of them together."""
    high: float | None
    no_worse: ThreeWayVerdict
    equivalent: ThreeWayVerdict
    p: float | None
    """One-sided, of "worse by the margin or more", by the method of the interval; times the number of pairs."""
    p_equivalence: float | None
    """The larger of the two one-sided p-values."""
    note: str = ""


def margin_test(tested: Tested, margin: float) -> MarginTest | None:
    """The verdicts on a margin; None where the pair has no difference.

    Nothing is claimed of fewer than 30 independent units: models that differ nowhere on a few items may differ a lot.
    """
    if tested.difference is None:
        return None
    if not tested.ranked or tested.limits is None:
        note = "too few independent units for a verdict" if not tested.ranked else "no interval, no verdict"
        return MarginTest(
            margin, tested.difference, tested.low, tested.high, "not shown", "not shown", None, None, note
        )
    low, high = tested.together or (None, None)
    below, over = _p(tested.limits, margin, tested.family)
    return MarginTest(
        margin,
        tested.difference,
        low,
        high,
        above(low, high, -margin),
        within(low, high, margin),
        below,
        max(below, over),
    )


def _p(limits: IntervalAt, margin: float, family: int) -> tuple[float, float]:
    """One-sided p-values of a difference at -margin or below, and at +margin or above: the level at which the interval
    just reaches the margin, halved."""

    def level(beyond: int) -> float:
        low, high = 1e-12, 1.0 - 1e-9

        def excluded(alpha: float) -> bool:
            ends = limits(alpha)
            return ends[0] > -margin if beyond < 0 else ends[1] < margin

        if not excluded(high):
            return 0.5
        for _ in range(60):
            middle = (low * high) ** 0.5
            low, high = (low, middle) if excluded(middle) else (middle, high)
        return high / 2

    return min(1.0, family * level(-1)), min(1.0, family * level(1))


def level_of(family: int) -> float:
    """The level of one pair among so many that are shown together, as the first step of Holm's adjustment has it."""
    return ALPHA / max(1, family)
