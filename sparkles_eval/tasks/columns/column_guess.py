"""Guesses from the first rows of a table which column means what; a person then corrects task.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sparkles_eval.core.errors import UserError
from sparkles_eval.tasks.columns.cell_values import as_list, cell, entries, is_empty, listed_options, text_of
from sparkles_eval.tasks.columns.row_files import RowValues

_NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "idx", "index", "question_id", "sample_id", "qid", "uid", "__key__"),
    "question": ("question", "prompt", "query", "instruction", "text", "questions", "problem", "input"),
    "options": ("options", "choices", "candidates", "multiple_choices"),
    "answer": ("answer", "answers", "label", "target", "gold", "output", "correct_answer", "ground_truth"),
    "reference": ("reference", "references", "gold_response"),
    "turns": ("messages", "conversations", "conversation", "dialogue", "dialog", "turns"),
}
"""Usual names of columns, the likelier first; upper and lower case do not matter."""
_TAGS = ("category", "categories", "task", "sub_task", "subset", "question_type", "type", "topic", "split_name")
_PICTURES = ("images", "image_list", "image", "pictures", "image_path", "image_paths", "input_image_path", "img")
_ROLES = {"role": "content", "from": "value", "speaker": "utterance"}
_FILE = re.compile(r"\.(?:jpe?g|png|webp|gif|bmp)$", re.IGNORECASE)
KEYS = ("id", "question", "images", "options", "answer", "reference", "turns", "group", "cluster", "tags", "caption")
"""What `--map` may say a column is."""


def guess_columns(rows: Sequence[RowValues], given: Mapping[str, str] | None = None) -> dict[str, object]:
    """The `columns` of a task.yaml for these rows. `given` are the `--map` pairs, which are not guessed.

    Raises errors.UserError, with the columns that there are, where no question can be found.
    """
    first = {name: next((row[name] for row in rows if not is_empty(row.get(name))), None) for name in rows[0]}
    mapped = _mapped(given or {}, list(first))
    found: dict[str, object] = {key: name for key in ("id", "question") if (name := _named(key, first))}
    turns = _turns(first)
    if turns and "question" not in mapped:
        found.pop("question", None)
        found["turns"] = turns
    if pictures := _pictures(first):
        found["images"] = pictures if len(pictures) > 1 else pictures[0]
    found |= _options(first, str(mapped.get("question", found.get("question", ""))))
    if answer := _named("answer", first):
        found["answer"] = _answer(answer, first[answer], choices="options" in found or "options" in mapped)
    if reference := _named("reference", first):
        found["reference"] = reference
    if tags := [name for name in first if name.lower() in _TAGS and isinstance(first[name], str | int)]:
        found["tags"] = tags
    found |= mapped
    if "answer" in mapped:
        found["answer"] = _answer(str(mapped["answer"]), first[str(mapped["answer"])], choices="options" in found)
    if "question" not in found and "turns" not in found:
        raise UserError(f"no column of questions among {', '.join(first)}; name it with --map question=COLUMN")
    return {key: found[key] for key in (*KEYS, *found) if key in found}


def _mapped(given: Mapping[str, str], columns: Sequence[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in given.items():
        if key not in KEYS:
            raise UserError(f"--map {key}={value}: a column can be {', '.join(KEYS)}")
        names = [name.strip() for name in value.split(",")]
        unknown = next((name for name in names if name not in columns and not name.endswith("*")), None)
        if unknown is not None:
            raise UserError(f"--map {key}={value}: no column {unknown!r}; the columns are {', '.join(columns)}")
        found[key] = names if len(names) > 1 else names[0]
    if "turns" in found:
        found["turns"] = {"column": found["turns"]}
    return found


def _named(key: str, first: Mapping[str, object]) -> str | None:
    lower = {name.lower(): name for name in reversed(list(first))}
    return next((lower[name] for name in _NAMES[key] if name in lower and first[lower[name]] is not None), None)


def _turns(first: Mapping[str, object]) -> dict[str, object] | None:
    for name in (*_NAMES["turns"], *first):
        messages = entries(first.get(name)) if not isinstance(first.get(name), bytes) else None
        for role, text in _ROLES.items() if messages else ():
            if messages and role in messages[0] and text in messages[0]:
                plain = (role, text) == ("role", "content")
                return {"column": name} if plain else {"column": name, "role": role, "text": text}
    return None


def _pictures(first: Mapping[str, object]) -> list[str]:
    numbered: dict[str, list[str]] = {}
    for name in first:
        if match := re.fullmatch(r"(.*\D)_?(\d{1,2})", name):
            numbered.setdefault(match[1], []).append(name)
    for start, names in numbered.items():
        if len(names) > 1 and any(_is_picture(first[name]) for name in names):
            return [f"{start}*"]
    likely = sorted(first, key=lambda name: name.lower() not in _PICTURES)
    return next(([name] for name in likely if _is_picture(first[name])), [])


def _is_picture(value: object) -> bool:
    listed = as_list(value)
    if listed is not None:
        return bool(listed) and _is_picture(listed[0])
    if isinstance(value, Mapping):
        return isinstance(value.get("bytes"), bytes) or ("path" in value and "bytes" in value)
    if isinstance(value, bytes):
        return True
    text = value if isinstance(value, str) else ""
    return bool(_FILE.search(text[-8:])) or (len(text) > 500 and " " not in text[:500])


def _options(first: Mapping[str, object], question: str) -> dict[str, object]:
    name = _named("options", first)
    if name is not None:
        return {"options": name}
    letters = [letter for letter in "ABCDEFGHIJ" if letter in first]
    if len(letters) >= 2:
        return {"options": letters}
    said = text_of(cell(first, question)) if question else ""
    return {"options": {"within": True, "shown": None}} if listed_options(said) else {}


def _answer(name: str, value: object, *, choices: bool) -> object:
    """The answer's column, with what it holds where that is not plain to see."""
    if choices and isinstance(value, int) and not isinstance(value, bool):
        return {"column": name, "kind": "index"}
    if choices and re.fullmatch(r"\d", text_of(value)):
        return {"column": name, "kind": "index"}
    return {"column": name, "kind": "list"} if not choices and as_list(value) is not None else name
