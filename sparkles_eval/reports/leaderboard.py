"""The summary across tasks: one row a model, one column a panel. Also the geometry of interval bars.

Knows nothing of stores or HTML.
"""

from __future__ import annotations

from dataclasses import dataclass

from sparkles_eval.records import Estimate
from sparkles_eval.reports.metrics import Column, Measure
from sparkles_eval.reports.summary import Entry, Panel, Summary, TaskSummary
from sparkles_eval.store.queries import Sum


@dataclass(frozen=True, slots=True)
class Head:
    """A column of the leaderboard."""

    task: TaskSummary
    panel: Panel
    column: Column
    """The headline metric."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the leaderboard: `entries[i]` is the model's row in the i-th panel, or None."""

    label: str
    reference: bool
    entries: tuple[Entry | None, ...]
    cost: Sum
    """Of every run of the row and of its judging, each once."""
    graded: int
    asked: int


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Models by panels. References (baselines) come last."""

    heads: tuple[Head, ...]
    lines: tuple[Line, ...]


def leaderboard(summary: Summary) -> Leaderboard:
    """The leaderboard of a summary; panels that nobody has scored are left out."""
    heads = [
        Head(task, panel, headline)
        for task in summary.tasks
        for panel in task.panels
        if (headline := next((column for column in panel.columns if column.level == "headline"), None))
    ]
    rows: dict[str, list[Entry | None]] = {}
    for place, head in enumerate(heads):
        for entry in head.panel.entries:
            rows.setdefault(entry.label, [None] * len(heads))[place] = entry
    lines = [_line(label, entries) for label, entries in rows.items()]
    return Leaderboard(tuple(heads), tuple(sorted(lines, key=_order)))


def _line(label: str, entries: list[Entry | None]) -> Line:
    there = [entry for entry in entries if entry is not None]
    asked = {entry.run.id: entry.spending.cost_usd for entry in there}
    judged = [entry.judging.cost_usd for entry in there if entry.judging is not None]
    costs = [*asked.values(), *judged]
    cost = Sum(sum(c.known for c in costs), sum(c.count for c in costs), sum(c.unknown for c in costs))
    graded = sum(entry.coverage.graded for entry in there)
    return Line(label, there[0].reference, tuple(entries), cost, graded, sum(entry.coverage.asked for entry in there))


def _order(line: Line) -> tuple[bool, tuple[float, ...], str]:
    """By the first column's headline, best first; what has none comes after what has one."""
    values = []
    for entry in line.entries:
        measure = entry.headline if entry else None
        value = measure.estimate.value if measure else None
        values.append(float("inf") if value is None else -value)
    return line.reference, tuple(values), line.label


@dataclass(frozen=True, slots=True)
class Bar:
    """Where an interval lies on its scale, in per cent of the scale's width, as text for SVG."""

    low: str
    width: str
    value: str
    chance: str | None


def bar(measure: Measure) -> Bar | None:
    """The bar of a measure; None where it has no value. Without an interval the bar has no width."""
    estimate: Estimate = measure.estimate
    if estimate.value is None:
        return None
    column = measure.column
    whole = column.high - column.low

    def at(value: float) -> float:
        return 100 * min(1.0, max(0.0, (value - column.low) / whole)) if whole > 0 else 0.0

    low = at(estimate.value if estimate.low is None else estimate.low)
    high = at(estimate.value if estimate.high is None else estimate.high)
    chance = None if measure.chance is None else f"{at(measure.chance):.2f}"
    return Bar(f"{low:.2f}", f"{high - low:.2f}", f"{at(estimate.value):.2f}", chance)
