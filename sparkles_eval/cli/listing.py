"""`sparkles-eval list`: what can be named, and why something is not usable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from sparkles_eval.cli.commands import command
from sparkles_eval.cli.json_output import write_json
from sparkles_eval.cli.options import JsonFile
from sparkles_eval.core.config_options import DEFAULT_STORE, ContentFolders, Option, PluginFiles, StorePath
from sparkles_eval.core.console_table import Column, print_rows
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.printing import say
from sparkles_eval.core.text import NO_VALUE

if TYPE_CHECKING:
    from sparkles_eval.store.trainings import CheckpointScore


class ListedKind(StrEnum):
    """What can be listed."""

    MODELS = "models"
    TASKS = "tasks"
    JUDGES = "judges"
    METRICS = "metrics"
    SCORERS = "scorers"
    RUNS = "runs"
    TRAININGS = "trainings"


@command
def listing(
    what: Annotated[ListedKind, Option("models, tasks, judges, scorers, metrics, runs or trainings.", argument=True)],
    store: StorePath = DEFAULT_STORE,
    content: ContentFolders = (),
    plugins: PluginFiles = (),
    provider: Annotated[
        str | None, Option("Only models of this provider, such as openai or openrouter.", metavar="NAME")
    ] = None,
    json: JsonFile = None,
) -> None:
    """List the models, tasks, judges, scorers and metrics that can be named, or the runs and trainings of a store.

    [bold]Examples[/bold]

      sparkles-eval list tasks

      sparkles-eval list models --provider openrouter

      sparkles-eval list runs --store runs/sparkles.db
    """
    if provider is not None and what is not ListedKind.MODELS:
        raise UserError("--provider goes with models: write sparkles-eval list models --provider NAME")
    match what:
        case ListedKind.MODELS:
            tables = _models(content, plugins, provider)
        case ListedKind.TASKS:
            tables = _tasks(content, plugins)
        case ListedKind.JUDGES:
            tables = _judges(content, plugins)
        case ListedKind.METRICS:
            tables = _metrics()
        case ListedKind.SCORERS:
            tables = _scorers(plugins)
        case ListedKind.RUNS:
            tables = _runs(store)
        case _:  # trainings
            tables = _trainings(store)
    first, *others = tables
    if write_json(json, [dict(zip(map(_key, first.headings), row, strict=True)) for row in first.rows]):
        return
    for table in (first, *others):
        if table is not first:
            say()
        columns = [Column(heading, "name" if heading in _NAMES else "text") for heading in table.headings]
        print_rows(columns, table.rows)


@dataclass(frozen=True, slots=True)
class _Listed:
    """A table of what can be named."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]


_NAMES = ("run", "task", "model", "judge", "metric", "scorer", "training", "folder")
"""Columns of what people copy, which are never wrapped."""


def _key(heading: str) -> str:
    """The heading as a key of JSON: "price" for the model's, the words with "_" for the others."""
    return "price" if heading.startswith("$") else heading.replace(" ", "_")


def _usable(usable: bool, why_not: str) -> str:
    return "yes" if usable else f"no: {why_not}"


def _models(content: Sequence[Path], plugins: Sequence[Path], provider: str | None) -> list[_Listed]:
    from sparkles_eval.adapters.listing import list_models
    from sparkles_eval.core import Prices

    def price(prices: Prices, free: bool) -> str:
        if free:
            return "free"
        if prices.input is None or prices.output is None:
            return "unknown"
        return f"{prices.input:g} / {prices.output:g} ({prices.date})"

    rows = [
        (m.name, m.title, price(m.prices, m.free), _usable(m.usable, m.why_not))
        for m in list_models(content=content, plugins=plugins, provider=provider)
    ]
    return [_Listed(("model", "what", "$ per M tokens in / out", "usable"), rows)]


def _tasks(content: Sequence[Path], plugins: Sequence[Path]) -> list[_Listed]:
    from sparkles_eval.tasks.load import list_tasks

    rows = [
        (t.name, t.title, _usable(t.usable, t.why_not) + (", with --data-root" if t.needs_data_root else ""))
        for t in list_tasks(content, plugins)
    ]
    return [_Listed(("task", "what", "usable"), rows)]


def _judges(content: Sequence[Path], plugins: Sequence[Path]) -> list[_Listed]:
    from sparkles_eval.core.plugins import load_plugin
    from sparkles_eval.judges.load import list_judges

    judges = list_judges(content, [load_plugin(path) for path in plugins])
    rows = [(j.name, j.title, _usable(j.usable, j.why_not) + (f"; {j.weakness}" if j.weakness else "")) for j in judges]
    return [_Listed(("judge", "what", "usable"), rows)]


def _metrics() -> list[_Listed]:
    from sparkles_eval.tasks.metrics import METRICS, nameable

    found = [metric for name in nameable() if (metric := METRICS.get(name))]
    rows = [(metric.name, metric.title, ", ".join(metric.needs) or "scores", metric.description) for metric in found]
    return [_Listed(("metric", "title", "needs", "what it is"), rows)]


def _scorers(plugins: Sequence[Path]) -> list[_Listed]:
    from sparkles_eval.tasks.scorers.registry import list_scorers

    rows = [(one.name, str(one.version), one.description, one.options_shown) for one in list_scorers(plugins)]
    return [_Listed(("scorer", "version", "what", "options"), rows)]


def _runs(path: Path) -> list[_Listed]:
    from sparkles_eval.store import read_runs
    from sparkles_eval.store.reading import open_to_read

    with open_to_read(path) as store:
        rows = []
        for run in read_runs.runs(store):
            answered = len(read_runs.answered(store, run.id))
            judges = ", ".join(judge.name for judge in read_runs.judges(store, run.id))
            total = run.total * run.epochs
            counts = f"{answered}/{total}"
            rows.append((run.id, run.task.name, run.model.name, run.protocol, counts, judges, run.created_at[:16]))
    return [_Listed(("run", "task", "model", "protocol", "answered", "scored by", "made"), rows)]


def _trainings(path: Path) -> list[_Listed]:
    from sparkles_eval.store import trainings
    from sparkles_eval.store.reading import open_to_read

    with open_to_read(path) as store:
        found = trainings.trainings(store)
    rows = []
    for one in found:
        training, loss = one.training, "" if one.loss is None else f"{one.loss:.4f}"
        steps, made = f"{one.done}/{training.steps}", one.created_at[:16]
        rows.append((training.id, training.name, training.title, steps, loss, str(len(one.checkpoints)), made))
    tables = [_Listed(("training", "folder", "recipe", "steps", "last loss", "saved", "made"), rows)]
    scores = [(one.training.id, score) for one in found for score in one.scores if score.headline]
    if scores:
        heads = ("training", "step", "task", "scored by", "metric", "value [95%]", "graded", "run")
        lines = [
            (owner, str(s.step), s.task, s.judge, s.metric, _with_interval(s), f"{s.n}/{s.total}", s.run_id)
            for owner, s in scores
        ]
        tables.append(_Listed(heads, lines))
    return tables


def _with_interval(score: CheckpointScore) -> str:
    """A value with its interval: shares from 0 to 1, points as they are."""
    if score.value is None:
        return NO_VALUE
    if score.low is None or score.high is None:
        return f"{score.value:.3f}"
    return f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}]"
