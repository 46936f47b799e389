"""Reads tables of evidence back from a file that a verb wrote with `--json`. Knows nothing of what they say."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sparkles_eval.analysis.tables import Cell, Head, Span, Table, Unit
from sparkles_eval.errors import UserError
from sparkles_eval.tasks.strict import Strict

_MOST = 50_000_000
"""Bytes of a file of tables that is read."""


class _ReadHead(Strict):
    name: str
    title: str
    unit: Unit


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
    return [_read(table) for table in found]


def _read(table: _ReadTable) -> Table:
    heads = tuple(Head(head.name, head.title, head.unit) for head in table.columns)
    rows = tuple(tuple(_cell(row, head) for head in heads) for row in table.rows)
    return Table(table.table, table.title, heads, rows, table.notes)


def _cell(row: dict[str, str | int | float | None], head: Head) -> Cell:
    """A span where the file has its ends. Numbers stand under heads of numbers, texts wherever they are."""
    value, ends = row.get(head.name), (row.get(f"{head.name}_low"), row.get(f"{head.name}_high"))
    if isinstance(value, str):
        return value
    low, high = (None if isinstance(end, str) else end for end in ends)
    if f"{head.name}_low" in row:
        return Span(value, low, high)
    return value
