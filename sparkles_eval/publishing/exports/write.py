"""Writes an export to a file, a folder or the screen; a file is written whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sparkles_eval.analysis.summary import Summary, summarise
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import replacing
from sparkles_eval.core.printing import write_stdout
from sparkles_eval.publishing.config import HubOptions
from sparkles_eval.publishing.exports import ExportFormat
from sparkles_eval.publishing.exports.every_eval_ever import every_eval_ever
from sparkles_eval.publishing.exports.hub_results import eval_results, eval_yaml, hub_datasets
from sparkles_eval.publishing.exports.results import harness_results, model_index
from sparkles_eval.publishing.exports.sample_rows import (
    inspect_form,
    json_lines,
    plain_form,
    sample_records,
    write_parquet,
)
from sparkles_eval.publishing.trackers import log_to_mlflow, log_to_wandb
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store


def export(
    store: Store, run_ids: Sequence[str] | None, form: ExportFormat, out: Path | None, hub: HubOptions | None = None
) -> list[Path]:
    """Write runs (all, where none is named) in a form; gives the files, [] where it went to the screen.

    `out` None prints what is one text. `results-json` and `eval-results` are one file a model, `eval-yaml` one a task:
    of several `out` is a folder.
    Raises errors.UserError for a run that is not there, an empty store, and a file that cannot be written.
    """
    ids = [run.id for run in read_runs.runs(store, run_ids)]
    if not ids:
        raise UserError(f"{store.path}: holds no runs to export")
    if form is ExportFormat.PARQUET:
        if out is None:
            raise UserError("--as parquet: is no text for the screen; name a file with --out")
        with _whole(out) as part:
            write_parquet(sample_records(store, ids), part)
        return [out]
    if form in (ExportFormat.JSONL, ExportFormat.INSPECT):
        shape = plain_form if form is ExportFormat.JSONL else inspect_form
        return _text(json_lines(sample_records(store, ids), shape), out)
    return _numbers(store, summarise(store, ids), form, out, hub or HubOptions())


def _numbers(store: Store, summary: Summary, form: ExportFormat, out: Path | None, hub: HubOptions) -> list[Path]:
    """The forms that hold metrics."""
    match form:
        case ExportFormat.WANDB | ExportFormat.MLFLOW:
            if out is not None:
                raise UserError(f"--as {form.value}: goes to the tracker; leave --out away")
            log = log_to_wandb if form is ExportFormat.WANDB else log_to_mlflow
            log(summary, hub.project)
            return []
        case ExportFormat.RESULTS:
            return _each(form, harness_results(store, summary), out, "results_{}.json")
        case ExportFormat.EVERY_EVAL_EVER:
            return _each(form, every_eval_ever(summary, hub.organization), out, "{}.json")
        case ExportFormat.EVAL_RESULTS:
            return _each(form, eval_results(summary, hub_datasets(hub.datasets), hub.source), out, "{}.yaml")
        case ExportFormat.EVAL_YAML:
            texts = {task.name: eval_yaml(task, hub.framework) for task in summary.tasks}
            return _each(form, texts, out, "{}-eval.yaml", what="task")
        case _:
            return _text([model_index(summary)], out)


def _each(form: ExportFormat, texts: dict[str, str], out: Path | None, name: str, what: str = "model") -> list[Path]:
    """One text a model (or task): printed or a file where there is one, else files of a folder."""
    if len(texts) == 1 and (out is None or not out.is_dir()):
        return _text(list(texts.values()), out)
    if out is None or out.suffix in (".json", ".yaml", ".yml") or (out.exists() and not out.is_dir()):
        files = f"{len(texts)} {what}s make {len(texts)} files"
        raise UserError(f"--as {form.value}: {files}; name a folder with --out, or one {what}'s runs")
    names = {key: _plain_name(key) for key in texts}
    twice = len(set(names.values())) < len(names)
    return [
        path
        for number, (key, text) in enumerate(texts.items(), 1)
        for path in _text([text], out / name.format(f"{names[key]}{f'_{number}' if twice else ''}"))
    ]


_LONGEST_NAME = 150


def _plain_name(model: str) -> str:
    """A model's name as a file name that leads nowhere, cut to what every file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "__", model).lstrip(".")[:_LONGEST_NAME] or "model"


def _text(pieces: Iterator[str] | Sequence[str], out: Path | None) -> list[Path]:
    if out is None:
        write_stdout(pieces)
        return []
    with _whole(out) as part, part.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
        file.writelines(pieces)
    return [out]


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A file that takes the place of `out` at the end of the block."""
    try:
        with replacing(out) as part:
            yield part
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror}); name another place") from error
