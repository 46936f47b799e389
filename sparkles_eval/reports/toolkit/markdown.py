"""Parses the little Markdown that task cards use into blocks that a template writes safely.

Headings, paragraphs, lists, tables; in a line: strong, emphasis, code. Everything else stays plain text, links
included: nothing of a card can become markup or an address.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sparkles_eval.core.text import visible


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A stretch of a line in one style."""

    style: Literal["plain", "strong", "em", "code"]
    text: str


TextSpans: TypeAlias = tuple[TextSpan, ...]


@dataclass(frozen=True, slots=True)
class TextBlock:
    """A heading or paragraph (one row of one cell), a list (a row an item), a table or code (a row a line)."""

    kind: Literal["heading", "paragraph", "list", "table", "code"]
    rows: tuple[tuple[TextSpans, ...], ...]


_INLINE = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|(?<![\w*])\*(?P<em>[^*\s][^*]*)\*(?!\w)")
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
_RULE = re.compile(r"\|?[\s:|-]+\|?")


def parse_markdown(markdown: str) -> tuple[TextBlock, ...]:
    """The blocks of a card in order."""
    return tuple(_fenced(visible(markdown).split("\n")))


def _fenced(lines: list[str]) -> Iterable[TextBlock]:
    """Splits off code between fences; the rest goes to `_read`, a run of lines between blank ones at a time."""
    pending: list[str] = []
    code: list[str] | None = None
    for line in [*lines, ""]:
        if line.lstrip().startswith("```"):
            if code is None:
                yield from _read(pending)
                pending, code = [], []
            else:
                yield TextBlock("code", tuple((((TextSpan("plain", text)),),) for text in code))
                code = None
        elif code is not None:
            code.append(line)
        elif line.strip():
            pending.append(line)
        else:
            yield from _read(pending)
            pending = []
    if code:
        yield TextBlock("code", tuple(((TextSpan("plain", text),),) for text in code))


def _read(lines: list[str]) -> Iterable[TextBlock]:
    paragraph: list[str] = []
    rest = list(lines)
    while rest:
        line = rest[0].strip()
        kind = "table" if line.startswith("|") else "list" if re.match(r"([-*]|\d+\.)\s", line) else ""
        if paragraph and (kind or line.startswith("#")):
            yield _one("paragraph", " ".join(paragraph))
            paragraph = []
        if line.startswith("#"):
            yield _one("heading", line.lstrip("#").strip())
            rest = rest[1:]
        elif kind == "table":
            table = [row.strip() for row in rest if row.strip().startswith("|")]
            yield TextBlock("table", tuple(_cells(row) for row in table if not _RULE.fullmatch(row)))
            rest = [row for row in rest if not row.strip().startswith("|")]
        elif kind == "list":
            items, rest = _items(rest)
            yield TextBlock("list", tuple((_words(item),) for item in items))
        else:
            paragraph.append(line)
            rest = rest[1:]
    if paragraph:
        yield _one("paragraph", " ".join(paragraph))


def _one(kind: Literal["heading", "paragraph"], text: str) -> TextBlock:
    return TextBlock(kind, ((_words(text),),))


def _cells(row: str) -> tuple[TextSpans, ...]:
    return tuple(_words(cell.strip()) for cell in row.strip("|").split("|"))


def _items(lines: list[str]) -> tuple[list[str], list[str]]:
    """The items of a list, with the lines that go on one, and what follows the list."""
    items: list[str] = []
    for place, line in enumerate(lines):
        found = re.match(r"\s*(?:[-*]|\d+\.)\s+(.*)", line)
        if found:
            items.append(found[1])
        elif line.startswith(" "):
            items[-1] += " " + line.strip()
        else:
            return items, lines[place:]
    return items, []


def _words(text: str) -> TextSpans:
    text = _LINK.sub(lambda found: f"{found[1]} ({found[2]})" if found[1] != found[2] else found[1], text)
    spans: list[TextSpan] = []
    done = 0
    for found in _INLINE.finditer(text):
        if found.start() > done:
            spans.append(TextSpan("plain", text[done : found.start()]))
        style: Literal["strong", "em", "code"] = "code" if found["code"] else "strong" if found["strong"] else "em"
        spans.append(TextSpan(style, found[style]))
        done = found.end()
    return (*spans, TextSpan("plain", text[done:])) if done < len(text) else tuple(spans)
