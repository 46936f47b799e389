"""Prints tables on the terminal, and writes the same numbers as JSON, CSV and LaTeX."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sparkles_eval.analysis.tables import Table
from sparkles_eval.cli.options import TableFiles
from sparkles_eval.core.files import write_output
from sparkles_eval.core.printing import make_console
from sparkles_eval.core.text import one_line
from sparkles_eval.reports.toolkit.table_files import cell_text, column_title, csv_text, json_text, latex_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Shown

_TURNED = 3
"""Rows of a table that is too wide which are shown side by side as columns."""
_PIPED = 220
_GLANCE = 10
"""Rows shown of a table that is too long for the screen."""


def present(tables: Sequence[Table], files: TableFiles, *, longest: int = 60) -> None:
    """Print the tables and write the files. A table of more than `longest` rows is cut on the screen, never in a file.

    Raises errors.UserError where a file cannot be written.
    """
    console = make_console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = make_console(width=_PIPED)  # a file has no edge to fold at
    for table in tables:
        _print(table, console, longest)
    for path in write(tables, files):
        console.print(f"written {path}", highlight=False, markup=False, soft_wrap=True)


def _print(table: Table, console: Console, longest: int) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print()
    console.print(Text(one_line(table.title), style="bold"))
    if table.rows:
        # The first of very many rows say little: a glance, and the files have them all.
        shown = len(table.rows) if len(table.rows) <= longest else _GLANCE
        heads = [column_title(head) for head in table.heads]
        rows = [
            [one_line(cell_text(cell, head)) for cell, head in zip(row, table.heads, strict=True)]
            for row in table.rows[:shown]
        ]
        left = [head.unit == "text" for head in table.heads]
        for grid in _fitting(console, heads, rows, left):
            console.print(grid)
    if len(table.rows) > longest:
        more = f"{len(table.rows) - _GLANCE:,} more rows: write them with --csv or --json"
        console.print(Padding(Text(more, style="yellow"), (0, 0, 0, 1)))
    for note in table.notes:
        console.print(Padding(Text(one_line(note, 2_000), style="dim"), (0, 0, 0, 1)))


def _fitting(
    console: Console, heads: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[bool]
) -> list[Shown]:  # fmt: skip
    """The table as it is where it fits; else few rows turned into columns, three at a time, or many rows folded."""
    from rich.measure import Measurement

    grid = _grid(heads, rows, left)
    if len(rows) > 4 * _TURNED:
        return [grid]
    whole = Measurement.get(console, console.options.update(width=10_000), grid).maximum
    if whole <= console.width:
        return [grid]
    names = [head.replace("\n", " ") for head in heads]
    return [_turned(names, rows[start : start + _TURNED]) for start in range(0, len(rows), _TURNED)]


def _grid(heads: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[bool]) -> Shown:
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for head, is_left in zip(heads, left, strict=True):
        grid.add_column(Text(head), justify="left" if is_left else "right", overflow="fold", min_width=3)
    for row in rows:
        grid.add_row(*map(Text, row))
    return grid


def _turned(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Shown:
    """Rows of a wide table as columns: the first cell of each becomes its head."""
    cells = [[name, *column] for name, *column in zip(names[1:], *(row[1:] for row in rows), strict=True)]
    return _grid([names[0], *(row[0] for row in rows)], cells, [True] * (len(rows) + 1))


# --- files ------------------------------------------------------------------------------------------------------


def write(tables: Sequence[Table], files: TableFiles) -> list[Path]:
    """Write the files that were asked for; gives their paths."""
    written: list[tuple[Path, str]] = []
    if files.json:
        written.append((files.json, json_text(tables)))
    if files.csv:
        for table in tables:
            path = files.csv
            if len(tables) > 1:
                path = path.with_name(f"{path.stem}-{table.name}{path.suffix or '.csv'}")
            written.append((path, csv_text(table)))
    if files.latex:
        written.append((files.latex, "\n\n".join(latex_text(table) for table in tables) + "\n"))
    for path, text in written:
        write_output(path, text, "name another file")
    return [path for path, _ in written]
