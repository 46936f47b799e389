"""How far a running evaluation is: counts, pace and the time that is left, as the store tells them.

The evaluation is another process; nothing is asked of it. Knows nothing of pages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sparkles_eval.core.names import judge_name
from sparkles_eval.store import marks, queries
from sparkles_eval.store.encode import dump
from sparkles_eval.store.queries import StoredEvent, StoredRun, Sum
from sparkles_eval.store.store import Store
from sparkles_eval.viewer.meter import Meter

PACE_S = 60.0
"""The pace is that of the last minute."""
SILENT_S = 600.0
"""After so long without a sign an invocation counts as ended: retries of one request wait no longer."""
_LATEST = 3_000
"""Of the latest replies, those that are looked at for the pace."""


@dataclass(frozen=True, slots=True)
class Lane:
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
class Job:
    """One invocation that has not ended. `quiet_s`: seconds since anything last happened in the store."""

    id: int
    started_at: str
    command: str
    quiet_s: float
    lanes: tuple[Lane, ...]
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


def jobs(store: Store, meter: Meter | None = None) -> list[Job]:
    """Every invocation that has not said how it ended, the latest first, as far as it could still be running.

    A `meter` that is kept between calls makes what was spent cheap to say.
    """
    meter = meter or Meter()
    rows = store.connection.execute(
        "SELECT id, started_at, command FROM environments WHERE finished_at IS NULL ORDER BY id DESC LIMIT 8"
    ).fetchall()
    if not rows:
        return []
    recent = _recent(store)
    found: list[Job] = []
    for row in rows:
        quiet = _quiet(store, row["id"], row["started_at"])
        if quiet < SILENT_S or not found:
            found.append(_job(store, row, quiet, recent, meter))
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


def _job(store: Store, row: Mapping[str, object], quiet: float, recent: _Recent, meter: Meter) -> Job:
    environment, started = int(str(row["id"])), str(row["started_at"])
    ids = store.connection.execute("SELECT run_id FROM run_environments WHERE environment_id = ?", (environment,))
    own = [run_id for (run_id,) in ids]
    runs = queries.runs(store, own) if own else []
    # Who began less than a minute ago has had less than a minute.
    age = max(1.0, (datetime.now(UTC) - datetime.fromisoformat(started)).total_seconds())
    minutes = min(recent.span_s, age) / 60
    lanes, names = _lanes(store, runs)
    pace = {key: recent.replies[key] / minutes for key in names}
    judges = sorted({lane.key for lane in lanes if lane.what == "judged"})
    return Job(
        id=environment,
        started_at=started,
        command=str(row["command"]),
        quiet_s=quiet,
        lanes=tuple(lanes),
        a_minute={names[key]: value for key, value in pace.items() if value},
        failed={names[key]: recent.failed[key] for key in names if recent.failed[key]},
        left_s=_left(lanes, pace),
        spent=meter.spent(store, environment, started, own, judges),
        events=tuple(queries.events(store, [environment], limit=6)),
    )


def _left(lanes: Sequence[Lane], pace: Mapping[str, float]) -> float | None:
    open_: Counter[str] = Counter()
    for lane in lanes:
        open_[lane.key] += lane.total - lane.done
    waits = [60 * count / pace[key] for key, count in open_.items() if count and pace[key]]
    return max(waits) if waits else None


def _lanes(store: Store, runs: Sequence[StoredRun]) -> tuple[list[Lane], dict[str, str]]:
    """What is to be done, and the names of those who do it by `Lane.key`."""
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
        lanes.append(Lane(run.task.title, name, "answers", min(answered[run.id], total), total, run.id, name))
        names[name] = name
    judges = queries.all_judges(store)
    for entry in marks.entries(store):
        if entry.run_id in by_id and not entry.reads and entry.judge_id in judges:
            run, name = by_id[entry.run_id], judge_name(judges[entry.judge_id])
            who = f"{name} on {run.model.name}"
            lanes.append(Lane(run.task.title, who, "judged", entry.scored, run.total, run.id, entry.judge_id))
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


def endings(store: Store, limit: int = 5) -> list[dict[str, str]]:
    """The latest invocations that ended, or went silent: when, how, and the command."""
    rows = store.connection.execute(
        "SELECT started_at, finished_at, outcome, command FROM environments ORDER BY id DESC LIMIT ?", (limit,)
    )
    return [{name: row[name] or "" for name in ("started_at", "finished_at", "outcome", "command")} for row in rows]
