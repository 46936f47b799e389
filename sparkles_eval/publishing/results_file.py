"""Reads a result file of the published code: answers, judges' replies, and the numbers that the file claims.

    SparklesEval_<model>.json                  a list of {"evaluation_id", "dialogue", "<judge>": {...}}
    BISON_<model>_acc….json, NLVR2_<model>…    a list of {"evaluation_id", "response", "predict", "label", "sentence"}

The answers themselves are read by the replay adapter, which takes the same files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue, ValidationError

from sparkles_eval.core.errors import UserError
from sparkles_eval.tasks.validation import Foreign, Name, parse_json, read_text, validation_messages

_KINDS = {"sparkleseval": "sparkleseval", "bison": "bison", "nlvr2": "nlvr2"}
"""How a file's name begins, and the task that its answers are to."""
_ACCURACY = re.compile(r"_acc(\d?\.\d+|\d)(?=$|_)")
_LARGEST = 500_000_000


@dataclass(frozen=True, slots=True)
class Judgement:
    """A judge's reply, and the ratings that the file claims to have read out of it: (C1, C2, C3) by turn."""

    judge: str
    prompt: str | None
    reply: str
    claimed: dict[int, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class ResultItem:
    """One item. `predicted`, `label` and `sentence` are the file's own, None where it has none."""

    id: str
    predicted: str | None
    label: str | None
    sentence: str | None
    questions: tuple[str, ...]
    """What the user says in the file's dialogue."""
    judgements: tuple[Judgement, ...]


@dataclass(frozen=True, slots=True)
class ResultFile:
    """A file's items, and what its name says: task, model, accuracy."""

    path: Path
    task: str
    model: str
    accuracy: float | None
    items: tuple[ResultItem, ...]


class _Said(Foreign):
    role: str
    content: str


class _Row(Foreign):
    evaluation_id: Name
    dialogue: tuple[_Said, ...] = ()
    sentence: str | None = None
    predict: JsonValue = None
    label: JsonValue = None


class _Judged(Foreign):
    response: str
    prompt: str | None = None
    A1_C123_scores: tuple[float, ...] | None = None
    A2_C123_scores: tuple[float, ...] | None = None


def is_result_file(path: Path) -> bool:
    """True for a file that is named as the published code names its results."""
    return path.suffix.lower() == ".json" and path.stem.partition("_")[0].lower() in _KINDS


def read_result_file(path: Path, task: str | None = None) -> ResultFile:
    """The file's items. Raises errors.UserError that names the item for anything that is wrong in it."""
    start, _, rest = path.stem.partition("_")
    found = task or _KINDS.get(start.lower())
    if found is None:
        raise UserError(
            f"{path}: its name does not say which task it is of; published files begin with SparklesEval_, BISON_ or "
            "NLVR2_, or name it with --task"
        )
    claimed = _ACCURACY.search(path.stem)
    model = _ACCURACY.sub("", rest if start.lower() in _KINDS else path.stem) or path.stem
    return ResultFile(path, found, model, float(claimed[1]) if claimed else None, tuple(_items(path)))


def _items(path: Path) -> Iterator[ResultItem]:
    try:
        if path.stat().st_size > _LARGEST:
            raise UserError(f"{path}: is larger than {_LARGEST:,} bytes, which no result file is")
        rows = parse_json(read_text(path))
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); name a result file") from None
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    if not isinstance(rows, list) or not rows:
        raise UserError(f"{path}: a result file is a list of items")
    seen: set[str] = set()
    for number, row in enumerate(rows, 1):
        item = _item(path, number, row)
        if item.id in seen:
            raise UserError(f"{path}: item {number}: evaluation_id {item.id} stands twice; keep one")
        seen.add(item.id)
        yield item


def _item(path: Path, number: int, row: object) -> ResultItem:
    try:
        read = _Row.model_validate(row)
    except ValidationError as error:
        raise UserError(f"{path}: item {number}: {validation_messages(error, _Row)[0]}") from None
    assert isinstance(row, dict)
    return ResultItem(
        read.evaluation_id,
        _word(read.predict),
        _word(read.label),
        read.sentence,
        tuple(said.content for said in read.dialogue if said.role == "user"),
        tuple(
            _judgement(f"{path}: item {number}: {name}", str(name), value)
            for name, value in row.items()
            if name not in _Row.model_fields and isinstance(value, dict) and "response" in value
        ),
    )


def _word(value: JsonValue) -> str | None:
    """A claimed option as text, whatever way it was written."""
    if isinstance(value, list):
        return _word(value[0]) if len(value) == 1 else None
    return None if value is None or isinstance(value, dict) else str(value).strip()


def _judgement(where: str, judge: str, value: object) -> Judgement:
    try:
        read = _Judged.model_validate(value)
    except ValidationError as error:
        raise UserError(f"{where}: {validation_messages(error, _Judged)[0]}") from None
    claims = {turn: said for turn, said in ((1, read.A1_C123_scores), (2, read.A2_C123_scores)) if said}
    # With the overall rating in front, or the three criteria alone.
    return Judgement(judge, read.prompt, read.response, {turn: said[-3:] for turn, said in claims.items()})
