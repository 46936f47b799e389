"""Writes tables as JSON, CSV, LaTeX and Markdown, formats cells for people, and reads the JSON back.

Every format has the same numbers; JSON and CSV have them unrounded.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sparkles_eval.analysis.tables import Cell, ColumnUnit, Head, Span, Table, cell_text, column_title
from sparkles_eval.core import JSON
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.core.text import escape_cell, escape_latex, escape_markdown


def json_text(tables: Sequence[Table]) -> str:
    """A JSON list of tables, one row a line; `tables_file.read_tables` reads it back."""

    def dump(value: JSON) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    texts = []
    for table in tables:
        rows: list[JSON] = [dict(record) for record in table.records()]
        lines = ",\n".join(f"  {dump(row)}" for row in rows)
        columns: list[JSON] = [{"name": head.name, "title": head.title, "unit": head.unit} for head in table.heads]
        head = f'{{"table": {dump(table.name)}, "title": {dump(table.title)}, "columns": {dump(columns)}'
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
        writer.writerow(
            {name: escape_cell(value) if isinstance(value, str) else value for name, value in record.items()}
        )
    return out.getvalue()


def latex_text(table: Table) -> str:
    """A table environment with booktabs rules, notes below; every text is escaped."""
    columns = "".join("l" if head.unit == "text" else "r" for head in table.heads)
    rows = [
        " & ".join(escape_latex(cell_text(cell, head)) for cell, head in zip(row, table.heads, strict=True)) + r" \\"
        for row in table.rows
    ]
    notes = [f"\\par\\footnotesize {escape_latex(note)}" for note in table.notes]
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            f"\\caption{{{escape_latex(table.title)}}}",
            f"\\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            " & ".join(escape_latex(column_title(head)) for head in table.heads) + r" \\",
            r"\midrule",
            *rows,
            r"\bottomrule",
            r"\end{tabular}",
            *notes,
            r"\end{table}",
        ]
    )


def markdown_text(table: Table) -> str:
    """A table of GitHub's Markdown with its title above and its notes below; every text is escaped."""
    rule = ["---" if head.unit == "text" else "---:" for head in table.heads]
    rows = [[cell_text(cell, head) for cell, head in zip(row, table.heads, strict=True)] for row in table.rows]
    lines = [[column_title(head) for head in table.heads], *rows]
    grid = [" | ".join(map(escape_markdown, line)) for line in lines]
    grid.insert(1, " | ".join(rule))
    notes = [f"\n{escape_markdown(note)}" for note in table.notes]
    return "\n".join([f"**{escape_markdown(table.title)}**\n", *(f"| {line} |" for line in grid), *notes]) + "\n"


_MOST = 50_000_000
"""Bytes of a file of tables that is read."""


class _ReadHead(Strict):
    name: str
    title: str
    unit: ColumnUnit


class _ReadTable(Strict):
    table: str
    title: str
    columns: tuple[_ReadHead, ...]
    rows: tuple[dict[str, str | int | float | None], ...]
    notes: tuple[str, ...] = ()


def read_tables(path: Path) -> list[Table]:
    """The tables that a verb wrote with `--json`. Raises errors.UserError for a file that holds none."""
    try:
        if path.stat().st_size > _MOST:
            raise UserError(f"{path}: more than {_MOST // 1_000_000} MB is no file of tables")
        found = TypeAdapter(list[_ReadTable]).validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise UserError(
            f"{path}: not a file of tables ({where}: {first['msg']}); write it with `--json` of this version"
        ) from error
    return [_read_table(table) for table in found]


def _read_table(table: _ReadTable) -> Table:
    heads = tuple(Head(head.name, head.title, head.unit) for head in table.columns)
    rows = tuple(tuple(_read_cell(row, head) for head in heads) for row in table.rows)
    return Table(table.table, table.title, heads, rows, table.notes)


def _read_cell(row: dict[str, str | int | float | None], head: Head) -> Cell:
    """A span where the file has its ends. Numbers stand under heads of numbers, texts wherever they are."""
    value, ends = row.get(head.name), (row.get(f"{head.name}_low"), row.get(f"{head.name}_high"))
    if isinstance(value, str):
        return value
    low, high = (None if isinstance(end, str) else end for end in ends)
    if f"{head.name}_low" in row:
        return Span(value, low, high)
    return value
