"""Which of two answers people preferred. Knows nothing of how pairs are drawn or shown, or of statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sparkles_eval.store.encode import Row, dump, insert, now
from sparkles_eval.store.store import Store

Choice: TypeAlias = Literal["left", "right", "tie"]


@dataclass(frozen=True, slots=True)
class Preference:
    """What one person said of two answers to one sample; sides as they were shown."""

    rater: str
    sample_id: str
    epoch: int
    left_run: str
    right_run: str
    choice: Choice
    comment: str
    seed: int

    @property
    def pair(self) -> tuple[str, frozenset[str]]:
        """The sample and the two runs, whatever their sides."""
        return self.sample_id, frozenset((self.left_run, self.right_run))


def add_preference(store: Store, given: Preference) -> None:
    """Keep a preference; an older one of this person on the same two answers goes."""
    row: Row = {
        "rater": given.rater,
        "sample_id": given.sample_id,
        "epoch": given.epoch,
        "left_run": given.left_run,
        "right_run": given.right_run,
        "choice": given.choice,
        "comment": given.comment,
        "seed": given.seed,
        "created_at": now(),
    }
    with store.transaction() as db:
        insert(db, "preferences", row, known="REPLACE")


def withdraw_preference(store: Store, given: Preference) -> bool:
    """Take a preference back; False where there is none."""
    with store.transaction() as db:
        gone = db.execute(
            "DELETE FROM preferences WHERE rater = ? AND sample_id = ? AND epoch = ?"
            " AND min(left_run, right_run) = min(?, ?) AND max(left_run, right_run) = max(?, ?)",
            (given.rater, given.sample_id, given.epoch, *(2 * (given.left_run, given.right_run))),
        )
    return gone.rowcount > 0


def preferences(store: Store, run_ids: Sequence[str] | None = None, rater: str | None = None) -> list[Preference]:
    """What people preferred between those runs (all, where None is given), in the order of their saying it."""
    rows = store.connection.execute(
        "SELECT rater, sample_id, epoch, left_run, right_run, choice, comment, seed FROM preferences"
        " WHERE (? IS NULL OR (left_run IN (SELECT value FROM json_each(?))"
        " AND right_run IN (SELECT value FROM json_each(?)))) AND (? IS NULL OR rater = ?)"
        " ORDER BY created_at, rater, sample_id, left_run, right_run",
        (None if run_ids is None else 1, *(2 * (dump(list(run_ids or ())),)), rater, rater),
    )
    return [Preference(*row) for row in rows]
