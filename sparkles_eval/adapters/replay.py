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
from collections.abc import Iterator
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
    file = Path(model.model_id).expanduser()
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError(f"replay: {file}: cannot be read ({error.strerror}); name a file with answers") from None
    answers = _collect(file, data)
    name = args.text("name") or f"replay/{file.stem}"
    settings = {"sha256": hashlib.sha256(data).hexdigest()}
    # The folder does not matter, the content does: the same answers elsewhere are the same model.
    ready = replace(model, name=name, model_id=file.name, settings=settings, free=True, reads_sample=True)
    return Replay(ready, answers)


def _collect(file: Path, data: bytes) -> dict[_Place, dict[int, str]]:
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
    for where, answer in reader(file, text):
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


def _csv_rows(file: Path, text: str) -> Iterator[_Located]:
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in rows:
            where = f"line {rows.line_num}"
            if None in row or None in row.values():
                raise UserError(f"{file}: {where}: not as many fields as the heading has")
            try:
                # An empty cell means "not said", except for the text: an empty answer is an answer.
                yield where, _Answer.model_validate({k: v for k, v in row.items() if v or k == "text"})
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
