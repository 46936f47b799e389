"""What a judge's replies amount to: how many could be read, what they cost, how long they took. Knows no scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sparkles_eval.store.encode import dump
from sparkles_eval.store.queries import Sum
from sparkles_eval.store.store import Store


@dataclass(frozen=True, slots=True)
class Replies:
    """Every attempt of a judge on some samples. A judgement is one call on one answered sample and repeat."""

    judgements: int
    graded: int
    invalid: int
    """Replies that could not be read."""
    refused: int
    errors: int
    """Attempts in which the judge's model could not be asked."""
    cost_usd: Sum
    latency_s: float
    """Sum over the replies."""

    @property
    def replies(self) -> int:
        """What the judge itself said, readable or not."""
        return self.graded + self.invalid + self.refused


def replies(store: Store, judge_id: str, sample_ids: Iterable[str]) -> Replies:
    """What a judge replied on those samples, whoever answered them."""
    row = store.connection.execute(
        "SELECT count(DISTINCT key), total(status = 'graded'), total(status = 'invalid'), total(status = 'refused'),"
        " total(status = 'error'), total(CASE WHEN status != 'error' THEN cost_usd END),"
        " count(CASE WHEN status != 'error' THEN cost_usd END), total(CASE WHEN status != 'error' THEN latency_s END)"
        " FROM verdicts WHERE judge_id = ? AND sample_id IN (SELECT value FROM json_each(?))",
        (judge_id, dump(sorted(set(sample_ids)))),
    ).fetchone()
    graded, invalid, refused, errors = (int(row[place]) for place in range(1, 5))
    said = graded + invalid + refused
    return Replies(
        judgements=int(row[0]),
        graded=graded,
        invalid=invalid,
        refused=refused,
        errors=errors,
        cost_usd=Sum(float(row[5]), said, said - int(row[6])),
        latency_s=float(row[7]),
    )
