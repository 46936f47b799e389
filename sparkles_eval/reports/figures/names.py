"""Names as a drawing can show them: one line, harmless, cut to a length, and each still unlike the others.

The table under a figure has them whole. Knows nothing of charts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sparkles_eval.reports.inert import line

LONGEST = 30
"""Characters of a name beside a plot."""
_NO_XML = re.compile("[\ufdd0-\ufdef\ufffe\uffff]")
_PLAIN = re.compile(r"[^a-z0-9]+")


def shown(text: str, most: int = LONGEST) -> str:
    """One visible line of at most `most` characters, cut in the middle: a version stands at the end of a name."""
    flat = _NO_XML.sub("\N{REPLACEMENT CHARACTER}", line(text, 10_000)) or "(no name)"
    if len(flat) <= most:
        return flat
    end = most // 3
    return f"{flat[: most - end - 1].rstrip()}…{flat[-end:].lstrip()}"


def labels(names: Iterable[str], most: int = LONGEST) -> dict[str, str]:
    """Name -> label; names that read alike once cut are numbered."""
    made: dict[str, str] = {}
    taken: set[str] = set()
    for name in dict.fromkeys(names):
        label, number = shown(name, most), 1
        while label in taken:
            number += 1
            label = f"{shown(name, most - 4)} ({number})"
        taken.add(label)
        made[name] = label
    return made


def folded(label: str, most: int = 18) -> str:
    """A label on two lines where it is long; drawings split it at the newline, which no label holds."""
    if len(label) <= most:
        return label
    middle = len(label) / 2
    spaces = [place for place, char in enumerate(label) if char == " "]
    cut = min(spaces, key=lambda place: abs(place - middle), default=0)
    return f"{label[:cut]}\n{label[cut + 1 :]}" if cut else label


def stem(*parts: str) -> str:
    """A plain file name of these words, such as "ranks-bison-mini"."""
    words = [_PLAIN.sub("-", part.lower()).strip("-")[:60] for part in parts]
    return "-".join(word for word in words if word) or "figure"


@dataclass(slots=True)
class Stems:
    """Gives every figure a stem of its own."""

    taken: set[str]

    def take(self, *parts: str) -> str:
        """The stem of these words, numbered where another figure has it already."""
        first = stem(*parts)
        made, number = first, 1
        while made in self.taken:
            number += 1
            made = f"{first}-{number}"
        self.taken.add(made)
        return made


def listed(words: Sequence[str], most: int = 6) -> str:
    """ "a, b and 3 more"."""
    if len(words) <= most:
        return ", ".join(words)
    return f"{', '.join(words[: most - 1])} and {len(words) - most + 1} more"


def pairs(count: int) -> str:
    """ "1 pair" or "45 pairs"."""
    return "1 pair" if count == 1 else f"{count:,} pairs"
