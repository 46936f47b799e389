"""Writes docs/reference/store.md from the comments of the migrations: `python -m sparkles_eval.store.document`.

Columns, types and references come from a database that the migrations made, so the page cannot drift from it.
"""

from __future__ import annotations

import re
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sparkles_eval.store.database import connect, migrations, version

_CREATE = re.compile(r"CREATE (TABLE|VIEW) (\w+)")
_SECTION = re.compile(r"-- (.+?) -{4,}$")
_COLUMN = re.compile(r"\s+(\w+) [^-]*--\s*(.+)$")
_ADDED = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (\w+) [^-]*--\s*(.+)$")

_HEAD = """# The store

One SQLite file (WAL mode) is result, journal and exchange format. Open it with any SQLite tool to read it; the views
`leaderboard` and `item_scores` are made for that:

```sql
SELECT task, model, protocol, judge, metric, value, low, high, n, total FROM leaderboard ORDER BY task, value DESC;
SELECT sample, turn, criterion, value, reason FROM item_scores WHERE model = 'openai/gpt-4o' AND value IS NULL;
```

A score without a value has a reason: not graded is not zero. What is unknown (a cost, a token count) is NULL, never 0.
`leaderboard` shows an estimate only while the scores are those that it was computed from; `sparkles-eval report`
computes them again. A file that an older version wrote is brought up to date when it is opened; one that a newer
version wrote is refused.

This page describes schema version {version}. It is written by `python -m sparkles_eval.store.document`.
"""


def schema_markdown() -> str:
    """The page, as Markdown."""
    notes, order = _comments("\n".join(path.read_text(encoding="utf-8") for path in migrations()))
    lines = [_HEAD.format(version=version())]
    with tempfile.TemporaryDirectory() as folder:
        db = connect(Path(folder) / "empty.db", create=True)
        try:
            for kind, name in order:
                if kind == "section":
                    lines.append(f"## {name}\n")
                else:
                    lines.extend(_described(db, kind, name, notes))
        finally:
            db.close()
    return "\n".join(lines)


def _comments(sql: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Comments by "table" and "table.column", and the sections, tables and views in order."""
    notes: dict[str, str] = {}
    order: list[tuple[str, str]] = []
    above: list[str] = []
    table = ""
    for line in sql.splitlines():
        if section := _SECTION.match(line):
            order.append(("section", section[1]))
            above = []
        elif line.startswith("--"):
            above.append(line.removeprefix("--").strip())
        elif created := _CREATE.match(line):
            table = created[2]
            order.append((created[1].lower(), table))
            notes[table] = " ".join(above)
            above = []
        elif added := _ADDED.match(line):
            notes[f"{added[1]}.{added[2]}"] = added[3].strip()
        elif column := _COLUMN.match(line):
            notes[f"{table}.{column[1]}"] = column[2].strip()
        elif not line.strip():
            above = []
    return notes, order


def _described(db: sqlite3.Connection, kind: str, name: str, notes: dict[str, str]) -> Iterator[str]:
    yield f"### {name}{' (view)' if kind == 'view' else ''}\n"
    if notes.get(name):
        yield f"{notes[name]}\n"
    columns = db.execute("SELECT name, type, pk FROM pragma_table_info(?) ORDER BY cid", (name,)).fetchall()
    if kind == "view":
        yield f"Columns: {', '.join(f'`{column[0]}`' for column in columns)}\n"
        return
    links = db.execute('SELECT "from", "table", coalesce("to", "") FROM pragma_foreign_key_list(?)', (name,))
    references = {row[0]: f"{row[1]}.{row[2]}" for row in links}
    yield "| column | type | meaning |\n|---|---|---|"
    for column, type_, key in columns:
        parts = ["part of the key" if key else "", f"→ `{references[column]}`" if column in references else ""]
        meaning = "; ".join(part for part in (*parts, notes.get(f"{name}.{column}", "")) if part)
        yield f"| `{column}` | {type_.lower()} | {meaning.replace('|', chr(92) + '|')} |"
    yield ""


if __name__ == "__main__":
    Path("docs/reference/store.md").write_text(schema_markdown(), encoding="utf-8")
