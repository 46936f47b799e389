"""Reads the values of cells: lists in every spelling, texts, options with their letters, and the right answer."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Literal

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_LABEL = re.compile(r"\s*(?:\(([A-Za-z])\)|([A-Z])\s*[.):]|\[([A-Z])\])(?:\s+|(?<=[.):\]])(?=\S)|$)")
"""A letter in front of an option: "(A)", "A.", "A:", "A)", "[A]"."""
_INLINE = re.compile(r"(?<!\w)(?:\(([A-Z])\)|([A-Z])[.):](?=\s))\s*")
_LONE_LETTER = re.compile(r"[(\[]?\s*([A-Za-z])\s*[)\]]?\s*[.:]?")
_LONGEST_LIST = 50_000_000
"""Characters of a list that is written as text: a table's cell may hold several pictures."""


def cell(row: object, column: str) -> object:
    """The value of a column: `a|b` is the first that is not empty, `a.b` is b inside of a, also of each in a list."""
    for name in column.split("|"):
        value = _inside(row, name)
        if not is_empty(value):
            return value
    return None


def _inside(row: object, name: str) -> object:
    if isinstance(row, Mapping):
        if name in row:
            return row[name]
        first, dot, rest = name.partition(".")
        return _inside(row[first], rest) if dot and first in row else None
    if isinstance(row, str) and row.lstrip()[:1] in ("{", "["):
        try:
            return _inside(json.loads(row), name)
        except (ValueError, RecursionError):
            return None
    if isinstance(row, list | tuple):
        found = [_inside(entry, name) for entry in row]
        return None if all(value is None for value in found) else found
    return None


def has_column(columns: Sequence[str], column: str) -> bool:
    """True where a table with these columns has that one, in any of its alternatives."""
    return any(name in columns or name.partition(".")[0] in columns for name in column.split("|"))


def is_empty(value: object) -> bool:
    """True for None, NaN, "" and an empty list."""
    return (
        value is None
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, str | list | tuple | bytes) and not value)
    )


def text_of(value: object) -> str:
    """A cell as text: whole numbers without ".0", truth as "True"; "" for an empty one."""
    if is_empty(value):
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return value if isinstance(value, str) else str(value)


def as_list(value: object) -> list[object] | None:
    """The entries of a list, also of one that is written as text (JSON's or Python's quotes); None for no list."""
    if isinstance(value, list | tuple):
        return list(value)
    if isinstance(value, str) and value.strip()[:1] == "[" and value.strip()[-1:] == "]" and len(value) < _LONGEST_LIST:
        for read in (json.loads, ast.literal_eval):
            try:
                found: object = read(value.strip())
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            if isinstance(found, list):
                return found
    return None


def entries(value: object) -> list[Mapping[str, object]] | None:
    """A list of records, also given as a record of lists (as `datasets` gives a sequence) or as JSON text."""
    if isinstance(value, Mapping):
        columns = {str(name): as_list(column) for name, column in value.items()}
        lists = {name: column for name, column in columns.items() if column is not None}
        sizes = {len(column) for column in lists.values()}
        if len(lists) < len(columns) or len(sizes) != 1:
            return None
        return [{name: column[index] for name, column in lists.items()} for index in range(sizes.pop())]
    found = as_list(value)
    if found is None or not all(isinstance(entry, Mapping) for entry in found):
        return None
    return [entry for entry in found if isinstance(entry, Mapping)]


# --- options ------------------------------------------------------------------------------------------------------


def without_letters(texts: Sequence[str]) -> list[str]:
    """The options without the letters in front, where each carries its own ("(A) red", "(B) blue")."""
    found = [_LABEL.match(text) for text in texts]
    if texts and all(
        match is not None and (match[1] or match[2] or match[3]).upper() == LETTERS[index : index + 1]
        for index, match in enumerate(found)
    ):
        return [text[match.end() :].strip() if match else text for text, match in zip(texts, found, strict=True)]
    return [text.strip() for text in texts]


def listed_options(text: str) -> list[str]:
    """The options that a text lists with letters, each on a line of its own or in one line; empty where it does not."""
    lines: list[str] = []
    for line in text.splitlines():
        match = _LABEL.match(line)
        letter = (match[1] or match[2] or match[3]).upper() if match else ""
        if match and letter == LETTERS[len(lines) : len(lines) + 1]:
            lines.append(line[match.end() :].strip())
        elif match and letter == "A":
            lines = [line[match.end() :].strip()]
    if len(lines) >= 2:
        return lines
    marks: list[re.Match[str]] = []
    for match in _INLINE.finditer(text):
        if (match[1] or match[2]) == LETTERS[len(marks) : len(marks) + 1]:
            marks.append(match)
    if len(marks) < 2:
        return []
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    return [text[mark.end() : end].strip(" \n\t,;") for mark, end in zip(marks, ends, strict=True)]


def place_of_answer(
    value: object, texts: Sequence[str], kind: Literal["auto", "letter", "index", "text", "list", "flags"], first: int
) -> int:
    """Which option an answer names, from 0. Raises ValueError with the reason where that is not plain."""
    count = len(texts)
    if kind == "flags":
        flags = as_list(value) or []
        right = [place for place, flag in enumerate(flags) if flag is True or flag == 1]
        if len(right) != 1 or len(flags) != count:
            raise ValueError(f"{len(right)} of {len(flags)} options are marked as right; one of {count} is needed")
        return right[0]
    said = text_of(value).strip()
    if kind == "index":
        if not re.fullmatch(r"-?\d{1,4}", said) or not 0 <= int(said) - first < count:
            raise ValueError(f"the answer {said[:40]!r} is no index of {count} options that count from {first}")
        return int(said) - first
    letter = _letter_place(said, count) if kind != "text" else None
    same = [place for place, text in enumerate(texts) if _plain(text) == _plain(said)] if kind != "letter" else []
    if len(same) == 1 and letter is not None and letter != same[0]:
        raise ValueError(
            f"the answer {said!r} is a letter and another option's text; say `kind: letter` or `kind: text`"
        )
    return letter if letter is not None else _place_by_words(said, texts, same, labels=kind == "auto")


def _place_by_words(said: str, texts: Sequence[str], same: Sequence[int], *, labels: bool) -> int:
    labelled = _LABEL.match(said)
    if not same and labelled and labels:  # "B. the blue cup"
        rest, place = said[labelled.end() :], _letter_place((labelled[1] or labelled[2] or labelled[3]), len(texts))
        if place is not None and _plain(rest) == _plain(texts[place]):
            return place
    if len(same) == 1:
        return same[0]
    if same:
        raise ValueError(
            f"the answer {said[:60]!r} is the text of {len(same)} options; say `kind: letter` or `kind: index`"
        )
    shown = ", ".join(repr(text[:40]) for text in texts[:8])
    fix = "; for a position say `kind: index`" if re.fullmatch(r"\d{1,3}", said) else ""
    raise ValueError(f"the answer {said[:60]!r} is none of the {len(texts)} options {shown}{fix}")


def _letter_place(said: str, count: int) -> int | None:
    match = _LONE_LETTER.fullmatch(said)
    place = LETTERS.find(match[1].upper()) if match else -1
    return place if 0 <= place < count else None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold().rstrip(".")
