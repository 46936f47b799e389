"""The leaderboard's reference rows: published totals, and what guessing gets. They are never ranked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sparkles_eval.analysis.metrics import Measure
from sparkles_eval.analysis.published import Published, PublishedRow, published
from sparkles_eval.analysis.summary import Entry, Panel
from sparkles_eval.core import Estimate
from sparkles_eval.stats.intervals import wilson
from sparkles_eval.tasks.metrics import Metric

INVALID = Metric(
    "invalid",
    "Invalid",
    "Share of samples whose answer names no option.",
    lambda scores: float(scores.invalid),
    ("options",),
    level="detail",
)


def published_for(panel: Panel, column: Metric, content: Sequence[Path] = ()) -> Published | None:
    """The published numbers of a panel's headline; None where the metric, the items or the task differ.

    A task that was altered on purpose has none.
    """
    run = panel.run
    numbers = None if run.variant else published(run.task.name, content)
    if numbers is None or numbers.metric != column.name or numbers.items != run.total:
        return None
    same = all(run.task.args.get(name) == value for name, value in numbers.args.items())
    return numbers if same else None


def published_measure(row: PublishedRow, numbers: Published, column: Metric) -> Measure:
    """A published total; with Wilson's interval where the count of right answers is known."""
    note = row.note or "published without an interval"
    if row.right is None:
        return Measure(column, Estimate(row.value, None, None, numbers.items, numbers.items, note=note))
    ends = wilson(row.right, numbers.items)
    return Measure(
        column,
        Estimate(
            row.right / numbers.items,
            ends.low,
            ends.high,
            numbers.items,
            numbers.items,
            method="Wilson, from the published count, items taken as independent",
            note=row.note,
        ),
    )


def guessing(panel: Panel, column: Metric) -> Measure | None:
    """What guessing gets in this panel, by arithmetic; None where that is unknown."""
    found = (m for entry in panel.entries if (m := entry.measure(column.name)))
    chance = next((m.chance for m in found if m.chance is not None), None)
    if chance is None:
        return None
    return Measure(column, Estimate(chance, None, None, 0, 0, method="1 / options", note="by arithmetic"), chance)


def invalid_rate(entry: Entry) -> Measure | None:
    """The share of samples whose answer names no option in the end; None where a judge rates.

    The complement of the validity that the task page shows, with the ends of its interval turned round.
    """
    valid = entry.measure("final_validity") or entry.measure("validity")
    if valid is None:
        return None
    known = valid.estimate
    return Measure(INVALID, replace(known, value=_rest(known.value), low=_rest(known.high), high=_rest(known.low)))


def _rest(share: float | None) -> float | None:
    return None if share is None else 1 - share
