"""Prints tables on the terminal, and writes the same numbers as JSON, CSV and LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sparkles_eval.analysis.tables import Table, cell_text, column_title
from sparkles_eval.cli.options import STDOUT, TableFiles
from sparkles_eval.core.console_table import Column, fits, table, table_console
from sparkles_eval.core.files import write_output
from sparkles_eval.core.printing import say, say_json
from sparkles_eval.core.text import one_line
from sparkles_eval.reports.toolkit.table_files import csv_text, json_text, latex_text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Shown

_TURNED = 3
"""Rows of a table that is too wide which are shown side by side as columns."""
_LONGEST_NAME = 40
_GLANCE = 10
"""Rows shown of a table that is too long for the screen."""


def present(
    tables: Sequence[Table], files: TableFiles, *, longest: int = 60, shown: Sequence[Table] | None = None
) -> None:
    """Print the tables and write the files. A table of more than `longest` rows is cut on the screen, never in a file.

    `shown` are other tables for the screen alone. With `--json -` the JSON is all that is printed.
    Raises errors.UserError where a file cannot be written.
    """
    on_stdout = files.json == STDOUT
    if on_stdout:
        say_json(json_text(tables))
        files = replace(files, json=None)
    else:
        console = table_console()
        for table in tables if shown is None else shown:
            _print(table, console, longest)
    for path in write(tables, files):
        say(f"written {path}", err=on_stdout)


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
) -> list[Shown]:
    """The table as it is where it fits; else with intervals below their values; else few rows turned into columns."""
    stacked = [
        [cell if is_left else cell.replace(" [", "\n[") for cell, is_left in zip(row, left, strict=True)]
        for row in rows
    ]
    narrow = [head if is_left else head.replace(" [95%]", "\n[95%]") for head, is_left in zip(heads, left, strict=True)]
    for names, cells in ((heads, rows), (narrow, stacked)):
        columns = _columns(names, cells, left)
        if fits(columns, cells, console.width):
            return [table(columns, cells, console.width)]
    if len(rows) > 4 * _TURNED:
        return [table(_columns(narrow, stacked, left), stacked, console.width)]
    names = [head.replace("\n", " ") for head in heads]
    return [_turned(names, rows[start : start + _TURNED], console.width) for start in range(0, len(rows), _TURNED)]


def _columns(heads: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[bool]) -> list[Column]:
    """Short texts are names, which are shortened in the middle; longer ones are prose, which is wrapped."""
    columns = []
    for at, (head, is_left) in enumerate(zip(heads, left, strict=True)):
        prose = any(" " in row[at] and len(row[at]) > _LONGEST_NAME for row in rows)
        columns.append(Column(head, "number" if not is_left else "text" if prose else "name"))
    return columns


def _turned(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> Shown:
    """Rows of a wide table as columns: the first cell of each becomes its head."""
    cells = [[name, *column] for name, *column in zip(names[1:], *(row[1:] for row in rows), strict=True)]
    heads = [names[0], *(row[0] for row in rows)]
    return table([Column(head, "text") for head in heads], cells, width)


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
