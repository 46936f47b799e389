"""Answers from a file instead of a model: `--model replay/FILE`.

Three forms are read:
  JSON lines (.jsonl)  {"sample_id": "7", "turn": 1, "text": "…"}, and where wanted "epoch" and "draw" (from 0)
  CSV (.csv)           a heading line with the same names: sample_id,turn,text[,epoch,draw]
  a published result   SparklesEval_<model>.json: a list of {"evaluation_id", "dialogue": [user, assistant, user,
                       assistant], …}; BISON_<model>*.json and NLVR2_<model>*.json: a list of {"evaluation_id",
                       "response", …}
`turn` counts from 1 and is 1 where it is left out. Where a protocol draws again and the file has no further draw, the
last one that it has is said again.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sparkles_eval.adapters.base import ModelOptions, Request
from sparkles_eval.adapters.options import ModelArguments
from sparkles_eval.core import Generation, Model, Reply, Usage
from sparkles_eval.core.errors import Rejected, UserError
from sparkles_eval.core.reply_parts import take_apart
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.core.suggestions import did_you_mean

_Place: TypeAlias = tuple[str, int, int]
_Located: TypeAlias = "tuple[str, _Answer]"


class _Answer(Strict):
    model_config = ConfigDict(coerce_numbers_to_str=True)
    sample_id: str = Field(min_length=1)
    turn: int = Field(default=1, ge=1)
    epoch: int = Field(default=0, ge=0)
    draw: int = Field(default=0, ge=0)
    text: str


class _Said(BaseModel):
    """A message of a published dialogue; its other fields (images, captions) are not needed here."""

    role: str
    content: str


class _Published(BaseModel):
    """An item of a published result file; ratings, prompts and paths are let through unread."""

    model_config = ConfigDict(coerce_numbers_to_str=True)
    evaluation_id: str
    response: str | None = None
    dialogue: tuple[_Said, ...] = ()


class Replay:
    """A model whose answers are read from a file."""

    structured = False

    def __init__(self, model: Model, answers: dict[_Place, dict[int, str]]) -> None:
        self._model = model
        self._answers = answers

    @property
    def model(self) -> Model:
        return self._model

    def effective(self, generation: Generation) -> Generation:  # noqa: ARG002 - the answers are given already
        return Generation()

    def check(self, request: Request) -> str | None:
        return "a JSON schema for the reply" if request.schema is not None else None

    async def answer(self, request: Request) -> Reply:
        await asyncio.sleep(0)
        draws = self._answers.get((request.sample.id, request.turn, request.epoch), {})
        usable = [draw for draw in draws if draw <= request.draw]
        if not usable:
            again = f", repetition {request.epoch}" if request.epoch else ""
            where = f"item {request.sample.id}, turn {request.turn}{again}"
            raise Rejected(f"{self._model.model_id}: no answer for {where}")
        parts = take_apart(draws[max(usable)])
        return Reply(parts.answer, usage=Usage(cost_usd=0.0), reasoning=parts.reasoning)

    async def aclose(self) -> None:
        """Nothing to close."""


def make(model: Model, options: ModelOptions) -> Replay:
    """The adapter factory of kind `replay`. Raises errors.UserError with the line for anything wrong in the file."""
    args = ModelArguments(model.name, options, {"name": "how tables name the model"})
    file, column = _place(model.model_id)
    try:
        data = file.read_bytes()
    except OSError as error:
        there = [one.name for one in file.parent.glob("*") if one.suffix.lower() in (".jsonl", ".csv", ".json")]
        hint = did_you_mean(file.name, there)
        raise UserError(f"replay: {file}: cannot be read ({error.strerror}){hint}; name a file with answers") from None
    answers = _collect(file, data, column)
    name = args.text("name") or (f"replay/{column}" if column else f"replay/{file.stem}")
    settings = {"sha256": hashlib.sha256(data).hexdigest()}
    if column:
        settings["column"] = column
    # The folder does not matter, the content does: the same answers elsewhere are the same model.
    ready = replace(model, name=name, model_id=file.name, settings=settings, free=True, reads_sample=True)
    return Replay(ready, answers)


def _place(model_id: str) -> tuple[Path, str]:
    """A file, and the column of its answers where one is named: FILE.csv:COLUMN."""
    whole = Path(model_id).expanduser()
    file, colon, column = model_id.rpartition(":")
    if colon and not whole.is_file() and file.lower().endswith(".csv"):
        return Path(file).expanduser(), column
    return whole, ""


def _collect(file: Path, data: bytes, column: str = "") -> dict[_Place, dict[int, str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{file}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    readers = {".jsonl": _json_lines, ".csv": _csv_rows, ".json": _published}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise UserError(f"{file}: answers are read from .jsonl, .csv or a published result .json, not {file.suffix!r}")
    found: dict[_Place, dict[int, str]] = {}
    first_seen: dict[tuple[_Place, int], str] = {}
    for where, answer in _csv_rows(file, text, column) if column else reader(file, text):
        place = (answer.sample_id, answer.turn, answer.epoch)
        before = first_seen.setdefault((place, answer.draw), where)
        if before != where:
            raise UserError(
                f"{file}: {where} answers item {answer.sample_id}, turn {answer.turn} again, after {before}; keep one"
            )
        found.setdefault(place, {})[answer.draw] = answer.text
    if not found:
        raise UserError(f"{file}: holds no answers")
    return found


def _json_lines(file: Path, text: str) -> Iterator[_Located]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield f"line {number}", _Answer.model_validate_json(line)
            except ValidationError as error:
                raise _wrong(file, f"line {number}", error) from None


_ALIASES = {
    "sample_id": ("sample_id", "id", "question_id", "sample", "item"),
    "text": ("text", "answer", "response", "prediction", "output"),
}
"""What people call these two columns of a CSV; the first that is there counts."""


def _columns(file: Path, heads: Sequence[str], column: str) -> dict[str, str]:
    """Column of the file -> our name for it. Raises errors.UserError where ids or answers have none."""
    named = {head: head for head in heads if head in _Answer.model_fields}
    for ours, others in _ALIASES.items():
        if column and ours == "text":
            found: str | None = column if column in heads else None
        else:
            found = next((head for head in others if head in heads), None)
        if found is None:
            hint = did_you_mean(column or ours, heads)
            what = f"no column {column!r}{hint}" if column and ours == "text" else f"no column {ours}{hint}"
            raise UserError(
                f"{file}: {what}; its columns are {', '.join(heads)}. Ids stand under sample_id (or id), answers under "
                f"text (or answer, response, prediction), or name their column: --model replay/{file}:COLUMN"
            )
        named = {head: name for head, name in named.items() if name != ours} | {found: ours}
    return named


def _csv_rows(file: Path, text: str, column: str = "") -> Iterator[_Located]:
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        named = _columns(file, rows.fieldnames or (), column)
        others = () if column else [head for head in rows.fieldnames or () if head not in named]
        if others:  # several models in one file: which is meant must be said
            raise UserError(
                f"{file}: unknown column {others[0]!r}; it has {', '.join(rows.fieldnames or ())}. With a column for "
                f"each model, name one: --model replay/{file}:COLUMN"
            )
        for row in rows:
            where = f"line {rows.line_num}"
            if None in row or None in row.values():
                raise UserError(f"{file}: {where}: not as many fields as the heading has")
            try:
                # An empty cell means "not said", except for the text: an empty answer is an answer.
                given = {ours: row[head] for head, ours in named.items() if row[head] or ours == "text"}
                yield where, _Answer.model_validate(given)
            except ValidationError as error:
                raise _wrong(file, where, error) from None
    except csv.Error as error:
        raise UserError(f"{file}: line {rows.line_num}: not CSV ({error})") from None


def _published(file: Path, text: str) -> Iterator[_Located]:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not JSON ({error})") from None
    if not isinstance(items, list):
        raise UserError(f"{file}: a published result is a list of items; ours is JSON lines and ends in .jsonl")
    for number, item in enumerate(items, start=1):
        where = f"item {number}"
        try:
            read = _Published.model_validate(item)
        except ValidationError as error:
            raise _wrong(file, where, error) from None
        said = [message.content for message in read.dialogue if message.role == "assistant"]
        texts = said or ([read.response] if read.response is not None else [])
        if not texts:
            raise UserError(f"{file}: {where}: neither a response nor a dialogue with answers")
        for turn, answer in enumerate(texts, start=1):
            yield f"{where} turn {turn}", _Answer(sample_id=read.evaluation_id, turn=turn, text=answer)


def _wrong(file: Path, where: str, error: ValidationError) -> UserError:
    """The first fault in words; a name that is missing is said together with those that are there."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    lacking = next((one for one in error.errors() if one["type"] == "missing"), None)
    if lacking is not None and isinstance(lacking["input"], dict):
        needed, there = str(lacking["loc"][0]), ", ".join(map(str, lacking["input"]))
        return UserError(
            f"{file}: {where}: {needed} is missing; there are {there or 'none'} (`sparkles-eval import FILE "
            "--task TASK --map KEY=COLUMN` reads other names)"
        )
    return UserError(f"{file}: {where}: {field + ': ' if field else ''}{first['msg']}")
