"""The one design of tables on a terminal: a line under the heads, columns that fit its width, names never broken.

Where a table is too wide, prose is wrapped first; then names are shortened in the middle, the longest first, since they
differ at their ends. Numbers are never shortened.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from sparkles_eval.core.text import one_line, shorten

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

ColumnKind: TypeAlias = Literal["name", "text", "number"]
_LONGEST, _GAP = 2_000, 2
_RULE = 1
"""Blanks between columns: the padding, and the place of a line that this design leaves out."""
_NARROWEST: dict[ColumnKind, int] = {"name": 12, "text": 16, "number": 10_000}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its head, and whether it holds names, prose or numbers (which stand to the right)."""

    title: str
    kind: ColumnKind = "text"


def fit(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int, gap: int = _GAP) -> list[int]:
    """The columns' widths in characters, so that the table has at most `width` where that is possible."""
    widths = [_longest(column.title, [row[at] for row in rows]) for at, column in enumerate(columns)]
    over = sum(widths) + (gap + _RULE) * len(widths) - _RULE - width
    for kind in ("text", "name"):
        while over > 0:
            shrinkable = [at for at, one in enumerate(columns) if one.kind == kind and widths[at] > _NARROWEST[kind]]
            if not shrinkable:
                break
            widths[max(shrinkable, key=lambda at: widths[at])] -= 1
            over -= 1
    return widths


def fits(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int, *, name: int = 20, gap: int = _GAP
) -> bool:
    """True where the table has at most `width` columns with names of `name` characters and prose of twice that."""
    widths = [_longest(column.title, [row[at] for row in rows]) for at, column in enumerate(columns)]
    least: dict[ColumnKind, int] = {"name": name, "text": 2 * name, "number": 10_000}
    shrunk = (min(one, least[column.kind]) for one, column in zip(widths, columns, strict=True))
    return sum(shrunk) + (gap + _RULE) * len(widths) - _RULE <= width


def _longest(title: str, cells: Sequence[str]) -> int:
    return max((len(line) for text in (title, *cells) for line in text.split("\n")), default=1)


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str | Text]],
    width: int,
    *,
    sums: Sequence[str] = (),
    gap: int = _GAP,
) -> Table:
    """A table for a console of `width` columns; `sums` is a last row below a line. Lines of a cell are kept."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    plain = [
        [cell if isinstance(cell, str) else cell.plain for cell in row] for row in [*rows, *([sums] if sums else [])]
    ]
    widths = fit(columns, plain, width, gap)
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, gap, 0, 0), show_edge=False)
    for column, wide in zip(columns, widths, strict=True):
        right = column.kind == "number"
        made.add_column(
            Text(column.title),
            justify="right" if right else "left",
            width=None if right else wide,
            no_wrap=column.kind != "text",
            overflow="fold",
        )
    for at, row in enumerate([*rows, *([sums] if sums else [])]):
        if sums and at == len(rows):
            made.add_section()
        made.add_row(*(_cell(cell, one, wide) for cell, one, wide in zip(row, columns, widths, strict=True)))
    return made


def _cell(cell: str | Text, column: Column, width: int) -> Text:
    from rich.text import Text

    text = Text(cell) if isinstance(cell, str) else cell
    if column.kind != "name" or max(map(len, text.plain.split("\n"))) <= width:
        return text
    return Text("\n".join(shorten(line, width) for line in text.plain.split("\n")), style=text.style)


_PIPED = 220
"""Columns of a table that goes into a pipe or a file, which have no edge."""


def table_console() -> Console:
    """The console that tables are printed on: as wide as the terminal, or wide where there is none."""
    from sparkles_eval.core.printing import make_console

    console = make_console()
    return console if console.is_terminal or "COLUMNS" in os.environ else make_console(width=_PIPED)


def print_rows(columns: Sequence[Column], rows: Sequence[Sequence[str]], console: Console | None = None) -> None:
    """Print a table; hidden characters in its cells are written out."""
    console = console or table_console()
    console.print(table(columns, [[one_line(cell, _LONGEST) for cell in row] for row in rows], console.width))
