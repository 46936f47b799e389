"""Reads answers that other tools or people wrote down: tables, VLMEvalKit's sheets, sample logs of three harnesses.

Every reader gives the same records: whose answer to which item, and what the file claims for it. Nothing is scored.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sparkles_eval.core.errors import UserError
from sparkles_eval.publishing.sheets import sheet_rows
from sparkles_eval.tasks.columns.cell_values import as_list, cell, is_empty, text_of
from sparkles_eval.tasks.columns.row_files import RowValues, TableRow, open_rows
from sparkles_eval.tasks.validation import parse_json

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "id": ("sample_id", "id", "idx", "index", "question_id", "item", "qid", "doc_id", "evaluation_id"),
    "response": ("response", "prediction", "answer_text", "model_answer", "output", "reply", "text", "generated"),
    "model": ("model", "model_name"),
    "turn": ("turn",),
    "epoch": ("epoch",),
    "claim": ("hit", "correct", "is_correct", "score", "acc"),
}
KEYS = tuple(_COLUMNS)
"""What `--map` may say a column is."""
_FAILED = re.compile(r"\s*(?:Failed to obtain answer|Error: |\[ERROR\])")
"""How other tools write a failed request into the answer's place."""
_NO_SCORE = frozenset(("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "input"))
_LARGEST = 500_000_000
_READABLE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_SCORES = ("acc", "exact_match", "accuracy", "score")
_LETTER_CLAIMS = {"C": 1.0, "I": 0.0, "P": 0.5, "TRUE": 1.0, "FALSE": 0.0, "CORRECT": 1.0, "INCORRECT": 0.0}


@dataclass(frozen=True, slots=True)
class ForeignAnswer:
    """An answer of a file. `claim` is the score from 0 to 1 that the file gives it, None where it gives none."""

    model: str
    sample_id: str
    text: str | None
    """None where the request failed, by the file."""
    turn: int = 1
    epoch: int = 0
    claim: float | None = None
    names: tuple[str, ...] = ()
    """Further ids by which the item may be known."""


def read_answers(path: Path, mapping: Mapping[str, str], name: str | None = None) -> list[ForeignAnswer]:
    """The answers of a file, in its order. `name` is the model's where the file names none.

    `mapping` are the `--map` pairs. Raises errors.UserError, with the columns that are there, where none are found.
    """
    if not path.is_file():
        raise UserError(f"{path}: cannot be read; name a file with answers")
    model = name or path.stem
    if path.suffix.lower() == ".eval":
        return list(_inspect(path, name))
    rows = list(_rows(path))
    if not rows:
        raise UserError(f"{path}: holds no answers")
    first = rows[0].values
    if "samples" in first and "eval" in first and len(rows) == 1:
        return list(_inspect_samples(first, as_list(first["samples"]) or [], name))
    if "resps" in first or "filtered_resps" in first:
        log = re.sub(r"_?samples_.*$", "", path.stem).strip("_") or path.parent.name
        return [_harness(row, name or log or model) for row in rows]
    return list(_table(path, rows, mapping, model))


def _rows(path: Path) -> Iterator[TableRow]:
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        for number, values in enumerate(sheet_rows(path), 2):
            yield TableRow(f"{path.name} row {number}", values)
    else:
        yield from open_rows(path)


# --- tables -------------------------------------------------------------------------------------------------------


def _table(path: Path, rows: Sequence[TableRow], mapping: Mapping[str, str], model: str) -> Iterator[ForeignAnswer]:
    columns = list(rows[0].values)
    found = _found(path, columns, mapping)
    wide = [name.strip() for name in mapping.get("response", "").split(",") if name.strip()]
    for row in rows:
        item = text_of(cell(row.values, found["id"]))
        if not item:
            raise UserError(f"{path}: {row.place}: no id in the column {found['id']!r}")
        base = ForeignAnswer(
            text_of(cell(row.values, found["model"])) or model if "model" in found else model,
            item,
            None,
            _number(path, row, found, "turn", 1),
            _number(path, row, found, "epoch", 0),
            claimed(cell(row.values, found["claim"])) if "claim" in found else None,
        )
        if len(wide) > 1:  # a column for each model
            yield from (replace(base, model=name, text=_said(row.values.get(name)), claim=None) for name in wide)
            continue
        value = row.values.get(found["response"], cell(row.values, found["response"]))
        if value is None and path.suffix.lower() not in (".json", ".jsonl"):
            value = ""  # a table cannot say null: an empty answer is an answer
        several = as_list(value) if isinstance(value, list) else None
        if several is None:
            yield replace(base, text=_said(value))
        else:
            yield from (replace(base, turn=turn, text=_said(one)) for turn, one in enumerate(several, 1))


def _found(path: Path, columns: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """The column of each key: as `--map` says, else by its usual name."""
    for key, column in mapping.items():
        names = [name.strip() for name in column.split(",")]
        unknown = next((name for name in names if name not in columns), None)
        if key not in KEYS or unknown is not None:
            what = f"no column {unknown!r}" if key in KEYS else f"a column can be {', '.join(KEYS)}"
            raise UserError(f"{path}: --map {key}={column}: {what}; the columns are {', '.join(columns)}")
    lower = {name.lower(): name for name in reversed(columns)}
    found = {key: column.split(",")[0].strip() for key, column in mapping.items()}
    for key, likely in _COLUMNS.items():
        usual = next((lower[name] for name in likely if name in lower), None)
        if usual is not None:
            found.setdefault(key, usual)
    for key in ("id", "response"):
        if key not in found:
            raise UserError(
                f"{path}: no column of {'ids' if key == 'id' else 'answers'} (such as {', '.join(_COLUMNS[key][:3])}); "
                f"the columns are {', '.join(columns)}; name it with --map {key}=COLUMN"
            )
    return found


def _number(path: Path, row: TableRow, found: Mapping[str, str], key: str, default: int) -> int:
    said = text_of(cell(row.values, found[key])) if key in found else ""
    if not said:
        return default
    if not said.isdecimal():
        raise UserError(f"{path}: {row.place}: {key} {said[:40]!r} is no whole number")
    return int(said)


def _said(value: object) -> str | None:
    """The answer's text; None for a request that failed."""
    if value is None or (isinstance(value, str) and _FAILED.match(value)):
        return None
    return text_of(value)


def claimed(value: object) -> float | None:
    """A score from 0 to 1 in any usual spelling; None for anything else."""
    if isinstance(value, bool):
        return float(value)
    text = text_of(value).strip()
    if text.upper() in _LETTER_CLAIMS:
        return _LETTER_CLAIMS[text.upper()]
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0.0 <= number <= 1.0 else None


# --- lm-eval and lmms-eval ----------------------------------------------------------------------------------------


def _harness(row: TableRow, model: str) -> ForeignAnswer:
    """A line of `--log_samples`: the reply is in `resps`, or cut down in `filtered_resps`."""
    values = row.values
    text = _innermost(values.get("resps"))
    if text is None:
        text = _innermost(values.get("filtered_resps"))
    doc = values.get("doc")
    names = [text_of(doc[key]) for key in _COLUMNS["id"] if isinstance(doc, Mapping) and not is_empty(doc.get(key))]
    place = text_of(values.get("doc_id"))
    ids = tuple(dict.fromkeys([*names, *([place] if place else [])]))
    if not ids:
        raise UserError(f"{row.place}: neither a doc_id nor an id in its doc")
    return ForeignAnswer(model, ids[0], text, claim=_harness_claim(values), names=ids[1:])


def _innermost(value: object) -> str | None:
    while isinstance(value, list | tuple):
        if not value:
            return None
        value = value[0]
    return _said(value)


def _harness_claim(values: RowValues) -> float | None:
    listed = as_list(values.get("metrics")) or []
    names = [str(name) for name in listed] or [
        name for name, value in values.items() if name not in _NO_SCORE and isinstance(value, bool | int | float)
    ]
    chosen = next((name for name in _SCORES if name in names), names[0] if len(names) == 1 else None)
    return claimed(values.get(chosen)) if chosen else None


# --- inspect ------------------------------------------------------------------------------------------------------


def _inspect(path: Path, name: str | None) -> Iterator[ForeignAnswer]:
    try:
        with zipfile.ZipFile(path) as opened:
            members = sorted(n for n in opened.namelist() if n.startswith("samples/") and n.endswith(".json"))
            strange = next(
                (i for i in opened.infolist() if i.compress_type not in _READABLE),
                None,
            )
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{path}: is no whole .eval log ({error})") from None
    if strange:
        raise UserError(
            f"{path}: its members are compressed in a way that Python's zipfile does not read; write it as JSON with "
            "`inspect log convert --to json` and import that"
        )
    if not members:
        raise UserError(f"{path}: holds no samples; is the run finished?")
    header = _member(path, "header.json")
    for member in members:
        yield from _inspect_samples(header, [_member(path, member)], name)


def _member(path: Path, member: str) -> RowValues:
    """A JSON object of a log; empty where the log has no such member."""
    try:
        with zipfile.ZipFile(path) as opened:
            if opened.getinfo(member).file_size > _LARGEST:
                raise UserError(f"{path}: {member} is larger than {_LARGEST:,} bytes")
            value = parse_json(opened.read(member).decode("utf-8"))
    except KeyError:
        return {}
    except (zipfile.BadZipFile, RuntimeError, ValueError) as error:
        raise UserError(f"{path}: {member}: cannot be read ({error})") from None
    return value if isinstance(value, dict) else {}


def _inspect_samples(header: RowValues, samples: Sequence[object], name: str | None) -> Iterator[ForeignAnswer]:
    model = name or text_of(cell(header, "eval.model")) or "inspect"
    for sample in samples:
        if not isinstance(sample, Mapping):
            continue
        failed = not is_empty(sample.get("error"))
        text = None if failed else text_of(cell(sample, "output.completion")) or _message(sample)
        scores = sample.get("scores")
        first = next(iter(scores.values()), None) if isinstance(scores, Mapping) else None
        claim = claimed(first.get("value")) if isinstance(first, Mapping) else None
        epoch = sample.get("epoch")
        number = epoch - 1 if isinstance(epoch, int) and epoch > 0 else 0
        yield ForeignAnswer(model, text_of(sample.get("id")), text, epoch=number, claim=claim)


def _message(sample: RowValues) -> str:
    """The words of the first choice of an inspect sample, whose content may be a list of parts."""
    choices = as_list(cell(sample, "output.choices")) or []
    content = cell(choices[0], "message.content") if choices else None
    parts = as_list(content)
    if parts is None:
        return text_of(content)
    return "".join(text_of(part.get("text")) for part in parts if isinstance(part, Mapping))
