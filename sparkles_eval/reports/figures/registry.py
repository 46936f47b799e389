"""Lists every figure, and draws those that a store has the numbers for.

A figure without data is left out, never drawn empty.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TypeAlias

from sparkles_eval.analysis.summary import Summary
from sparkles_eval.reports.figures import (
    breakdown,
    calibration,
    comparison,
    cost,
    coverage,
    criteria,
    judge_agreement,
    judge_data,
    score_distributions,
)
from sparkles_eval.reports.figures import criteria as turns
from sparkles_eval.reports.figures.figure import Figure, needed
from sparkles_eval.reports.figures.panel_data import PanelData, panel_data
from sparkles_eval.reports.figures.style import FileNames
from sparkles_eval.store.store import Store

Drawer: TypeAlias = Callable[[PanelData], Iterator[Figure]]

DRAWERS: tuple[Drawer, ...] = (
    comparison.ranks,
    comparison.differences,
    criteria.criteria,
    turns.turns,
    score_distributions.distributions,
    breakdown.by_tag,
    breakdown.by_image_count,
    cost.cost,
    coverage.coverage,
)
"""What is drawn of a panel, in the order of a page."""

JUDGE_DRAWERS: tuple[Callable[[judge_data.JudgeData, FileNames], Iterator[Figure]], ...] = (
    judge_agreement.agreement,
    judge_agreement.heat,
    judge_agreement.severity,
    calibration.reliability,
)
"""What is drawn of a task's judges, after its panels."""


def figures(store: Store, summary: Summary, *, chosen: Collection[str] = ()) -> tuple[Figure, ...]:
    """The figures of a summary, those of a task together.

    A figure with too many models keeps the best, and the models `chosen` by name; its caption says what it left out.
    Raises errors.MissingExtra where altair or vl-convert is not installed (`missing` asks first).
    """
    needed()
    return tuple(_all(store, summary, chosen))


def _all(store: Store, summary: Summary, chosen: Collection[str]) -> Iterator[Figure]:
    stems = FileNames(set())
    for task in summary.tasks:
        for panel in task.panels:
            about = panel_data(store, task, panel, stems, chosen)
            if about is not None:
                for drawer in DRAWERS:
                    yield from drawer(about)
        for data in judge_data.judge_data(store, task):
            for of_judges in JUDGE_DRAWERS:
                yield from of_judges(data, stems)
