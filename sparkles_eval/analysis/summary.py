"""Reads a store, computes its metrics, and gives a Summary: the data of every table and page.

A panel holds only runs that may be compared (`comparability`). Panels of a task, and runs of one model within a panel,
are titled by what differs between them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sparkles_eval import __version__
from sparkles_eval.analysis.comparability import Comparability, distinct_titles, is_reference, titles
from sparkles_eval.analysis.metrics import Measure, extracts, unknown
from sparkles_eval.analysis.run_scores import NOT_ANSWERED, NOT_SCORED, RunValues, read_scores
from sparkles_eval.core.errors import Problem, UserError
from sparkles_eval.core.names import judge_label
from sparkles_eval.core.scores import MIN_COVERAGE
from sparkles_eval.store import read_runs, spending
from sparkles_eval.store.mapping import now
from sparkles_eval.store.read_runs import RunSample, ScoreLine, StoredEnvironment, StoredRun
from sparkles_eval.store.rows import EstimateRow, JudgeRow
from sparkles_eval.store.spending import Spending
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.metrics import Metric


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many items are graded of those asked (samples times epochs), and why the others are not."""

    graded: int
    asked: int
    reasons: tuple[tuple[str, int], ...] = ()
    """Why items are unscored, the most frequent first; their counts add up to asked - graded."""
    least: float = MIN_COVERAGE
    """The share of `asked` that a model needs to be ranked, from 0 to 1."""

    @property
    def enough(self) -> bool:
        """True where enough is graded for a rank."""
        return self.graded >= self.least * self.asked - 1e-9  # 0.95 * 20 is not exactly 19

    @property
    def unranked(self) -> str:
        """Why the model has no rank, such as "12 of 40 graded, below 95%"; "" where it may have one."""
        return "" if self.enough else f"{self.graded:,} of {self.asked:,} graded, below {100 * self.least:g}%"


@dataclass(frozen=True, slots=True)
class Entry:
    """One run as one judge scored it: a row of a panel."""

    run: StoredRun
    judge: JudgeRow | None
    """None while nobody has scored it."""
    label: str
    """The model's name, with what distinguishes it from another row of that name in the panel."""
    measures: tuple[Measure, ...]
    coverage: Coverage
    spending: Spending
    judging: Spending | None
    skipped: tuple[Problem, ...] = ()
    values: RunValues | None = field(default=None, compare=False, repr=False)
    """The headline's values row by row, which ranks come from; None where the entry is listed without numbers."""

    @property
    def headline(self) -> Measure | None:
        return next((m for m in self.measures if m.column.level == "headline"), None)

    @property
    def bounds(self) -> tuple[Measure, Measure] | None:
        """The headline with every invalid and unscored answer at its worst, and at its best."""
        ends = [m for m in self.measures if m.column.level == "bounds"]
        return (ends[0], ends[1]) if len(ends) == 2 else None

    @property
    def reference(self) -> bool:
        """True for baselines and controls: they are what a model's number stands beside, not contestants."""
        return is_reference(self.run.model)

    def relabelled(self, label: str) -> Entry:
        """The same under another label, here and where it is ranked."""
        values = self.values and replace(self.values, run=replace(self.values.run, label=label))
        return replace(self, label=label, values=values)

    def measure(self, name: str) -> Measure | None:
        return next((m for m in self.measures if m.column.name == name), None)


@dataclass(frozen=True, slots=True)
class Panel:
    """Runs that may be compared: same task, data, prompt, protocol and judge.

    Models come first, the best headline at the top; below them models with too few graded items (`Coverage.enough`);
    references last.
    """

    id: str
    label: str
    """What distinguishes it from the other panels of its task; "" where it is the only one."""
    run: StoredRun
    """Any of its runs: the task, data and protocol are the same for all."""
    judge: JudgeRow | None
    columns: tuple[Metric, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class TaskSummary:
    """Everything of one task, as one version."""

    name: str
    version: int
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a store amounts to at one moment."""

    made_at: str
    version: str
    store: Path
    tasks: tuple[TaskSummary, ...]
    environments: tuple[StoredEnvironment, ...] = ()

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for task in self.tasks for panel in task.panels)

    @property
    def unranked(self) -> tuple[str, ...]:
        """A line for each model with too few graded items: "openai/x on bison: 12 of 40 graded, below 95%"."""
        entries = [entry for panel in self.panels for entry in panel.entries if not entry.reference]
        lines = (
            f"{one.label} on {one.run.task.name}: {one.coverage.unranked}" for one in entries if one.coverage.unranked
        )
        return tuple(dict.fromkeys(lines))


def summarise(store: Store, run_ids: Sequence[str] | None = None, *, min_coverage: float = MIN_COVERAGE) -> Summary:
    """The metrics of those runs (all, where none is named), in the order of their making.

    Models with less than `min_coverage` (0 to 1) of their items graded stand unranked below the others.

    They are written to the store too, unless it is open for reading only, so that its view `leaderboard` shows them.
    Raises errors.StoreError for a run that is not there.
    """
    runs = read_runs.runs(store, run_ids)
    return Summary(
        made_at=now(),
        version=__version__,
        store=store.path,
        tasks=arrange(entry for run in runs for entry in _entries(store, run, min_coverage)),
        environments=tuple(read_runs.environments(store, [run.id for run in runs])),
    )


def arrange(entries: Iterable[Entry]) -> tuple[TaskSummary, ...]:
    """Rows by task and by what may be compared, labelled so that no two of a panel are called the same."""
    tasks: dict[tuple[str, int], list[Entry]] = {}
    for entry in entries:
        tasks.setdefault((entry.run.task.name, entry.run.task.version), []).append(entry)
    return tuple(_task(group) for group in tasks.values())


# --- one run and judge ------------------------------------------------------------------------------------------


def _entries(store: Store, run: StoredRun, least: float) -> Iterable[Entry]:
    answered = read_runs.answered(store, run.id)
    spent, skipped = spending.spending(store, run), tuple(read_runs.skipped(store, run.id))
    judges = read_runs.judges(store, run.id)
    for judge in judges:
        basis = read_runs.scores_version(store, run.id, judge.id)  # before the scores, see Store.set_estimates
        read = read_scores(store, run, judge)
        found = {metric: read.values(metric) for metric in read.metrics}
        measures = tuple(Measure(metric, made.estimate, made.chance) for metric, made in found.items())
        rows = [EstimateRow(run.id, judge.id, m.column.name, m.estimate) for m in measures]
        if not store.read_only and not any(map(unknown, found)):
            store.set_estimates(run.id, judge.id, rows, basis)
        judging = spending.judge_spending(store, run.id, judge.id)
        coverage = replace(_coverage(read.places, run.epochs, read.lines, answered), least=least)
        values = next(iter(found.values()))
        yield Entry(run, judge, run.model.name, measures, coverage, spent, judging, skipped, values)
    if not judges:
        coverage = replace(_coverage(read_runs.places(store, run.id), run.epochs, (), answered), least=least)
        yield Entry(run, None, run.model.name, (), coverage, spent, None, skipped)


def _coverage(
    places: Sequence[RunSample], epochs: int, lines: Sequence[ScoreLine], answered: set[tuple[str, int]]
) -> Coverage:
    """An item is graded when at least one repeat gave all its scores a value."""
    repeats: dict[tuple[str, int], dict[int, list[ScoreLine]]] = {}
    for line in lines:
        repeats.setdefault((line.sample_id, line.epoch), {}).setdefault(line.repeat, []).append(line)
    reasons: Counter[str] = Counter()
    graded = 0
    for place in places:
        for epoch in range(epochs):
            item = (place.sample_id, epoch)
            tried = repeats.get(item, {})
            if any(all(line.value is not None for line in scores) for scores in tried.values()):
                graded += 1
            elif tried:
                missing = (line.reason for scores in tried.values() for line in scores if line.value is None)
                reasons[next(missing) or ""] += 1
            else:
                reasons[NOT_SCORED if item in answered else NOT_ANSWERED] += 1
    return Coverage(graded, len(places) * epochs, tuple(reasons.most_common()))


# --- what may be compared ---------------------------------------------------------------------------------------

_ROW: Mapping[str, Callable[[Entry], str]] = {
    "settings": lambda d: " ".join(f"{name}={value}" for name, value in sorted(d.run.model.settings.items())),
    "generation": lambda d: " ".join(f"{name}={value}" for name, value in sorted(d.run.generation.items())),
    "id": lambda d: f"run {d.run.id}",
}


def _task(drafts: list[Entry]) -> TaskSummary:
    groups: dict[tuple[object, ...], list[Entry]] = {}
    for draft in drafts:
        groups.setdefault(Comparability.of(draft.run, draft.judge).key, []).append(draft)
    firsts = [group[0] for group in groups.values()]
    arguments = [" ".join(f"{name}={value}" for name, value in sorted(d.run.task.args.items())) for d in firsts]
    labels = titles([Comparability.of(first.run, first.judge) for first in firsts], {"arguments": arguments})
    task = drafts[0].run.task
    panels = tuple(_panel(group, label) for group, label in zip(groups.values(), labels, strict=True))
    return TaskSummary(task.name, task.version, task.title, panels)


def _panel(drafts: list[Entry], label: str) -> Panel:
    by_name: dict[str, list[Entry]] = {}
    for draft in drafts:
        by_name.setdefault(draft.run.model.name, []).append(draft)
    entries: list[Entry] = []
    for name, group in by_name.items():
        for draft, said in zip(
            group, distinct_titles([[say(d) for d in group] for say in _ROW.values()], len(group)), strict=True
        ):
            entries.append(draft.relabelled(f"{name} ({said})") if said else draft)
    entries.sort(key=_order)
    columns = {m.column.name: m.column for entry in entries for m in entry.measures}
    first = drafts[0]
    judge_id = first.judge.id if first.judge else "unscored"
    return Panel(
        f"{first.run.id}-{judge_id[:12]}", label, first.run, first.judge, tuple(columns.values()), tuple(entries)
    )


def _order(entry: Entry) -> tuple[bool, bool, float, str]:
    value = entry.headline.estimate.value if entry.headline else None
    return entry.reference, not entry.coverage.enough, -value if value is not None else float("inf"), entry.label


def narrow(summary: Summary, judges: Sequence[str] = (), protocol: str | None = None) -> Summary:
    """The panels of that protocol that one of those judges has rated; all, where nothing is named.

    A judge is NAME, NAME@MODEL or the start of a fingerprint (six digits or more). What a rule reads is no judge's, and
    stays. Raises errors.UserError for a judge or protocol that the summary does not have, with those that it has.
    """
    panels = summary.panels
    known = {panel.judge.id: panel.judge for panel in panels if panel.judge and not extracts(panel.judge)}
    for selector in judges:
        if not any(_means(selector, judge) for judge in known.values()):
            have = ", ".join(sorted({judge_label(judge) for judge in known.values()})) or "none"
            raise UserError(f"--judge {selector}: no judge of these runs is called so; there are {have}")
    protocols = sorted({panel.run.protocol for panel in panels})
    if protocol is not None and protocol not in protocols:
        raise UserError(f"--protocol {protocol}: no run has it; there are {', '.join(protocols) or 'none'}")

    def kept(panel: Panel) -> bool:
        if protocol is not None and panel.run.protocol != protocol:
            return False
        judge = panel.judge
        return not judges or judge is None or extracts(judge) or any(_means(selector, judge) for selector in judges)

    tasks = (replace(task, panels=tuple(filter(kept, task.panels))) for task in summary.tasks)
    return replace(summary, tasks=tuple(task for task in tasks if task.panels))


def _means(selector: str, judge: JudgeRow) -> bool:
    return selector in (judge.name, judge_label(judge)) or (len(selector) >= 6 and judge.id.startswith(selector))
