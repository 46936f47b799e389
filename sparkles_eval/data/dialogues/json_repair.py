"""Reads JSON with the faults of models: single quotes, fences, text around it, Python literals, missing ends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

LONGEST = 200_000
"""Characters of a reply that are read."""
DEEPEST = 40
"""Levels of nesting that are read; deeper values count as cut off."""
_LONGEST_KEY = 80
_ESCAPE = 5
"""Characters of an escape such as \\u00e4 behind its backslash."""
_FAILED_TRIES = 8
"""How often a reply may be read again after brackets that begin no value; the rest then counts as plain text."""


@dataclass(frozen=True, slots=True)
class JsonObject:
    """An object with its members in order. `cut`: it or something inside it has no end."""

    members: tuple[tuple[str, Node], ...]
    cut: bool = False

    def get(self, *names: str) -> Node:
        """The first member with one of these names (ignoring case and spaces) that is not empty, else None."""
        for name in names:
            for key, value in self.members:
                if key.strip().lower() == name and value not in (None, ""):
                    return value
        return None

    def has(self, *names: str) -> bool:
        """True when there is a member with one of these names, empty or not."""
        return any(key.strip().lower() in names for key, _ in self.members)


@dataclass(frozen=True, slots=True)
class JsonArray:
    """An array. `cut`: it or something inside it has no end."""

    items: tuple[Node, ...]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class CutString:
    """A text without a closing quotation mark, because the reply ends."""

    text: str


class _Pairs:
    """An object's members as the JSON decoder gives them, with repeated names."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        self.pairs = pairs


_JSON = json.JSONDecoder(object_pairs_hook=_Pairs, strict=False)

Node: TypeAlias = JsonObject | JsonArray | CutString | str | int | float | bool | None

_OPEN = re.compile(r"[\[{]")
_BLANK = re.compile(r"(?:\s|//[^\n]*|/\*.*?(?:\*/|\Z))+", re.DOTALL)
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w#])")
_BARE_KEY = re.compile(r"[A-Za-z_][\w \-]{0,40}?(?=\s*:)")
_BARE_VALUE = re.compile(r"[^,\]}\n]*")
_REASONING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)
_WORDS: dict[str, bool | None] = {"true": True, "false": False} | dict.fromkeys(("null", "none", "undefined", "nan"))
_QUOTES = {
    '"': '"\N{RIGHT DOUBLE QUOTATION MARK}\N{LEFT DOUBLE QUOTATION MARK}',
    "'": "'\N{RIGHT SINGLE QUOTATION MARK}",
    "`": "`",
    "\N{LEFT DOUBLE QUOTATION MARK}": '\N{RIGHT DOUBLE QUOTATION MARK}"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '\N{RIGHT DOUBLE QUOTATION MARK}"',
    "\N{DOUBLE LOW-9 QUOTATION MARK}": "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}",
    "\N{LEFT SINGLE QUOTATION MARK}": "\N{RIGHT SINGLE QUOTATION MARK}'",
    "\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}": "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}",
}
"""The marks that may end a text, by the mark with which it begins."""
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\n": ""}
_AFTER_ITEM = re.compile(r"\s*+(?:,\s*+)*+(?:[\]}]|\Z)")
_NEXT_KEY = re.compile(
    r"\s*,\s*(?:[\"'`\u2018-\u201f\u00ab]\s*[\w][\w \-#.]{0,40}\s*[\"'`\u2018-\u201f\u00bb]|[A-Za-z_]\w{0,40})\s*:"
)
_NEXT_KEY_WITHOUT_COMMA = re.compile(r"\s+[\"'`\u2018-\u201f]\w[\w \-]{0,40}[\"'`\u2018-\u201f]\s*:")
_NEXT_ITEM = re.compile(r"\s*,\s*(?:[\"'`\u2018-\u201f\u00ab\[{]|[-+]?\d|(?i:true|false|null|none)\b)")
_COLON = re.compile(r"\s*:")


def find_json(text: str) -> Iterator[Node]:
    """Every object and array in the text, in order, whatever is between them.

    Valid JSON is read as JSON; only the rest is repaired. Reasoning (`<think>`) is left out; a JSON text inside a JSON
    text is read in its place.
    """
    text = _REASONING.sub(" ", text[:LONGEST])
    if text.lstrip()[:1] in ('"', "'"):  # the whole reply quoted as one text
        inner = _Reader(text).value("array")
        if isinstance(inner, str | CutString) and _OPEN.search(unquoted := _text(inner)):
            text = unquoted
    at = vain = 0
    while vain <= _FAILED_TRIES * len(text) and (found := _OPEN.search(text, at)):
        node, end = _strict(text, found.start()) or _loose(text, found.start())
        if isinstance(node, JsonObject | JsonArray) and _holds_something(node):
            yield node if node.cut or not _cut_json(text, found.start()) else replace(node, cut=True)
            at = end
        else:
            vain, at = vain + end - found.start(), found.end()


def _cut_json(text: str, at: int) -> bool:
    """True where the text from there on is valid JSON that ends too early.

    A closing mark within a text, such as "}]", can make it read as a whole value with a stray quotation mark.
    """
    try:
        _JSON.raw_decode(text, at)
    except json.JSONDecodeError as error:
        left = text[error.pos :].rstrip()
        # Cut between two values, within a text, within or behind one of its escapes (\u12), or within a word or number.
        return (
            error.msg.startswith("Unterminated string")
            or (error.msg.startswith("Invalid \\u") and len(left) <= _ESCAPE)
            or any(word.startswith(left) for word in ("true", "false", "null", "-"))
        )
    except RecursionError:
        pass
    return False


def _loose(text: str, at: int) -> tuple[Node, int]:
    reader = _Reader(text, at)
    return reader.value("array"), reader.at


def _strict(text: str, at: int) -> tuple[Node, int] | None:
    """The value and its end where it is valid JSON (line ends within texts are allowed), else None."""
    try:
        value, end = _JSON.raw_decode(text, at)
        return _node(value, 0), end
    except (ValueError, RecursionError):
        return None


def _node(value: object, depth: int) -> Node:
    """A decoded value as our nodes. Raises RecursionError beyond DEEPEST levels."""
    if isinstance(value, list | _Pairs) and depth >= DEEPEST:
        raise RecursionError
    if isinstance(value, list):
        return JsonArray(tuple(_node(item, depth + 1) for item in value))
    if isinstance(value, _Pairs):
        return JsonObject(tuple((name, _node(inner, depth + 1)) for name, inner in value.pairs))
    if isinstance(value, str):
        return _whole(value)
    return value if isinstance(value, bool | int | float) else None


def _text(node: str | CutString) -> str:
    return node.text if isinstance(node, CutString) else node


def _holds_something(node: JsonObject | JsonArray) -> bool:
    """False for text that only looks like JSON, such as "[1]" in a sentence or an empty pair of brackets."""
    parts = node.members if isinstance(node, JsonObject) else node.items
    return bool(parts) and (
        isinstance(node, JsonObject) or any(isinstance(item, JsonObject | JsonArray) for item in node.items)
    )


class _Reader:
    """Reads one value from a position; `at` is then the position after it."""

    def __init__(self, text: str, at: int = 0) -> None:
        self._text = text
        self.at = at
        self._depth = 0

    def value(self, inside: str) -> Node:
        """Read any value. `inside` says what it is part of, which decides what may follow a text."""
        self._skip()
        mark = self._text[self.at : self.at + 1]
        if not mark:
            return CutString("")
        if mark in ",]}":
            return None  # the value is missing: `"images": ,`
        if mark in "[{":
            return self._nested(mark)
        if mark in _QUOTES:
            return self._quoted(inside)
        if number := _NUMBER.match(self._text, self.at):
            self.at = number.end()
            return _number(number[0])
        return self._bare()

    def _nested(self, mark: str) -> Node:
        if self._depth >= DEEPEST:
            self.at = len(self._text)
            return CutString("")
        self._depth += 1
        self.at += 1
        found = self._object() if mark == "{" else self._array()
        self._depth -= 1
        return found

    def _object(self) -> JsonObject:
        members: list[tuple[str, Node]] = []
        cut = False
        while True:
            self._skip(",;")
            mark = self._text[self.at : self.at + 1]
            if mark in ("", "}", "]"):
                # A "]" here closes an array around an object that was never closed.
                cut = cut or mark == ""
                self.at += mark == "}"
                return JsonObject(tuple(members), cut)
            key = self._key()
            if key is None:
                # No key: a value without a name is skipped.
                cut = _is_cut(self.value("object")) or cut
                continue
            value = self.value("object")
            members.append((key, value))
            cut = cut or _is_cut(value)

    def _key(self) -> str | None:
        """Read the name of a member with its colon; None where there is none."""
        begin = self.at
        key: str | None = None
        if self._text[self.at] in _QUOTES:
            quoted = self._quoted("key")
            key = quoted if isinstance(quoted, str) else None
        elif bare := _BARE_KEY.match(self._text, self.at):
            self.at = bare.end()
            key = bare[0]
        self._skip()
        if key is None or self._text[self.at : self.at + 1] != ":":
            self.at = begin
            return None
        self.at += 1
        return key

    def _array(self) -> JsonArray:
        items: list[Node] = []
        cut = False
        while True:
            self._skip(",;")
            mark = self._text[self.at : self.at + 1]
            if mark in ("", "]", "}"):
                cut = cut or mark == ""
                self.at += mark == "]"
                return JsonArray(tuple(items), cut)
            item = self.value("array")
            items.append(item)
            cut = cut or _is_cut(item)

    def _bare(self) -> Node:
        """Read a word without quotation marks: a literal, or a text up to the comma or the end of the line."""
        found = _BARE_VALUE.match(self._text, self.at)
        word = found[0].strip() if found else ""
        self.at = max(self.at + 1, found.end() if found else 0)
        if word.lower() in _WORDS:
            return _WORDS[word.lower()]
        return CutString(word) if self.at >= len(self._text) else word

    def _quoted(self, inside: str) -> str | CutString:
        """Read a text in quotation marks of any kind; marks inside it need no escape where the context shows it."""
        text, mark = self._text, self._text[self.at]
        if text.startswith(mark * 3, self.at) and mark in "\"'":
            return self._tripled(mark * 3)
        ends, begin = _QUOTES[mark], self.at + 1
        # A name is short: searching further for its colon would read the text once for every quotation mark.
        last = begin + _LONGEST_KEY if inside == "key" else len(text)
        stop = re.compile(f"[\\\\{re.escape(ends)}]")
        at, pieces = begin, []
        while found := stop.search(text, at, last):
            if found[0] == "\\":
                pieces.append(text[begin : found.start()])
                piece, begin = _escape(text, found.start())
                pieces.append(piece)
                at = begin
            elif self._ends(found.end(), inside):
                pieces.append(text[begin : found.start()])
                self.at = found.end()
                return _whole("".join(pieces))
            else:
                at = found.end()
        pieces.append(text[begin:])
        self.at = len(text)
        return CutString(_whole("".join(pieces)))

    def _tripled(self, marks: str) -> str | CutString:
        begin = self.at + 3
        end = self._text.find(marks, begin)
        self.at = len(self._text) if end < 0 else end + 3
        return CutString(self._text[begin:]) if end < 0 else self._text[begin:end]

    def _ends(self, at: int, inside: str) -> bool:
        """True where the quotation mark before `at` ends the text, because what follows fits."""
        if inside == "key":
            return bool(_COLON.match(self._text, at))
        if _AFTER_ITEM.match(self._text, at):
            return True
        if inside == "object":
            return bool(_NEXT_KEY.match(self._text, at) or _NEXT_KEY_WITHOUT_COMMA.match(self._text, at))
        return bool(_NEXT_ITEM.match(self._text, at))

    def _skip(self, also: str = "") -> None:
        while True:
            if found := _BLANK.match(self._text, self.at):
                self.at = found.end()
            elif also and self._text[self.at : self.at + 1] and self._text[self.at] in also:
                self.at += 1
            else:
                return


def _is_cut(node: Node) -> bool:
    return isinstance(node, CutString) or (isinstance(node, JsonObject | JsonArray) and node.cut)


def _number(text: str) -> int | float | str:
    """The number, or the text itself where a number would lose digits (007, or too many digits)."""
    plain = text.removeprefix("-").removeprefix("+")
    if plain.isdigit():
        return text if len(plain) > 18 or (len(plain) > 1 and plain[0] == "0") else int(text)
    return float(text)


def _escape(text: str, at: int) -> tuple[str, int]:
    """The character of the escape at `at`, and the position after it."""
    mark = text[at + 1 : at + 2]
    if mark in ("u", "x"):
        digits = text[at + 2 : at + (6 if mark == "u" else 4)]
        if len(digits) == (4 if mark == "u" else 2) and all(c in "0123456789abcdefABCDEF" for c in digits):
            return chr(int(digits, 16)), at + 2 + len(digits)
    return _ESCAPES.get(mark, mark), at + 1 + len(mark)


def _whole(text: str) -> str:
    """Join the two halves of a character beyond 16 bits that are written as two escapes; a single half is replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
