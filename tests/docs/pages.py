"""Reads the documentation's fenced blocks with the comment that says how each is tested. Runs nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>runs|needs|prints|writes|query)(?:: (?P<note>[^\n]*?))? -->\n)?"
    r"```(?P<kind>\w+)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text, and the comment before it (`mark: note`)."""

    page: str
    line: int
    kind: str
    body: str
    mark: str
    note: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def commands(self) -> list[list[str]]:
        """The sparkles-eval commands of a shell block, as the program gets them."""
        joined = self.body.replace("\\\n", " ")
        parts = [part for line in joined.splitlines() for part in re.split(r"&&|&", line)]
        words = [shlex.split(part, comments=True) for part in parts]
        return [word[1:] for word in words if word[:1] == ["sparkles-eval"]]


def pages() -> list[Path]:
    """Every page for people: README, CONTRIBUTING, docs/, and the examples' own."""
    named = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    return [*named, *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    """The page's fenced blocks in order."""
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("kind")) + 1
        name = str(page.relative_to(ROOT))
        yield Block(name, line, found["kind"], found["body"], found["mark"] or "", found["note"] or "")
