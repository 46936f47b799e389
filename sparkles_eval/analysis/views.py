"""Which panels may stand side by side on one leaderboard: one protocol, one way of altering, one judge.

A view is what the switch of the leaderboard chooses. Nothing of one view is ever shown in the table of another. Knows
nothing of numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sparkles_eval.analysis.comparability import Comparability, Conditions
from sparkles_eval.analysis.metrics import extracts
from sparkles_eval.analysis.summary import Panel, Summary, TaskSummary

USUAL = "strict"
"""The protocol that is shown first."""


@dataclass(frozen=True, slots=True)
class Group:
    """A view's panels with their tasks, in the order of the summary."""

    conditions: Conditions
    panels: tuple[tuple[TaskSummary, Panel], ...]


def group(summary: Summary) -> list[Group]:
    """The views of a summary, the usual first; panels that nobody has scored are in none.

    Panels whose answers a rule reads stand in every view of their protocol, as no judge could change them.
    """
    found: dict[Conditions, list[tuple[TaskSummary, Panel]]] = {}
    for task in summary.tasks:
        for panel in task.panels:
            if panel.judge is not None:
                conditions = Conditions.of(Comparability.of(panel.run, panel.judge))
                found.setdefault(conditions, []).append((task, panel))
    groups = [
        Group(conditions, panels) for shared, own in found.items() for conditions, panels in _by_judge(shared, own)
    ]
    return sorted(groups, key=_order)


def _by_judge(
    shared: Conditions, own: Sequence[tuple[TaskSummary, Panel]]
) -> list[tuple[Conditions, tuple[tuple[TaskSummary, Panel], ...]]]:
    judges = {panel.judge.id: panel.judge for _, panel in own if panel.judge and not extracts(panel.judge)}
    if not judges:
        return [(shared, tuple(own))]
    return [
        (
            replace(shared, judge=judge),
            tuple((t, p) for t, p in own if p.judge and (extracts(p.judge) or p.judge.id == judge.id)),
        )
        for judge in judges.values()
    ]


def _order(made: Group) -> tuple[bool, bool, int]:
    rows = sum(len(panel.entries) for _, panel in made.panels)
    return bool(made.conditions.variant), made.conditions.protocol != USUAL, -rows
