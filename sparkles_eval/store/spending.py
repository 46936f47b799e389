"""What runs and their judges have cost: tokens, dollars and time of every reply behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.store import Store


@dataclass(frozen=True, slots=True)
class Sum:
    """A sum over `count` rows of which `unknown` have no value: what is unknown is never taken for 0."""

    known: float
    count: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Spending:
    """What was used. `replies` are settled responses (or verdicts), `failures` the attempts that brought none."""

    replies: int
    failures: int
    input_tokens: Sum
    output_tokens: Sum
    cost_usd: Sum
    latency_s: float
    """Sum over replies; requests run side by side, so it is no wall time."""


_SUMS = (
    "count(*), total(input_tokens), count(input_tokens), total(output_tokens), count(output_tokens),"
    " total(cost_usd), count(cost_usd), total(latency_s)"
)

_ANSWERED = "SELECT r.key FROM answers a JOIN responses r ON r.id = a.response_id WHERE a.run_id = ?"
_DRAWN = (
    "SELECT other.key FROM answers a JOIN responses r ON r.id = a.response_id JOIN requests q ON q.key = r.key"
    " JOIN requests other ON other.conversation = q.conversation AND other.model_id = q.model_id"
    " AND json_remove(other.generation, '$.seed') = json_remove(q.generation, '$.seed')"
    " AND other.epoch = q.epoch AND other.draw <= q.draw WHERE a.run_id = ?"
)
"""Keys of the requests behind a run's answers; with several draws (each has its own seed) also the earlier ones."""


def _spending(row: Sequence[float], failed: Sequence[float]) -> Spending:
    """What replies used, and what failures say that they did: most used nothing, so nothing of theirs is unknown."""
    replies = int(row[0])
    tokens_in, tokens_out, cost = (Sum(row[i] + failed[i], replies, replies - int(row[i + 1])) for i in (1, 3, 5))
    return Spending(replies, int(failed[0]), tokens_in, tokens_out, cost, float(row[7]))


def asked(store: Store, run: StoredRun) -> list[str]:
    """Keys of the requests that stand behind a run's answers, earlier draws included."""
    keys = _ANSWERED if run.draws == 1 else _DRAWN
    return [row[0] for row in store.connection.execute(keys, (run.id,))]


def spending(store: Store, run: StoredRun) -> Spending:
    """What stands behind a run's answers: every reply once, earlier draws and failed attempts included.

    Replies that another run paid for count too: the sum is what these answers cost, not what this run added.
    """
    keys = _ANSWERED if run.draws == 1 else _DRAWN
    source = f"FROM responses WHERE key IN ({keys}) AND status"
    row = store.connection.execute(f"SELECT {_SUMS} {source} IN ('ok', 'refused', 'truncated')", (run.id,)).fetchone()
    failed = store.connection.execute(f"SELECT {_SUMS} {source} IN ('api_error', 'timeout')", (run.id,)).fetchone()
    return _spending(tuple(row), tuple(failed))


def judge_spending(store: Store, run_id: str, judge_id: str) -> Spending:
    """What stands behind a judge's scores of a run, earlier replies that could not be read included.

    Scores without a value name no verdict, so what was spent on them in vain is not in it.
    """
    source = (
        "FROM verdicts WHERE key IN (SELECT v.key FROM scores s JOIN verdicts v ON v.id = s.verdict_id"
        " WHERE s.run_id = ? AND s.judge_id = ?) AND status"
    )
    where = (run_id, judge_id)
    row = store.connection.execute(f"SELECT {_SUMS} {source} != 'error'", where).fetchone()
    failed = store.connection.execute(f"SELECT {_SUMS} {source} = 'error'", where).fetchone()
    return _spending(tuple(row), tuple(failed))


def usual_reply(store: Store, model_identity: str) -> tuple[float | None, float | None]:
    """Mean output tokens and latency in seconds of a model's stored replies; None where nothing is known."""
    row = store.connection.execute(
        "SELECT avg(r.output_tokens), avg(r.latency_s) FROM responses r JOIN requests q ON q.key = r.key"
        " JOIN models m ON m.id = q.model_id WHERE m.identity = ? AND r.status = 'ok'",
        (model_identity,),
    ).fetchone()
    return row[0], row[1]
