"""Shows tables of evidence on the terminal, and writes the same numbers as JSON, CSV and LaTeX.

Knows nothing of what the tables say.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from sparkles_eval.evidence.tables import Cell, Head, Span, Table
from sparkles_eval.records import JSON

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Shown

_PANEL = "Files"

JsonPath: TypeAlias = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write all tables as JSON.", rich_help_panel=_PANEL)
]
CsvPath: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--csv", metavar="FILE", help="Write CSV; several tables go to FILE-NAME.csv each.", rich_help_panel=_PANEL
    ),
]
LatexPath: TypeAlias = Annotated[
    Path | None,
    typer.Option("--latex", metavar="FILE", help="Write LaTeX tables (booktabs).", rich_help_panel=_PANEL),
]

NONE = "\N{EN DASH}"
_TURNED = 3
"""Rows of a table that is too wide which are shown side by side as columns."""
_PIPED = 220
_GLANCE = 10
"""Rows shown of a table that is too long for the screen."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where the numbers shall be written besides the screen."""

    json: Path | None = None
    csv: Path | None = None
    latex: Path | None = None


def present(tables: Sequence[Table], files: Files, *, longest: int = 60) -> None:
    """Print the tables and write the files. A table of more than `longest` rows is cut on the screen, never in a file.

    Raises errors.UserError where a file cannot be written.
    """
    from rich.console import Console

    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=_PIPED)  # a file has no edge to fold at
    for table in tables:
        _print(table, console, longest)
    for path in write(tables, files):
        console.print(f"written {path}", highlight=False, markup=False, soft_wrap=True)


def _print(table: Table, console: Console, longest: int) -> None:
    from rich.padding import Padding
    from rich.text import Text

    console.print()
    console.print(Text(table.title, style="bold"))
    if table.rows:
        # The first of very many rows say little: a glance, and the files have them all.
        shown = len(table.rows) if len(table.rows) <= longest else _GLANCE
        heads = [_titled(head) for head in table.heads]
        rows = [
            [_inert(cell_text(cell, head)) for cell, head in zip(row, table.heads, strict=True)]
            for row in table.rows[:shown]
        ]
        left = [head.unit == "text" for head in table.heads]
        for grid in _fitting(console, heads, rows, left):
            console.print(grid)
    if len(table.rows) > longest:
        more = f"{len(table.rows) - _GLANCE:,} more rows: write them with --csv or --json"
        console.print(Padding(Text(more, style="yellow"), (0, 0, 0, 1)))
    for note in table.notes:
        console.print(Padding(Text(_inert(note), style="dim"), (0, 0, 0, 1)))


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


def _inert(text: str) -> str:
    """Names come from stores and models: what could steer a terminal is shown as a dot."""
    return "".join(char if char.isprintable() else "\N{MIDDLE DOT}" for char in text)


def _titled(head: Head) -> str:
    """The title, with the unit of shares."""
    if head.unit != "percent" or ("%" in head.title and "[95%]" not in head.title):
        return head.title
    return head.title.replace("[95%]", "% [95%]") if "[95%]" in head.title else f"{head.title} %"


def cell_text(cell: Cell, head: Head) -> str:
    """A cell as people read it: "56.7 [48.7, 64.3]", "<.001", "1,225", an en dash for what is not there."""
    if isinstance(cell, Span):
        value = _number(cell.value, head)
        if cell.low is None or cell.high is None:
            return value
        return f"{value} [{_number(cell.low, head)}, {_number(cell.high, head)}]"
    return cell if isinstance(cell, str) else _number(cell, head)


def _number(value: float | None, head: Head) -> str:
    if value is None:
        return NONE
    match head.unit:
        case "percent":
            return _signless(f"{100 * value:.1f}")
        case "points":
            return _signless(f"{value:.2f}")
        case "p":
            return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")
        case "count":
            return f"{value:,.0f}"
        case _:
            return _signless(f"{value:.3g}")


def _signless(text: str) -> str:
    """No "-0.0"."""
    return text.removeprefix("-") if not text.strip("-0.") else text


# --- files ------------------------------------------------------------------------------------------------------


def write(tables: Sequence[Table], files: Files) -> list[Path]:
    """Write what was wished for; gives the files that were written."""
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
        _write(path, text)
    return [path for path, _ in written]


def _write(path: Path, text: str) -> None:
    from sparkles_eval.errors import UserError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); name another file") from error


def json_text(tables: Sequence[Table]) -> str:
    """A JSON list of tables, one row a line."""

    def dump(value: JSON) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    texts = []
    for table in tables:
        rows: list[JSON] = [dict(record) for record in table.records()]
        lines = ",\n".join(f"  {dump(row)}" for row in rows)
        head = f'{{"table": {dump(table.name)}, "title": {dump(table.title)}'
        texts.append(f'{head}, "rows": [\n{lines}\n ], "notes": {dump(list(table.notes))}}}')
    return "[" + ",\n".join(texts) + "]\n"


def csv_text(table: Table) -> str:
    """Full precision; an empty cell where there is no number. Text that a spreadsheet would run is quoted with '."""
    records = table.records()
    if not records:
        return ",".join(head.name for head in table.heads) + "\n"
    out = io.StringIO()
    writer = csv.DictWriter(out, list(records[0]), lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({name: _safe(value) if isinstance(value, str) else value for name, value in record.items()})
    return out.getvalue()


def _safe(text: str) -> str:
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    NONE: "--",
}


def latex_text(table: Table) -> str:
    """A table environment with booktabs rules, notes below; every text is escaped."""
    columns = "".join("l" if head.unit == "text" else "r" for head in table.heads)
    rows = [
        " & ".join(_escape(cell_text(cell, head)) for cell, head in zip(row, table.heads, strict=True)) + r" \\"
        for row in table.rows
    ]
    notes = [f"\\par\\footnotesize {_escape(note)}" for note in table.notes]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            f"\\caption{{{_escape(table.title)}}}",
            f"\\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            " & ".join(_escape(_titled(head)) for head in table.heads) + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            *notes,
            r"\end{table}",
        ]
    )


def _escape(text: str) -> str:
    return "".join(_LATEX.get(char, char) for char in text if char.isprintable())
