"""Every figure that a store has the numbers for. A figure without data is left out, never drawn empty.

Knows nothing of pages, and computes nothing: each number is the summary's or the library's own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import TypeAlias

from sparkles_eval.analysis.summary import Summary
from sparkles_eval.reports.figures import (
    agreement,
    bench,
    cost,
    coverage,
    criteria,
    differences,
    marks,
    parts,
    people,
    ranks,
    severity,
    turns,
)
from sparkles_eval.reports.figures.figure import Figure, needed
from sparkles_eval.reports.figures.names import Stems
from sparkles_eval.reports.figures.subject import Subject, subject
from sparkles_eval.store.store import Store

Drawer: TypeAlias = Callable[[Subject], Iterator[Figure]]

DRAWERS: tuple[Drawer, ...] = (
    ranks.ranks,
    differences.differences,
    criteria.criteria,
    turns.turns,
    marks.distributions,
    parts.tags,
    parts.images,
    cost.cost,
    coverage.coverage,
)
"""What is drawn of a panel, in the order of a page."""

JUDGE_DRAWERS: tuple[Callable[[bench.Bench, Stems], Iterator[Figure]], ...] = (
    agreement.agreement,
    agreement.heat,
    severity.severity,
    people.reliability,
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
    stems = Stems(set())
    for task in summary.tasks:
        for panel in task.panels:
            about = subject(store, task, panel, stems, chosen)
            if about is not None:
                for drawer in DRAWERS:
                    yield from drawer(about)
        for sitting in bench.benches(store, task):
            for of_judges in JUDGE_DRAWERS:
                yield from of_judges(sitting, stems)
