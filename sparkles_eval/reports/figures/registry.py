"""Registers every figure, and draws those that have data.

Each is a function under `@figure_of_panel` or `@figure_of_judges` in any module of this folder; nothing else lists it.
A figure without data is left out, never drawn empty.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TypeAlias

from sparkles_eval.analysis.summary import Summary
from sparkles_eval.reports.figures.figure import Figure, needed
from sparkles_eval.reports.figures.judge_data import JudgeData, judge_data
from sparkles_eval.reports.figures.panel_data import PanelData, panel_data
from sparkles_eval.reports.figures.style import FileNames
from sparkles_eval.store.store import Store

PanelFigure: TypeAlias = Callable[[PanelData], Iterator[Figure]]
JudgeFigure: TypeAlias = Callable[[JudgeData, FileNames], Iterator[Figure]]

_of_panels: list[tuple[int, PanelFigure]] = []
_of_judges: list[tuple[int, JudgeFigure]] = []


def figure_of_panel(place: int) -> Callable[[PanelFigure], PanelFigure]:
    """Register a function that draws figures of a panel; those with a lower `place` come first on a page."""

    def register(draw: PanelFigure) -> PanelFigure:
        _of_panels.append((place, draw))
        return draw

    return register


def figure_of_judges(place: int) -> Callable[[JudgeFigure], JudgeFigure]:
    """Register a function that draws figures of a task's judges, which come after those of its panels."""

    def register(draw: JudgeFigure) -> JudgeFigure:
        _of_judges.append((place, draw))
        return draw

    return register


def figures(store: Store, summary: Summary, *, chosen: Collection[str] = ()) -> tuple[Figure, ...]:
    """The figures of a summary, those of a task together.

    A figure with too many models keeps the best, and the models `chosen` by name; its caption says what it left out.
    Raises errors.MissingExtra where altair or vl-convert is not installed (`missing` asks first).
    """
    needed()
    for module in iter_modules([str(Path(__file__).parent)]):
        import_module(f"{__package__}.{module.name}")
    return tuple(_all(store, summary, chosen))


def _all(store: Store, summary: Summary, chosen: Collection[str]) -> Iterator[Figure]:
    names = FileNames(set())
    for task in summary.tasks:
        for panel in task.panels:
            about = panel_data(store, task, panel, names, chosen)
            if about is not None:
                for _, draw in sorted(_of_panels, key=lambda found: found[0]):
                    yield from draw(about)
        for data in judge_data(store, task):
            for _, draw_judges in sorted(_of_judges, key=lambda found: found[0]):
                yield from draw_judges(data, names)
