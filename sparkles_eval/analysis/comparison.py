"""A comparison of runs on one task, and its result in sentences that a paper can quote.

Every sentence names the items, the interval, the test and its p-value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparkles_eval.analysis.looks import at_every_look
from sparkles_eval.analysis.pair_details import POWER, Detail
from sparkles_eval.analysis.pair_tests import Tested
from sparkles_eval.analysis.published import TotalsOnly
from sparkles_eval.analysis.ranking import RankedRun
from sparkles_eval.analysis.score_matrix import ScoreMatrix
from sparkles_eval.analysis.verdicts import MarginTest
from sparkles_eval.core.text import format_number, quantity
from sparkles_eval.stats.estimates import FEW
from sparkles_eval.tasks.metrics import Unit


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs on one task under the same conditions, each pair tested. `mixed`: factors that differ all the same."""

    matrix: ScoreMatrix
    said: str
    mixed: tuple[str, ...]
    ranked_runs: tuple[RankedRun, ...]
    pairs: tuple[Tested, ...]
    details: tuple[Detail | None, ...]
    """In the order of `pairs`; empty where there are too many pairs."""
    margin: float | None
    totals: tuple[TotalsOnly, ...]
    source: str
    """Of the published totals, with their conditions."""
    warnings: tuple[str, ...]
    looks: tuple[int, ...] = ()
    """Numbers of samples on which the same models were seen before (`looks.looks`)."""

    @property
    def title(self) -> str:
        run = self.matrix.runs[0].run
        parts = [run.task.title or run.task.name, self.matrix.metric.name, *([self.said] if self.said else [])]
        return ", ".join(parts)


def sentences(comparison: Comparison) -> list[str]:
    """One text for each pair that is described in full."""
    details = comparison.details
    return [_sentence(comparison, tested, known) for tested, known in zip(comparison.pairs, details, strict=False)]


def _sentence(comparison: Comparison, pair: Tested, known: Detail | None) -> str:
    matrix = comparison.matrix
    a, b = matrix.labels[pair.first], matrix.labels[pair.second]
    task = matrix.runs[0].run.task.title or matrix.runs[0].run.task.name
    if pair.difference is None and pair.n:
        return f"{task}: {a} and {b} cannot be compared ({pair.note})."
    if pair.difference is None:
        return f"{task}: {a} and {b} have no scored item in common."
    what = quantity(pair.n, "group" if matrix.metric.by_group else "item")
    clusters = f" in {pair.clusters:,} clusters" if pair.clusters < pair.n else ""
    mean_a, mean_b = _means(comparison, pair)
    said = f"On {task} ({what}{clusters}), {a} reaches {mean_a} and {b} {mean_b}"
    if comparison.mixed:
        said = f"Under differing conditions, on {task} ({what}{clusters}), {a} reaches {mean_a} and {b} {mean_b}"
    return " ".join(
        [f"{said}: {_difference(pair, matrix.unit, a, b)}.", *_limits(pair, known, matrix.unit, what, comparison.looks)]
    )


def _means(comparison: Comparison, pair: Tested) -> tuple[str, str]:
    """Means over the items that both have."""
    matrix = comparison.matrix
    both = ~np.isnan(matrix.values[:, [pair.first, pair.second]]).any(axis=1)
    rows = np.flatnonzero(both).tolist()
    first, second = (matrix.value_of(side, rows) for side in (pair.first, pair.second))
    assert first is not None and second is not None
    return _value(first, matrix.unit), _value(second, matrix.unit)


def _value(value: float, unit: Unit) -> str:
    return format_number(value, unit) + ("%" if unit == "percent" else "")


def _points(value: float, unit: Unit) -> str:
    """Differences of shares and of judge points, without a sign where they round to 0."""
    return format_number(value, unit).replace("-", "\N{MINUS SIGN}")


def _difference(pair: Tested, unit: Unit, first: str, second: str) -> str:
    assert pair.difference is not None
    parts = [f"a difference of {_points(pair.difference, unit)} points"]
    if pair.low is not None and pair.high is not None:
        parts.append(f"95% CI {_ends((pair.low, pair.high), unit)}, {pair.interval}")
    if pair.p is None:
        return f"{parts[0]}; {pair.note}"
    many = pair.p_holm is not None and pair.family > 1
    adjusted = f", {_p(pair.p_holm)} after Holm over {pair.family:,} pairs" if many and pair.p_holm is not None else ""
    inside = f"({'; '.join([*parts[1:], f'{pair.test}, {_p(pair.p)}{adjusted}'])})"
    return f"{parts[0]} {inside}, {_verdict(pair, first if pair.difference > 0 else second)}"


def _verdict(pair: Tested, leader: str) -> str:
    if pair.difference == 0 and pair.p == 1:
        return "none at all"
    if pair.significant:
        return "which is significant"
    if pair.on_what_is_there:
        return f"which is significant on these alone; with the missing ones at worst, {leader} no longer leads"
    return "which is not significant"


def _ends(ends: tuple[float, float], unit: Unit) -> str:
    return f"{_points(ends[0], unit)} to {_points(ends[1], unit)}"


def _p(value: float) -> str:
    shown = format_number(value, "p")
    return f"p < {shown[1:]}" if shown.startswith("<") else f"p = {shown}"


def _limits(pair: Tested, known: Detail | None, unit: Unit, what: str, looks: tuple[int, ...]) -> list[str]:
    """What so many items could and could not show."""
    said = []
    if known and known.smallest is not None:
        level = f", at the level of {pair.family:,} pairs" if pair.family > 1 else ""
        said.append(
            f"With {what}, true differences below {_points(known.smallest, unit)} points cannot be distinguished from "
            f"noise reliably ({100 * POWER:.0f}% power{level})."
        )
    elif known and pair.clusters > 1 and unit == "percent":
        said.append(f"With {what}, no difference would be found reliably.")
    if not pair.ranked and pair.clusters > 1:
        said.append(f"Fewer than {FEW} independent units: this ranks nothing.")
    if known and known.margin is not None:
        said.append(_margin(known.margin, pair, unit))
    if pair.lost:
        said.append(f"{pair.lost:,} could not be paired.")
    if looks and (ends := at_every_look(pair)) is not None:
        said.append(
            f"Seen before on {', '.join(f'{total:,}' for total in looks)} of these samples: the interval that holds at "
            f"every look is {_ends(ends, unit)}."
        )
    if pair.unscored is not None:
        said.append(
            f"With every missing one at its worst for the first, and at its best, the difference is "
            f"{_ends(pair.unscored, unit)}."
        )
    return said


_NO_WORSE = {"shown": "is no worse", "shown not": "is worse", "not shown": "is not shown to be no worse"}


def _margin(found: MarginTest, pair: Tested, unit: Unit) -> str:
    """The verdict on the margin with the interval that it follows from."""
    if found.note:
        return f"The first is not shown to be no worse by a margin of {_points(found.margin, unit)}: {found.note}."
    assert found.low is not None and found.high is not None
    pairs = f" for {pair.family:,} pairs together" if pair.family > 1 else ""
    why = f"95% CI{pairs} {_ends((found.low, found.high), unit)}"
    p = "" if found.p is None or found.no_worse == "shown not" else f"; {_p(found.p)}, one-sided"
    within = {
        "shown": " The two are within it of each other.",
        "shown not": " The two are further apart than it.",
        "not shown": "",
    }[found.equivalent]
    return (
        f"The first {_NO_WORSE[found.no_worse]} by a margin of {_points(found.margin, unit)} points ({why}{p}).{within}"
    )
