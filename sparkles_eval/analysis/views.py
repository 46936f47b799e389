"""Which panels may stand side by side on one leaderboard: one protocol, one way of altering, one judge.

A view is what the switch of the leaderboard chooses. Nothing of one view is ever shown in the table of another. Knows
nothing of numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparkles_eval.analysis.metrics import extracts
from sparkles_eval.analysis.summary import Panel, Summary, TaskSummary
from sparkles_eval.core.names import judge_name, slug
from sparkles_eval.store.rows import JudgeRow

USUAL = "strict"
"""The protocol that is shown first."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What all panels of a view share. `judge` is the one that rates; None where answers are only read by rules."""

    protocol: str
    version: int
    variant: str
    judge: JudgeRow | None

    @property
    def id(self) -> str:
        """Stable across reports: the same conditions have the same address."""
        judge = f"-{self.judge.name}-{self.judge.id[:8]}" if self.judge else ""
        return "view-" + slug(f"{self.protocol}-v{self.version}{f'-{self.variant}' if self.variant else ''}{judge}")

    @property
    def words(self) -> str:
        """ "strict protocol v1, judged by sparkles (gpt-4o) c0ffee12"."""
        parts = [f"{self.protocol} protocol v{self.version}"]
        if self.variant:
            parts.append(f"altered on purpose: {self.variant}")
        if self.judge:
            parts.append(f"judged by {judge_name(self.judge)} {self.judge.id[:8]}")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Group:
    """A view's panels with their tasks, in the order of the summary."""

    conditions: Conditions
    panels: tuple[tuple[TaskSummary, Panel], ...]


def group(summary: Summary) -> list[Group]:
    """The views of a summary, the usual first; panels that nobody has scored are in none.

    Panels whose answers a rule reads stand in every view of their protocol, as no judge could change them.
    """
    found: dict[tuple[str, int, str], list[tuple[TaskSummary, Panel]]] = {}
    for task in summary.tasks:
        for panel in task.panels:
            if panel.judge is not None:
                run = panel.run
                found.setdefault((run.protocol, run.protocol_version, run.variant), []).append((task, panel))
    groups = [Group(conditions, panels) for key, own in found.items() for conditions, panels in _by_judge(key, own)]
    return sorted(groups, key=_order)


def _by_judge(
    key: tuple[str, int, str], own: Sequence[tuple[TaskSummary, Panel]]
) -> list[tuple[Conditions, tuple[tuple[TaskSummary, Panel], ...]]]:
    judges = {panel.judge.id: panel.judge for _, panel in own if panel.judge and not extracts(panel.judge)}
    if not judges:
        return [(Conditions(*key, None), tuple(own))]
    return [
        (
            Conditions(*key, judge),
            tuple((t, p) for t, p in own if p.judge and (extracts(p.judge) or p.judge.id == judge.id)),
        )
        for judge in judges.values()
    ]


def _order(made: Group) -> tuple[bool, bool, int]:
    rows = sum(len(panel.entries) for _, panel in made.panels)
    return bool(made.conditions.variant), made.conditions.protocol != USUAL, -rows
