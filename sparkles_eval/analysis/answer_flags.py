"""Scans answers for text that could mislead a judge or a parser; flags are shown, nothing is changed.

Pure functions on texts. A flag is a reason to look, not a proof: a recipe may say "8/10" and code comes in fences.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sparkles_eval.core.text import INVISIBLE, PRIVATE, one_line

FlagKind: TypeAlias = Literal["rating", "role", "fence", "invisible", "encoded"]

TITLES: Mapping[FlagKind, str] = {
    "rating": "rating-like text",
    "role": "role tags",
    "fence": "fences",
    "invisible": "invisible characters",
    "encoded": "encoded text",
}

_PATTERNS: Mapping[FlagKind, re.Pattern[str]] = {
    "rating": re.compile(
        r"\[\[\s*\d{1,2}(?:\.\d+)?\s*\]\]"
        r"|\b(?:rating|score|grade|marks?)\b[^\n\d]{0,30}\b\d{1,2}(?:\.\d+)?\s*(?:/|out of)\s*10\b"
        r"|\b(?:over-?all\s+)?rating(?:\s+of\s+A\d)?\s*(?:is|[:=])\s*\[{0,2}\d"
        r"|\b\d{1,2}(?:\.\d+)?\s*(?:/|out of)\s*10\b",
        re.IGNORECASE,
    ),
    "role": re.compile(
        r"<\|?/?\s*(?:system|user|assistant|human|im_start|im_end|endoftext|eot_id)\s*\|?>"
        r"|\[/?(?:INST|SYS)\]|<</?SYS>>"
        r"|^\s{0,3}#{2,4}\s*(?:system|user|human|assistant|instruction)s?\b"
        r"|^\s{0,3}(?:system|user|human|assistant)\s*:",
        re.IGNORECASE | re.MULTILINE,
    ),
    "fence": re.compile(r"```|~~~|^\s{0,3}-{3,}\s*(?:begin|end)\b", re.IGNORECASE | re.MULTILINE),
    "encoded": re.compile(r"(?<![\w+/=])(?=[A-Za-z0-9+/]*[A-Z])(?=[A-Za-z0-9+/]*[0-9+/])[A-Za-z0-9+/]{40,}={0,2}"),
}

_HINTS = ("[[", "/", "out of", "rating", "score", "grade", "mark")
"""Without one of these no text reads like a rating: most answers are spared the expensive pattern."""

_UNSEEN = re.compile(
    "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\u200c\u200d"  # marks of numbers, joiners
    f"{INVISIBLE}{PRIVATE}]"
)
"""Format and private-use characters (Unicode categories Cf and Co)."""

_JOINER = "\u200d"
_EXCERPT = 60
_LONGEST = 200_000
"""Characters of an answer that are looked at."""


@dataclass(frozen=True, slots=True)
class Flag:
    """Something in an answer that a person should look at. `excerpt` is printable."""

    kind: FlagKind
    item: str
    excerpt: str


def scan_text(item: str, text: str) -> list[Flag]:
    """The flags of one answer, at most one of each kind."""
    seen = text[:_LONGEST]
    flags = []
    lower = seen.casefold()
    for kind, pattern in _PATTERNS.items():
        if kind == "rating" and not any(hint in lower for hint in _HINTS):
            continue
        if found := pattern.search(seen):
            flags.append(Flag(kind, item, _excerpt(seen, found.start())))
    place = _invisible(seen)
    if place is not None:
        flags.append(Flag("invisible", item, _excerpt(seen, place)))
    return flags


def _invisible(text: str) -> int | None:
    """Where the first character stands that takes no room and is no part of an emoji; None for clean text."""
    if text.isascii():
        return None
    for found in _UNSEEN.finditer(text):
        place = found.start()
        near = text[max(0, place - 2) : place] + text[place + 1 : place + 2]
        if found[0] == _JOINER and any(unicodedata.category(other) in ("So", "Sk") for other in near):
            continue
        return place
    return None


def _excerpt(text: str, place: int) -> str:
    cut = text[max(0, place - 15) : place + _EXCERPT - 15]
    return one_line(cut)


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found in a set of answers."""

    answers: int
    flags: tuple[Flag, ...]

    @property
    def counts(self) -> dict[FlagKind, int]:
        """Answers flagged, by kind, the most frequent first."""
        return dict(Counter(flag.kind for flag in self.flags).most_common())

    @property
    def said(self) -> str:
        """One line: "3 of 300 answers with role tags, 40 with fences"; "" where nothing was found."""
        parts = [f"{count:,} with {TITLES[kind]}" for kind, count in self.counts.items()]
        return f"of {self.answers:,} answers {', '.join(parts)}" if parts else ""


def scan_answers(answers: Iterable[tuple[str, str]]) -> Scan:
    """Scan (item, text) pairs."""
    pairs = list(answers)
    return Scan(len(pairs), tuple(flag for item, text in pairs for flag in scan_text(item, text)))
