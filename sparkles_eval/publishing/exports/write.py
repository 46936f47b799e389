"""Writes an export to a file, a folder or the screen; a file is written whole or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import replacing
from sparkles_eval.core.printing import write_stdout
from sparkles_eval.publishing.exports import ExportFormat
from sparkles_eval.publishing.exports.results import harness_results, model_index
from sparkles_eval.publishing.exports.sample_rows import (
    inspect_form,
    json_lines,
    plain_form,
    sample_records,
    write_parquet,
)
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store


def export(store: Store, run_ids: Sequence[str] | None, form: ExportFormat, out: Path | None) -> list[Path]:
    """Write runs (all, where none is named) in a form; gives the files, [] where it went to the screen.

    `out` None prints what is one text. `results-json` is one file a model: of several models `out` is a folder.
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
    if form is ExportFormat.RESULTS:
        return _results(harness_results(store, summarise(store, ids)), out)
    if form is ExportFormat.MODEL_INDEX:
        return _text([model_index(summarise(store, ids))], out)
    return _text(
        json_lines(sample_records(store, ids), plain_form if form is ExportFormat.JSONL else inspect_form), out
    )


def _results(texts: dict[str, str], out: Path | None) -> list[Path]:
    if len(texts) == 1 and (out is None or not out.is_dir()):
        return _text(list(texts.values()), out)
    if out is None or out.suffix or (out.exists() and not out.is_dir()):
        files = f"{len(texts)} models make {len(texts)} files"
        raise UserError(f"--as results-json: {files}; name a folder with --out, or one model's runs")
    names = {model: _plain_name(model) for model in texts}
    twice = len(set(names.values())) < len(names)
    return [
        path
        for number, (model, text) in enumerate(texts.items(), 1)
        for path in _text([text], out / f"results_{names[model]}{f'_{number}' if twice else ''}.json")
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
