"""Completes names of tasks, models and judges, and runs of the store, in the user's shell.

`sparkles-eval --install-completion` switches it on. What goes wrong completes nothing: a shell is no place for errors.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import typer

from sparkles_eval.core.config_options import Completes, default_store

Completion = Callable[[typer.Context, str], list[tuple[str, str]]]


def _completes(names: Callable[[typer.Context], Iterator[tuple[str, str]]]) -> Completion:
    """A function as typer calls it: names with their help that begin as the word does, which may be a list `a,b`."""

    def complete(ctx: typer.Context, incomplete: str) -> list[tuple[str, str]]:
        before, comma, word = incomplete.rpartition(",")
        try:
            return [(f"{before}{comma}{name}", what) for name, what in names(ctx) if name.startswith(word)]
        except Exception:  # noqa: BLE001 - a shell shows nothing rather than a traceback
            return []

    return complete


def _tasks(ctx: typer.Context) -> Iterator[tuple[str, str]]:
    from sparkles_eval.tasks.folders import list_tasks

    yield from ((task.name, task.title) for task in list_tasks(_paths(ctx, "content"), _paths(ctx, "plugin")))


def _models(ctx: typer.Context) -> Iterator[tuple[str, str]]:
    from sparkles_eval.adapters.listing import list_models

    for model in list_models(content=_paths(ctx, "content"), plugins=_paths(ctx, "plugin")):
        example = not model.model_id and "/" in model.name  # openai/MODEL: the kind, and the rest is the user's
        yield (model.name.partition("/")[0] + "/" if example else model.name), model.title


def _judges(ctx: typer.Context) -> Iterator[tuple[str, str]]:
    from sparkles_eval.judges.load import list_judges

    yield from ((judge.name, judge.title) for judge in list_judges(_paths(ctx, "content"), ()))


def _runs(ctx: typer.Context) -> Iterator[tuple[str, str]]:
    from sparkles_eval.store import read_runs
    from sparkles_eval.store.reading import open_to_read

    with open_to_read(Path(ctx.params.get("store") or default_store())) as store:
        yield from ((run.id, f"{run.task.name}, {run.model.name}") for run in read_runs.runs(store))


def _runs_and_models(ctx: typer.Context) -> Iterator[tuple[str, str]]:
    found = list(_runs(ctx))
    yield from {what.rpartition(", ")[2]: "" for _, what in found}.items()
    yield from found


def _paths(ctx: typer.Context, name: str) -> tuple[Path, ...]:
    return tuple(Path(os.fspath(path)) for path in ctx.params.get(name) or ())


COMPLETIONS: Mapping[Completes, Completion] = {
    "task": _completes(_tasks),
    "model": _completes(_models),
    "judge": _completes(_judges),
    "run": _completes(_runs),
    "run or model": _completes(_runs_and_models),
}
