"""Says in words which row of a store a key names: its model, task, sample and judge beside the key's beginning."""
# ruff: noqa: S608 - table and column names are this package's own; values travel as parameters

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from sparkles_eval.publishing.discrepancies import row_address

_KEY_SHOWN = 12
_MODEL_AND_TASK = " JOIN main.models m ON m.id = r.model_id JOIN main.tasks t ON t.id = r.task_id"
_RUN = f"SELECT m.name || ' on ' || t.name FROM main.runs r{_MODEL_AND_TASK} WHERE r.id = ?"
_SAMPLE = "SELECT 'sample ' || name FROM main.samples WHERE id = ?"
_JUDGE = "SELECT 'judge ' || name || coalesce(' (' || model || ')', '') FROM main.judges WHERE id = ?"
_QUERIES: Mapping[str, str] = {
    **dict.fromkeys(("run_id", "left_run", "right_run"), _RUN),
    "sample_id": _SAMPLE,
    "judge_id": _JUDGE,
}
"""Words for a column that refers to another table."""
_ASKED = (
    "SELECT m.name || ' on ' || t.name || ', sample ' || s.name || ', turn ' || a.turn FROM main.responses o"
    " JOIN main.answers a ON a.response_id = o.id JOIN main.samples s ON s.id = a.sample_id"
    f" JOIN main.runs r ON r.id = a.run_id{_MODEL_AND_TASK} WHERE o.key = ? LIMIT 1"
)
_JUDGED = (
    "SELECT 'judge ' || j.name || coalesce(' (' || j.model || ')', '') || ', sample ' || s.name"
    " || coalesce((SELECT ', ' || m.name || ' on ' || t.name FROM main.scores c JOIN main.runs r ON r.id = c.run_id"
    f"{_MODEL_AND_TASK} WHERE c.verdict_id = v.id LIMIT 1), '')"
    " FROM main.verdicts v JOIN main.judges j ON j.id = v.judge_id JOIN main.samples s ON s.id = v.sample_id"
    " WHERE v.key = ? LIMIT 1"
)
_OF_KEY: Mapping[str, str] = {
    "responses": _ASKED,
    "requests": _ASKED,
    "verdicts": _JUDGED,
}
"""Words for the key of a request or verdict, by its table."""


def row_in_words(db: sqlite3.Connection, table: str, names: Sequence[str], values: Sequence[object]) -> str:
    """The row as people know it: "gpt-4o on bison, sample 7, turn 1, key 3f2a9c11d0e4…, attempt 1"."""
    words, rest = [], []
    for name, value in zip(names, values, strict=True):
        query = _OF_KEY.get(table) if name == "key" else _QUERIES.get(name)
        found = db.execute(query, (value,)).fetchone() if query else None
        if found:
            words.append(str(found[0]))
        if not found or name in ("key", "run_id"):  # what `--run` takes and SQL finds
            short = f"{value[:_KEY_SHOWN]}…" if isinstance(value, str) and name == "key" and len(value) > 20 else value
            rest.append((name, short))
    return ", ".join([*words, row_address([name for name, _ in rest], [value for _, value in rest])]).rstrip(", ")
