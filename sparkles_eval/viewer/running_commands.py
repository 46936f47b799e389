"""Progress of running commands as the store shows it: counts, pace, time left, and money spent."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from sparkles_eval.core.names import judge_name
from sparkles_eval.store import read_runs, sample_flags
from sparkles_eval.store.mapping import dump
from sparkles_eval.store.read_runs import StoredEvent, StoredRun
from sparkles_eval.store.spending import Sum
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


class CostCounter:
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


PACE_S = 60.0
"""The pace is that of the last minute."""
SILENT_S = 600.0
"""After so long without a sign an invocation counts as ended: retries of one request wait no longer."""
_LATEST = 3_000
"""Of the latest replies, those that are looked at for the pace."""


@dataclass(frozen=True, slots=True)
class TaskProgress:
    """One model or judge at work on one task."""

    task: str
    who: str
    what: str
    """ "answers" (turns of samples) or "judged" (samples)."""
    done: int
    total: int
    run_id: str
    key: str
    """Whose pace it goes at: a model's name or a judge's id."""

    @property
    def share(self) -> float:
        return self.done / self.total if self.total else 1.0


@dataclass(frozen=True, slots=True)
class RunningCommand:
    """One invocation that has not ended. `quiet_s`: seconds since anything last happened in the store."""

    id: int
    started_at: str
    command: str
    quiet_s: float
    lanes: tuple[TaskProgress, ...]
    a_minute: Mapping[str, float]
    """Replies in the last minute, by model or judge."""
    failed: Mapping[str, int]
    """Failed tries in the last minute, by model."""
    left_s: float | None
    """Seconds until the slowest is done at its present pace; None where nothing moves."""
    spent: Sum
    """What the replies since its start have cost."""
    events: tuple[StoredEvent, ...]

    @property
    def alive(self) -> bool:
        return self.quiet_s < SILENT_S


def running_commands(store: Store, counter: CostCounter | None = None) -> list[RunningCommand]:
    """Every invocation without a recorded end, the latest first, if it could still be running.

    A `meter` that is kept between calls makes what was spent cheap to say.
    """
    counter = counter or CostCounter()
    rows = store.connection.execute(
        "SELECT id, started_at, command FROM environments WHERE finished_at IS NULL ORDER BY id DESC LIMIT 8"
    ).fetchall()
    if not rows:
        return []
    recent = _recent(store)
    found: list[RunningCommand] = []
    for row in rows:
        quiet = _quiet(store, row["id"], row["started_at"])
        if quiet < SILENT_S or not found:
            found.append(_running_command(store, row, quiet, recent, counter))
    return [job for job in found if job.alive]


@dataclass(frozen=True, slots=True)
class _Recent:
    """Replies and failed tries of the last minute, and over how many seconds they came."""

    replies: Counter[str]
    failed: Counter[str]
    span_s: float


def _recent(store: Store) -> _Recent:
    since = (datetime.now(UTC) - timedelta(seconds=PACE_S)).isoformat().replace("+00:00", "Z")
    replies: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    asked = store.connection.execute(
        "SELECT m.name, r.status IN ('api_error', 'timeout') AS failed, count(*) AS n FROM"
        " (SELECT key, status FROM (SELECT key, status, created_at FROM responses ORDER BY id DESC LIMIT ?)"
        " WHERE created_at > ?) r JOIN requests q ON q.key = r.key JOIN models m ON m.id = q.model_id GROUP BY 1, 2",
        (_LATEST, since),
    )
    for row in asked:
        (failed if row["failed"] else replies)[row["name"]] += row["n"]
    judged = store.connection.execute(
        "SELECT v.judge_id, v.status = 'error' AS failed, count(DISTINCT v.key) AS n FROM"
        " (SELECT * FROM (SELECT key, judge_id, status, created_at FROM verdicts ORDER BY id DESC LIMIT ?)"
        " WHERE created_at > ?) v GROUP BY 1, 2",
        (_LATEST, since),
    )
    for row in judged:
        (failed if row["failed"] else replies)[row["judge_id"]] += row["n"]
    return _Recent(replies, failed, PACE_S)


def _quiet(store: Store, environment: int, started_at: str) -> float:
    row = store.connection.execute(
        "SELECT (SELECT created_at FROM responses ORDER BY id DESC LIMIT 1),"
        " (SELECT created_at FROM verdicts ORDER BY id DESC LIMIT 1),"
        " (SELECT max(at) FROM events WHERE environment_id = ?)",
        (environment,),
    ).fetchone()
    last = max([started_at, *(at for at in row if at)])
    return max(0.0, (datetime.now(UTC) - datetime.fromisoformat(last)).total_seconds())


def _running_command(
    store: Store, row: Mapping[str, object], quiet: float, recent: _Recent, counter: CostCounter
) -> RunningCommand:
    environment, started = int(str(row["id"])), str(row["started_at"])
    ids = store.connection.execute("SELECT run_id FROM run_environments WHERE environment_id = ?", (environment,))
    own = [run_id for (run_id,) in ids]
    runs = read_runs.runs(store, own) if own else []
    # Who began less than a minute ago has had less than a minute.
    age = max(1.0, (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds())
    minutes = min(recent.span_s, age) / 60
    lanes, names = _task_progress(store, runs)
    pace = {key: recent.replies[key] / minutes for key in names}
    judges = sorted({lane.key for lane in lanes if lane.what == "judged"})
    return RunningCommand(
        id=environment,
        started_at=started,
        command=str(row["command"]),
        quiet_s=quiet,
        lanes=tuple(lanes),
        a_minute={names[key]: value for key, value in pace.items() if value},
        failed={names[key]: recent.failed[key] for key in names if recent.failed[key]},
        left_s=_time_left(lanes, pace),
        spent=counter.spent(store, environment, started, own, judges),
        events=tuple(read_runs.events(store, [environment], limit=6)),
    )


def _time_left(lanes: Sequence[TaskProgress], pace: Mapping[str, float]) -> float | None:
    open_: Counter[str] = Counter()
    for lane in lanes:
        open_[lane.key] += lane.total - lane.done
    waits = [60 * count / pace[key] for key, count in open_.items() if count and pace[key]]
    return max(waits) if waits else None


def _task_progress(store: Store, runs: Sequence[StoredRun]) -> tuple[list[TaskProgress], dict[str, str]]:
    """What is to be done, and the names of those who do it by `TaskProgress.key`."""
    by_id = {run.id: run for run in runs}
    turns: dict[str, int] = {}
    rows = store.connection.execute(
        "SELECT r.value, (SELECT count(*) FROM answers WHERE run_id = r.value) FROM json_each(?) r",
        (dump(list(by_id)),),
    )
    answered: dict[str, int] = {row[0]: row[1] for row in rows}
    lanes, names = [], {}
    for run in runs:
        if run.data_hash not in turns:
            turns[run.data_hash] = _turns(store, run.id)
        total = turns[run.data_hash] * run.epochs
        name = run.model.name
        lanes.append(TaskProgress(run.task.title, name, "answers", min(answered[run.id], total), total, run.id, name))
        names[name] = name
    judges = read_runs.all_judges(store)
    for entry in sample_flags.entries(store):
        if entry.run_id in by_id and not entry.reads and entry.judge_id in judges:
            run, name = by_id[entry.run_id], judge_name(judges[entry.judge_id])
            who = f"{name} on {run.model.name}"
            lanes.append(TaskProgress(run.task.title, who, "judged", entry.scored, run.total, run.id, entry.judge_id))
            names[entry.judge_id] = name
    return lanes, names


def _turns(store: Store, run_id: str) -> int:
    """How many answers a run wants in an epoch."""
    (row,) = store.connection.execute(
        "SELECT total(json_array_length(s.body, '$.turns')) FROM run_samples p JOIN samples s ON s.id = p.sample_id"
        " WHERE p.run_id = ?",
        (run_id,),
    )
    return int(row[0])


def ended_commands(store: Store, limit: int = 5) -> list[dict[str, str]]:
    """The latest invocations that ended, or went silent: when, how, and the command."""
    rows = store.connection.execute(
        "SELECT started_at, finished_at, outcome, command FROM environments ORDER BY id DESC LIMIT ?", (limit,)
    )
    return [{name: row[name] or "" for name in ("started_at", "finished_at", "outcome", "command")} for row in rows]
