"""What a store holds, without any number: tasks, groups of runs that ask the same samples, and who judged them.

Made for every page anew, in milliseconds; what takes longer is in `board`. Knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparkles_eval.analysis.summary import Coverage, Entry, TaskSummary, arrange
from sparkles_eval.reports.groups import Asked, asked
from sparkles_eval.store import marks, queries
from sparkles_eval.store.queries import Spending, StoredRun, Sum
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.store import Store

_NOTHING = Spending(0, 0, Sum(0, 0, 0), Sum(0, 0, 0), Sum(0, 0, 0), 0.0)


@dataclass(frozen=True, slots=True)
class Group:
    """Runs that ask the same samples. `number` is that of the side file, None while it has no marks of them."""

    asked: Asked
    number: int | None
    marked: Mapping[int, Entry]
    """Rows by the number that their marks have."""

    @property
    def run_id(self) -> str:
        """Any of its runs: they all ask the same."""
        return self.asked.entries[0].run.id


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything by name. Entries have no measures."""

    runs: Mapping[str, StoredRun]
    judges: Mapping[str, JudgeRow]
    tasks: tuple[TaskSummary, ...]
    groups: tuple[Group, ...]
    marked: tuple[marks.Entry, ...]

    def group_of(self, run_id: str) -> Group | None:
        """The group that a run belongs to."""
        return next((g for g in self.groups if any(e.run.id == run_id for e in g.asked.entries)), None)

    def group(self, group_id: str) -> Group | None:
        """The group of that address."""
        return next((group for group in self.groups if group.asked.id == group_id), None)

    def scored(self, run_id: str) -> int:
        """Samples of a run that some judge has scored whole, as far as marks are made."""
        return max((entry.scored for entry in self.marked if entry.run_id == run_id), default=0)


def catalogue(store: Store) -> Catalogue:
    """What the store holds now. `store` has its side file attached."""
    runs = queries.runs(store)
    judges = queries.all_judges(store)
    marked = marks.entries(store)
    by_run: dict[str, list[marks.Entry]] = {}
    for entry in marked:
        by_run.setdefault(entry.run_id, []).append(entry)
    rows = [_row(run, judges.get(judge)) for run in runs for judge in _judges(by_run.get(run.id, ()))]
    tasks = arrange(rows)
    groups = tuple(_group(found, by_run) for task in tasks for found in asked(store, task))
    return Catalogue({run.id: run for run in runs}, judges, tasks, groups, tuple(marked))


def _judges(entries: Sequence[marks.Entry]) -> list[str]:
    return [entry.judge_id for entry in entries] or [""]


def _row(run: StoredRun, judge: JudgeRow | None) -> Entry:
    return Entry(run, judge, run.model.name, (), Coverage(0, 0), _NOTHING, None)


def _group(found: Asked, by_run: Mapping[str, Sequence[marks.Entry]]) -> Group:
    marked = {
        entry.number: row
        for row in found.entries
        for entry in by_run.get(row.run.id, ())
        if row.judge is not None and row.judge.id == entry.judge_id
    }
    numbers = [entry.group for row in found.entries for entry in by_run.get(row.run.id, ())]
    return Group(found, numbers[0] if numbers else None, marked)
