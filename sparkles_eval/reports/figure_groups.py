"""Arranges figures for a page: those of a task together; what differs in the judge alone is shown once, then folded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparkles_eval.analysis.comparability import Comparability
from sparkles_eval.analysis.metrics import extracts
from sparkles_eval.analysis.summary import Panel, Summary, TaskSummary
from sparkles_eval.core.names import judge_name

if TYPE_CHECKING:
    from sparkles_eval.reports.figures import Figure


@dataclass(frozen=True, slots=True)
class FigureGroup:
    """The figures of one task. `folded`: those that another judge's scores give again, by the judge's name."""

    task: TaskSummary
    figures: tuple[Figure, ...]
    folded: tuple[tuple[str, tuple[Figure, ...]], ...]


def figure_groups(summary: Summary, figures: Sequence[Figure]) -> tuple[FigureGroup, ...]:
    """The figures by task, in the order of the summary; tasks without any are left out."""
    return tuple(group for task in summary.tasks if (group := _group(task, figures)).figures)


def _group(task: TaskSummary, figures: Sequence[Figure]) -> FigureGroup:
    own = [one for one in figures if (one.task, one.version) == (task.name, task.version)]
    panels = {panel.id: panel for panel in task.panels}
    first = dict(_first_judges(task.panels))
    shown: list[Figure] = []
    folded: dict[str, list[Figure]] = {}
    for figure in own:
        panel = panels.get(figure.panel)
        if panel is None or panel.judge is None or first.get(_key(panel), panel.judge.id) == panel.judge.id:
            shown.append(figure)
        else:
            folded.setdefault(judge_name(panel.judge), []).append(figure)
    return FigureGroup(task, tuple(shown), tuple((name, tuple(found)) for name, found in folded.items()))


def _first_judges(panels: Sequence[Panel]) -> Iterator[tuple[tuple[object, ...], str]]:
    """The first judge that rates the runs of a table."""
    for panel in reversed(panels):
        if panel.judge is not None and not extracts(panel.judge):
            yield _key(panel), panel.judge.id


def _key(panel: Panel) -> tuple[object, ...]:
    return Comparability.of(panel.run, None).key
