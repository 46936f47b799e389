"""The samples of a task as a report shows them: runs that ask the same samples stand side by side.

Knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sparkles_eval.reports.samples import SampleView, sample_views
from sparkles_eval.reports.summary import Entry, TaskSummary
from sparkles_eval.store import browse
from sparkles_eval.store.store import Store


@dataclass(frozen=True, slots=True)
class Group:
    """The samples that some runs of a task share, as far as the report shows them."""

    id: str
    title: str
    note: str
    total: int
    samples: tuple[SampleView, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Whose marks stand beside each sample, in order."""
        return tuple(answer.label for answer in self.samples[0].answers) if self.samples else ()

    @property
    def left_out(self) -> int:
        return self.total - len(self.samples)


def groups(store: Store, task: TaskSummary, limit: int, only: Collection[str] = ()) -> Iterator[Group]:
    """Runs of a task that ask the same samples show them once, side by side."""
    by_data: dict[str, list[Entry]] = {}
    labels: dict[str, list[str]] = {}
    for panel in task.panels:
        by_data.setdefault(panel.run.data_hash, []).extend(panel.entries)
        labels.setdefault(panel.run.data_hash, []).append(panel.label)
    for data_hash, entries in by_data.items():
        run_id = entries[0].run.id
        total = browse.count_samples(store, run_id)
        shown = tuple(sample_views(store, entries, limit=min(limit, total), only=only))
        note = "; ".join(label for label in labels[data_hash] if label) if len(by_data) > 1 else ""
        yield Group(f"samples-{run_id}", task.title, note, total, shown)
