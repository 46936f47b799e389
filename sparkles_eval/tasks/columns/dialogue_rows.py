"""Reads the questions of a row: one text, a list of texts, or a list of messages in any usual form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sparkles_eval.tasks.columns.cell_values import as_list, cell, entries, is_empty, text_of
from sparkles_eval.tasks.columns.column_spec import SampleColumns, TurnColumns
from sparkles_eval.tasks.columns.row_pictures import flat
from sparkles_eval.tasks.placeholders import PLACEHOLDER

_SYSTEM = ("system", "developer")


@dataclass(frozen=True, slots=True)
class RowQuestion:
    """What a user says in a turn. `images` are cells, each at a mark of the text; `answer` is a cell as well."""

    text: str
    images: tuple[object, ...] = ()
    reference: str | None = None
    options: tuple[object, ...] = ()
    image_options: int = 0
    answer: object = None
    system: str = ""
    fields: Mapping[str, object] = field(default_factory=dict)


def questions_of(values: Mapping[str, object], columns: SampleColumns) -> list[RowQuestion]:
    """The questions of a row, at least one. Raises ValueError with the reason where it has none."""
    found = _messages(values, columns.turns) if columns.turns is not None else _texts(values, columns)
    if not found:
        raise ValueError("nothing is asked: no message of a user")
    if columns.question and columns.turns:
        first = text_of(cell(values, columns.question))
        found[0] = replace(found[0], text=f"{first}\n{found[0].text}".strip())
    return found


def _texts(values: Mapping[str, object], columns: SampleColumns) -> list[RowQuestion]:
    assert columns.question is not None
    said = cell(values, columns.question)
    good = cell(values, columns.reference) if columns.reference else None
    several = as_list(said)
    if several is None:
        if is_empty(said):
            raise ValueError(f"no question in the column {columns.question!r}")
        return [RowQuestion(text_of(said), reference=text_of(good) or None)]
    references = as_list(good) or [None] * len(several)
    if len(references) != len(several):
        raise ValueError(f"{len(several)} questions and {len(references)} references")
    return [RowQuestion(text_of(q), reference=text_of(r) or None) for q, r in zip(several, references, strict=True)]


def _messages(values: Mapping[str, object], turns: TurnColumns) -> list[RowQuestion]:
    value = cell(values, turns.column)
    if is_empty(value):
        raise ValueError(f"no messages in the column {turns.column!r}")
    messages = entries(value)
    if messages is None:
        raise ValueError(f"the column {turns.column!r} is no list of messages: {text_of(value)[:60]!r}")
    user, assistant = ([name.casefold() for name in names] for names in (turns.user, turns.assistant))
    found: list[RowQuestion] = []
    system = ""
    for number, message in enumerate(messages, 1):
        role = user[0] if turns.role is None else text_of(cell(message, turns.role)).casefold()
        if role in user:
            found.append(_question(message, turns, number))
        elif role in assistant:
            if not found or found[-1].reference is not None:
                raise ValueError(f"message {number}: an answer of the assistant to nothing that a user said")
            reference = _plain_text(cell(message, turns.text), number)
            found[-1] = replace(
                found[-1], reference=reference or None, fields={**found[-1].fields, **_extra(message, turns)}
            )
        elif role in _SYSTEM:
            system = _plain_text(cell(message, turns.text), number)
        else:
            raise ValueError(
                f"message {number}: the role {role!r} is none of {', '.join([*user, *assistant, *_SYSTEM])}"
            )
    for number, question in enumerate(found, 1):
        if lacking := next((name for name in turns.fields if name not in question.fields), None):
            raise ValueError(f"turn {number} has no {lacking}, which `turns.fields` names")
    return [replace(found[0], system=system), *found[1:]] if found and system else found


def _question(message: Mapping[str, object], turns: TurnColumns, number: int) -> RowQuestion:
    text, images = _parts(cell(message, turns.text), number)
    own = [one for column in turns.images for one in flat(cell(message, column))]
    offered = [one for column in turns.image_options for one in flat(cell(message, column))]
    if own and PLACEHOLDER not in text:
        text = PLACEHOLDER * len(own) + text
    options = [one for column in turns.options for one in as_list(cell(message, column)) or ()]
    answer = cell(message, turns.answer.column) if turns.answer else None
    return RowQuestion(
        text,
        (*images, *own, *offered),
        options=tuple(options),
        image_options=len(offered),
        answer=answer,
        fields=_extra(message, turns),
    )


def _extra(message: Mapping[str, object], turns: TurnColumns) -> dict[str, object]:
    found = {name: cell(message, column) for name, column in turns.fields.items()}
    return {name: value for name, value in found.items() if not is_empty(value)}


def _parts(content: object, number: int) -> tuple[str, tuple[object, ...]]:
    """The words of a message with a mark for each picture, and the pictures in order."""
    if isinstance(content, str) or is_empty(content):
        return text_of(content), ()
    parts = entries(content)
    if parts is None:
        raise ValueError(f"message {number}: its content is neither text nor a list of parts")
    words: list[str] = []
    images: list[object] = []
    for part in parts:
        kind = text_of(part.get("type")) or ("text" if "text" in part else "image")
        if kind in ("text", "input_text"):
            words.append(text_of(part.get("text")))
        elif kind in ("image_url", "image", "input_image"):
            words.append(PLACEHOLDER)
            images.append(next((part[key] for key in ("image_url", "image", "url", "path") if part.get(key)), part))
        else:
            raise ValueError(f"message {number}: a part of type {kind!r}, which is neither text nor a picture")
    return "".join(words), tuple(images)


def _plain_text(content: object, number: int) -> str:
    text, images = _parts(content, number)
    if images:
        raise ValueError(f"message {number}: a picture in a message that is not the user's")
    return text
