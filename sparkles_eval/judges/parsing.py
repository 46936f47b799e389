"""Parsers of judges' replies by name and version: `strict` (the default) and `paper` (as published).

Old versions are kept, so that every store can be verified with the parser that read its verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sparkles_eval.core.errors import ContentError
from sparkles_eval.judges.expected import Expected, Parsed
from sparkles_eval.judges.parsing_paper import PAPER_PAIRS, parse_paper, read_paper
from sparkles_eval.judges.parsing_strict import parse_strict
from sparkles_eval.judges.parsing_strict_1 import parse_strict_1

__all__ = [
    "PAPER_PAIRS",
    "PARSERS",
    "READERS",
    "Expected",
    "Parsed",
    "Parser",
    "parse_paper",
    "parse_strict",
    "parser",
    "read_paper",
]


@dataclass(frozen=True, slots=True)
class Parser:
    """One way to read a judge's reply. `version` grows when any reply would be read differently."""

    name: str
    version: int
    read: Callable[[str, Expected], Parsed]

    @property
    def id(self) -> str:
        """Its name in stores, such as "strict@2"."""
        return f"{self.name}@{self.version}"


READERS: Mapping[str, Parser] = MappingProxyType(
    {
        made.id: made
        for made in (
            Parser("strict", 1, parse_strict_1),
            Parser("strict", 2, parse_strict),
            Parser("paper", 1, parse_paper),
        )
    }
)
"""Every version that is still read, by id, older ones first."""

PARSERS: Mapping[str, Parser] = MappingProxyType({made.name: made for made in READERS.values()})
"""The newest version of each by name, which reads new verdicts."""


def parser(name: str) -> Parser:
    """The parser of that name. Raises errors.ContentError with the names that exist."""
    if name not in PARSERS:
        raise ContentError(f"unknown parser {name!r}; the parsers are {', '.join(sorted(PARSERS))}")
    return PARSERS[name]
