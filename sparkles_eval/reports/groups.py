"""Groups the samples of a task for a report: runs that ask the same samples stand side by side."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from sparkles_eval.analysis.summary import Entry, TaskSummary
from sparkles_eval.core import fingerprint
from sparkles_eval.core.text import one_line
from sparkles_eval.reports.samples.reader import sample_views
from sparkles_eval.reports.samples.sample_views import SampleView
from sparkles_eval.reports.toolkit.links import task_slug
from sparkles_eval.store import read_samples
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.store import Store


@dataclass(frozen=True, slots=True)
class TaskGroup:
    """Runs of a task that ask the same samples, none of them read yet.

    `id` is made of letters, digits and signs that an address may hold; it stays the same while task and data do.
    """

    id: str
    title: str
    note: str
    total: int
    entries: tuple[Entry, ...]
    """A run once a judge; labels distinguish runs."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Who answers beside each sample, in order."""
        runs = {entry.run.id: entry for entry in reversed(self.entries)}
        order = dict.fromkeys(entry.run.id for entry in self.entries)
        return tuple(
            one_line(runs[run_id].label) + (f", epoch {epoch + 1}" if runs[run_id].run.epochs > 1 else "")
            for run_id in order
            for epoch in range(runs[run_id].run.epochs)
        )


@dataclass(frozen=True, slots=True)
class SampleGroup:
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


def asked(store: Store, task: TaskSummary) -> Iterator[TaskGroup]:
    """The groups of a task in the order of its panels."""
    by_data: dict[str, list[Entry]] = {}
    labels: dict[str, list[str]] = {}
    for panel in task.panels:
        by_data.setdefault(panel.run.data_hash, []).extend(panel.entries)
        labels.setdefault(panel.run.data_hash, []).append(panel.label)
    for data_hash, entries in by_data.items():
        total = read_samples.count_samples(store, entries[0].run.id)
        note = "; ".join(label for label in labels[data_hash] if label) if len(by_data) > 1 else ""
        name = f"{task_slug(task)}-{fingerprint([data_hash])[:6]}"
        yield TaskGroup(name, task.title, note, total, tuple(_distinct_labels(entries)))


def groups(store: Store, task: TaskSummary, limit: int, only: Collection[str] = ()) -> Iterator[SampleGroup]:
    """Runs of a task that ask the same samples show them once, side by side."""
    for found in asked(store, task):
        shown = tuple(sample_views(store, found.entries, limit=min(limit, found.total), only=only))
        yield SampleGroup(found.id, found.title, found.note, found.total, shown)


def _distinct_labels(entries: Sequence[Entry]) -> Iterator[Entry]:
    """One model under two protocols, or asked altered too, has two columns: their labels say which is which."""
    runs: dict[str, dict[str, StoredRun]] = {}
    for entry in entries:
        runs.setdefault(entry.label, {})[entry.run.id] = entry.run
    for entry in entries:
        same = list(runs[entry.label].values())
        said = [entry.run.protocol] if len({run.protocol for run in same}) > 1 else []
        said += [f"altered: {entry.run.variant}"] if entry.run.variant and len(same) > 1 else []
        alike = [run for run in same if (run.protocol, run.variant) == (entry.run.protocol, entry.run.variant)]
        said += [entry.run.id] if len(alike) > 1 else []
        yield replace(entry, label=f"{entry.label} ({', '.join(said)})") if said else entry
