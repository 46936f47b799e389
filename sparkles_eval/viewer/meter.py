"""What a running command has spent so far, added up as replies come in.

A store has no index by time, and a look at every reply each second would cost more than the page may: the first reply
of a command is found by halving, and later looks read only what is new. Knows nothing of pages.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from sparkles_eval.store.encode import dump
from sparkles_eval.store.queries import Sum
from sparkles_eval.store.store import Store

_NEW = {
    "responses": (
        "SELECT total(r.cost_usd), count(*), count(r.cost_usd) FROM responses r JOIN requests q ON q.key = r.key"
        " WHERE r.id > ? AND r.id <= ? AND r.status NOT IN ('api_error', 'timeout')"
        " AND q.model_id IN (SELECT model_id FROM runs WHERE id IN (SELECT value FROM json_each(?)))"
    ),
    "verdicts": (
        "SELECT total(cost_usd), count(*), count(cost_usd) FROM verdicts WHERE id > ? AND id <= ? AND status != 'error'"
        " AND judge_id IN (SELECT value FROM json_each(?))"
    ),
}
_Table = Literal["responses", "verdicts"]


@dataclass(slots=True)
class _Reading:
    """How far a table was read, for whom, and the sum up to there."""

    who: str
    last: int
    sum: Sum = field(default_factory=lambda: Sum(0.0, 0, 0))


class Meter:
    """Remembers each command's sums between looks; one for a viewer, whose threads share it."""

    def __init__(self) -> None:
        self._readings: dict[tuple[int, _Table], _Reading] = {}
        self._lock = threading.Lock()

    def spent(
        self, store: Store, environment: int, started_at: str, run_ids: Sequence[str], judge_ids: Sequence[str]
    ) -> Sum:
        """What the replies of these runs' models and of these judges have cost since the command began.

        Two commands that ask one model at the same time both count its replies: the store does not say whose they are.
        """
        with self._lock:
            sums = (
                self._read(store, environment, started_at, "responses", dump(sorted(run_ids))),
                self._read(store, environment, started_at, "verdicts", dump(sorted(judge_ids))),
            )
        return _added(*sums)

    def _read(self, store: Store, environment: int, started_at: str, table: _Table, who: str) -> Sum:
        found = self._readings.get((environment, table))
        if found is None or found.who != who:  # a run or a judge more: from the beginning
            found = self._readings[environment, table] = _Reading(who, _before(store, table, started_at))
        top = store.connection.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]  # noqa: S608
        if top > found.last:
            known, count, priced = store.connection.execute(_NEW[table], (found.last, top, who)).fetchone()
            found.sum = _added(found.sum, Sum(known, count, count - priced))
            found.last = top
        return found.sum


def _added(a: Sum, b: Sum) -> Sum:
    return Sum(a.known + b.known, a.count + b.count, a.unknown + b.unknown)


def _before(store: Store, table: _Table, moment: str) -> int:
    """The last id of a row that was there before; ids rise with time."""
    low, high = store.connection.execute(
        f"SELECT coalesce(min(id), 1) - 1, coalesce(max(id), 0) FROM {table}"  # noqa: S608 - one of two names of ours
    ).fetchone()
    query = f"SELECT id, created_at FROM {table} WHERE id > ? ORDER BY id LIMIT 1"  # noqa: S608
    while low < high:
        middle = (low + high) // 2
        row = store.connection.execute(query, (middle,)).fetchone()
        if row["created_at"] < moment:
            low = row["id"]
        else:
            high = middle
    return int(low)
