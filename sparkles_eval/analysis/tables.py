"""A table of unrounded numbers, which the screen, JSON, CSV, LaTeX and notebooks all show."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal, TypeAlias

from sparkles_eval.core import JSON, Estimate, text

if TYPE_CHECKING:
    import pandas as pd

ColumnUnit: TypeAlias = text.NumberUnit | Literal["text"]
"""What a column holds: numbers (see `core.text.NumberUnit`) or text."""


@dataclass(frozen=True, slots=True)
class Span:
    """A value with the ends of its interval, all in the column's unit; an end is None where none is honest."""

    value: float | None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, estimate: Estimate) -> Span:
        return cls(estimate.value, estimate.low, estimate.high)

    @property
    def negated(self) -> Span:
        """A difference taken the other way round: its ends change places."""
        return Span(_minus(self.value), _minus(self.high), _minus(self.low))


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


Cell: TypeAlias = str | int | float | Span | None
"""None: there is no such number, which is never 0."""


@dataclass(frozen=True, slots=True)
class Head:
    """A column: its name in files, its title for people, and the unit of its numbers."""

    name: str
    title: str
    unit: ColumnUnit = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under heads. `name` is plain (it becomes part of file names); `notes` stand below."""

    name: str
    title: str
    heads: tuple[Head, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def records(self) -> list[dict[str, JSON]]:
        """One flat object a row; a span becomes NAME, NAME_low, NAME_high in every row of its column."""
        spans = {place for row in self.rows for place, cell in enumerate(row) if isinstance(cell, Span)}
        return [self._record(row, spans) for row in self.rows]

    def _record(self, row: tuple[Cell, ...], spans: set[int]) -> dict[str, JSON]:
        flat: dict[str, JSON] = {}
        for place, (head, cell) in enumerate(zip(self.heads, row, strict=True)):
            if place not in spans:
                assert not isinstance(cell, Span)
                flat[head.name] = cell
                continue
            span = cell if isinstance(cell, Span) else Span(None)
            flat[head.name] = cell if isinstance(cell, str) else span.value
            flat[f"{head.name}_low"], flat[f"{head.name}_high"] = span.low, span.high
        return flat

    def __repr__(self) -> str:
        return f"<Table {self.title!r}: {len(self.rows)} rows>"

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        heads = "".join(f"<th>{_html(column_title(head))}</th>" for head in self.heads)
        rows = "".join(
            f"<tr>{''.join(f'<td>{_html(cell_text(*pair))}</td>' for pair in zip(row, self.heads, strict=True))}</tr>"
            for row in self.rows
        )
        notes = "".join(f"<div>{_html(note)}</div>" for note in self.notes)
        return f"<b>{_html(self.title)}</b><table><tr>{heads}</tr>{rows}</table>{notes}"

    def frame(self) -> pd.DataFrame:
        """The table as a pandas frame, for notebooks."""
        import pandas as pd

        return pd.DataFrame(self.records())


def _html(words: str) -> str:
    return escape(text.one_line(words, 2_000))


def column_title(head: Head) -> str:
    """A column's title, with the unit of shares."""
    if head.unit != "percent" or ("%" in head.title and "[95%]" not in head.title):
        return head.title
    return head.title.replace("[95%]", "% [95%]") if "[95%]" in head.title else f"{head.title} %"


def cell_text(cell: Cell, head: Head) -> str:
    """A cell as people read it: "56.7 [48.7, 64.3]", "<.001", "1,225", an en dash for what is not there."""
    unit = "number" if head.unit == "text" else head.unit
    if isinstance(cell, Span):
        return text.format_with_ends(cell.value, cell.low, cell.high, unit)
    return cell if isinstance(cell, str) else text.format_number(cell, unit)
