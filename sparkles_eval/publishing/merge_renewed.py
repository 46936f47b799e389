"""Merging where one store asked again (`run --again`) for replies that the other still has as its answers.

The newer reply stands in both orders of merging: what the older store has of such an item (answers, scores) follows
from a reply that was set aside. Items that people have rated are left alone, as `--again` leaves them: these are
contradictions.
"""
# ruff: noqa: S608 - table and column names are this package's own; values travel as parameters

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

from sparkles_eval.store.mapping import dump

_ITEM = "(run_id, sample_id, epoch) IN (SELECT run_id, sample_id, epoch FROM main.answers WHERE response_id = ?)"
_SEEN = (
    "SELECT DISTINCT a.response_id FROM main.answers a WHERE a.response_id IN (SELECT value FROM json_each(?)) AND ("
    " EXISTS (SELECT 1 FROM main.ratings r WHERE r.run_id = a.run_id AND r.sample_id = a.sample_id"
    " AND r.epoch = a.epoch)"
    " OR EXISTS (SELECT 1 FROM main.sheet_rows h WHERE h.run_id = a.run_id AND h.sample_id = a.sample_id"
    " AND h.epoch = a.epoch)"
    " OR EXISTS (SELECT 1 FROM main.preferences p WHERE a.run_id IN (p.left_run, p.right_run)"
    " AND p.sample_id = a.sample_id AND p.epoch = a.epoch))"
)


def take_newer_replies(source: sqlite3.Connection, target: sqlite3.Connection, key: Sequence[str]) -> list[int]:
    """Let the newer reply stand, before `temp.incoming` (the source's responses) is compared with the target's.

    Gives the incoming rows that the target has set aside; what rests on them is not taken. `key` is what says that two
    responses are the same.
    """
    same = " AND ".join(f"t.{column} IS s.{column}" for column in key)
    left = []
    if _some_set_aside(target):
        found = target.execute(
            f"SELECT s.rowid, s.id, t.set_aside FROM temp.incoming s CROSS JOIN main.responses t ON {same}"
            " WHERE s.set_aside IS NULL AND t.set_aside IS NOT NULL"
        ).fetchall()
        seen = _seen_by_people(source, [row[1] for row in found])
        for row, number, when in found:
            if number not in seen:
                target.execute("UPDATE temp.incoming SET set_aside = ? WHERE rowid = ?", (when, row))
                left.append(row)
    if _some_set_aside(source):
        found = target.execute(
            f"SELECT t.id, s.set_aside FROM temp.incoming s CROSS JOIN main.responses t ON {same}"
            " WHERE s.set_aside IS NOT NULL AND t.set_aside IS NULL"
        ).fetchall()
        seen = _seen_by_people(target, [row[0] for row in found])
        for number, when in found:
            if number not in seen:
                _set_aside(target, number, when)
    return left


def _some_set_aside(db: sqlite3.Connection) -> bool:
    """Whether a store has replies that were set aside: each shares its key with the newer one, which an index knows."""
    return (
        db.execute(
            "SELECT 1 FROM (SELECT key FROM main.responses GROUP BY key HAVING count(*) > 1) k"
            " JOIN main.responses r ON r.key = k.key WHERE r.set_aside IS NOT NULL LIMIT 1"
        ).fetchone()
        is not None
    )


def _seen_by_people(db: sqlite3.Connection, responses: Collection[int]) -> set[int]:
    """Which responses are answers of items that people have rated, compared, or have on a sheet."""
    return {row[0] for row in db.execute(_SEEN, (dump(list(responses)),))} if responses else set()


def _set_aside(target: sqlite3.Connection, response: int, when: str) -> None:
    """A reply no longer stands: nor do the scores and the answers of its items, which come with the newer one."""
    target.execute(f"DELETE FROM main.scores WHERE {_ITEM}", (response,))
    target.execute(f"DELETE FROM main.answers WHERE {_ITEM}", (response,))
    target.execute("UPDATE main.responses SET set_aside = ? WHERE id = ?", (when, response))
