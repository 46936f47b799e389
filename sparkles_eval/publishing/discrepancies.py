"""Discrepancies that a check of a store finds: one record each, with the row that it is in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sparkles_eval.core.text import one_line

_LONGEST = 120
"""Characters of one value that a finding shows: stores come from anybody."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One thing that is not as it should be. `table` is "" for the file as a whole."""

    table: str
    row: str
    what: str

    def __str__(self) -> str:
        place = f"{self.table} ({self.row})" if self.row else self.table
        return f"{place}: {self.what}" if place else self.what


@dataclass(frozen=True, slots=True)
class Verification:
    """Everything that was found, what could not be checked and why, and how many rows of what were."""

    findings: tuple[Discrepancy, ...]
    unchecked: tuple[str, ...] = ()
    checked: Mapping[str, int] = field(default_factory=dict)
    superseded: tuple[str, ...] = ()
    """Stored intervals of an earlier version's rule. Tables, reports and leaderboards compute their own."""
    cut: bool = False
    """True where there were too many findings to go on."""

    @property
    def sound(self) -> bool:
        return not self.findings


def row_address(names: Sequence[str], values: Sequence[object]) -> str:
    """A row as findings name it: "run_id 3f2a9c11d0e4, turn 1"; what is not there is left out."""
    return ", ".join(
        f"{name} {shown_value(value)}" for name, value in zip(names, values, strict=True) if value is not None
    )


def shown_value(value: object) -> str:
    """A value in one short line in which nothing steers a terminal."""
    return one_line(value if isinstance(value, str) else repr(value), _LONGEST)
