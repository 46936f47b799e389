"""Components of a score's uncertainty, and what to add next: items, generations or judge repeats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sparkles_eval.analysis.compare import opened
from sparkles_eval.analysis.epochs import Epochs, epochs_of, epochs_table
from sparkles_eval.analysis.metrics import rating_metric
from sparkles_eval.analysis.run_scores import ScoredRun, read_scores, sample_value
from sparkles_eval.analysis.tables import Cell, Head, Table
from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.clusters import clustered_mean
from sparkles_eval.stats.variance import VarianceBudget, variance_budget
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.metrics import Metric
from sparkles_eval.tasks.scorers import CRITERION

_SINGLE = "asked once and judged once: ask with `run --epochs 3`, or judge with `judge --repeats 3`, to learn"


@dataclass(frozen=True, slots=True)
class Budget:
    """One run by one judge. `found` is None, with a note, where nothing was repeated."""

    column: ScoredRun
    metric: Metric
    found: VarianceBudget | None
    se_clustered: float | None
    """Of the item means, minding clusters: what tables print."""
    note: str


@dataclass(frozen=True, slots=True)
class Budgets:
    """The variance budgets of several runs."""

    budgets: tuple[Budget, ...]
    epochs: tuple[Epochs, ...] = ()
    """Of the runs with several."""

    @property
    def tables(self) -> tuple[Table, ...]:
        """Components with the present standard error and what doubling each would make of it; what epochs say."""
        return (_table(self.budgets), *epochs_table(self.epochs))


def variance(
    store: Store | Path | str, *models: str, task: str | None = None, judge: str | None = None
) -> Budgets:  # fmt: skip
    """Variance components of the headline score of every run (of the named models or run ids), by judge.

    Nested: judge repeats within generations (epochs) within items. Raises errors.UserError where no such run is there.
    """
    with opened(store) as db:
        runs = [
            run
            for run in read_runs.runs(db)
            if (not models or run.model.name in models or run.id in models) and task in (None, run.task.name)
        ]
        columns = [
            ScoredRun(run, by, f"{run.model.name} ({run.variant})" if run.variant else run.model.name)
            for run in runs
            for by in read_runs.judges(db, run.id)
            if judge is None or by.name == judge or by.id.startswith(judge)
        ]
        if not columns:
            raise UserError(f"{db.path}: no scored run of that name; `sparkles-eval list runs` shows what it holds")
        several = [found for column in columns if (found := epochs_of(db, column)) is not None]
        return Budgets(tuple(_budget(db, column) for column in columns), tuple(several))


def _budget(store: Store, column: ScoredRun) -> Budget:
    metric = rating_metric(column.run, column.judge)
    read = read_scores(store, column.run, column.judge)
    tried = ((attempt, sample_value(metric, attempt)) for attempt in read.attempts)
    scored = [(attempt.sample_id, attempt.epoch, value) for attempt, value in tried if value is not None]
    items: dict[str, list[float]] = {}
    for sample_id, _, value in scored:
        items.setdefault(sample_id, []).append(value)
    if len(items) < 2:
        return Budget(column, metric, None, None, f"{len(items)} scored items: two or more are needed")
    clusters = {place.sample_id: place.cluster for place in read.places}
    means = clustered_mean([sum(v) / len(v) for v in items.values()], [clusters[item] for item in items])
    if len(items) == len(scored):
        return Budget(column, metric, None, means.se, _SINGLE)
    found = variance_budget([v for _, _, v in scored], [i for i, _, _ in scored], [e for _, e, _ in scored])
    notes = [found.note, *([] if metric.name != CRITERION else ["an answer rule has no noise of its own"])]
    return Budget(column, metric, found, means.se, "; ".join(filter(None, notes)))


def _table(budgets: Sequence[Budget]) -> Table:
    heads = (
        Head("task", "task"),
        Head("model", "model"),
        Head("judge", "scored by"),
        Head("mean", "mean", "number"),
        Head("items", "items", "count"),
        Head("generations", "epochs", "number"),
        Head("repeats", "repeats", "number"),
        Head("var_item", "variance:\nitems", "number"),
        Head("var_generation", "epochs", "number"),
        Head("var_repeat", "repeats", "number"),
        Head("se", "SE now", "number"),
        Head("se_clustered", "minding\nclusters", "number"),
        Head("se_items", "SE, twice\nthe items", "number"),
        Head("se_generations", "twice\nepochs", "number"),
        Head("se_repeats", "twice\nrepeats", "number"),
        Head("next", "buy next"),
    )
    notes = [
        "variances in squared units of the score (accuracy from 0 to 1); SE: standard error of the mean",
        "repeats never raise the number of items; named is what brings three quarters of what twice the items would",
    ]
    by_note: dict[str, list[str]] = {}
    for budget in budgets:
        if budget.note:
            by_note.setdefault(budget.note, []).append(f"{budget.column.label} on {budget.column.run.task.name}")
    notes += [f"{', '.join(dict.fromkeys(who))}: {note}" for note, who in by_note.items()]
    rows = tuple(_row(budget) for budget in budgets)
    return Table("variance", "Where the uncertainty comes from", heads, rows, tuple(notes))


def _row(budget: Budget) -> tuple[Cell, ...]:
    run, judge, found = budget.column.run, budget.column.judge, budget.found
    who: tuple[Cell, ...] = (run.task.name, budget.column.label, judge.name)
    if found is None:
        return (*who, *(None,) * 8, budget.se_clustered, *(None,) * 3, "")
    return (
        *who,
        found.mean,
        found.items,
        found.generations,
        found.repeats,
        found.var_item,
        found.var_generation,
        found.var_repeat,
        found.se(),
        budget.se_clustered,
        found.se(items=2 * found.items),
        None if found.var_generation is None else found.se(generations=2 * found.generations),
        None if found.var_repeat is None else found.se(repeats=2 * found.repeats),
        found.next_purchase,
    )
