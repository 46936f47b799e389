"""Annotation sheets, human ratings, and human preferences between two answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sparkles_eval.core import JSON, Criterion, fingerprint
from sparkles_eval.core.errors import StoreError
from sparkles_eval.store.mapping import StoredRow, dump, insert, insert_all, now
from sparkles_eval.store.store import Store
from sparkles_eval.store.stored_json import read_records

PreferredSide: TypeAlias = Literal["left", "right", "tie"]


@dataclass(frozen=True, slots=True)
class Preference:
    """One person's preference between two answers to one sample; sides as they were shown."""

    rater: str
    sample_id: str
    epoch: int
    left_run: str
    right_run: str
    choice: PreferredSide
    comment: str
    seed: int

    @property
    def pair(self) -> tuple[str, frozenset[str]]:
        """The sample and the two runs, whatever their sides."""
        return self.sample_id, frozenset((self.left_run, self.right_run))


def add_preference(store: Store, given: Preference) -> None:
    """Keep a preference; an older one of this person on the same two answers goes."""
    row: StoredRow = {
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
    """What people preferred between those runs (all, where None is given), in the order in which they were given."""
    rows = store.connection.execute(
        "SELECT rater, sample_id, epoch, left_run, right_run, choice, comment, seed FROM preferences"
        " WHERE (? IS NULL OR (left_run IN (SELECT value FROM json_each(?))"
        " AND right_run IN (SELECT value FROM json_each(?)))) AND (? IS NULL OR rater = ?)"
        " ORDER BY created_at, rater, sample_id, left_run, right_run",
        (None if run_ids is None else 1, *(2 * (dump(list(run_ids or ())),)), rater, rater),
    )
    return [Preference(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One answered sample on a sheet; `code` stands for it where the sheet is read."""

    code: str
    run_id: str
    sample_id: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one rater is asked, in the order in which it is shown."""

    rater: str
    task: str
    seed: int
    low: float
    high: float
    criteria: tuple[Criterion, ...]
    rows: tuple[SheetRow, ...]

    @property
    def id(self) -> str:
        """Twelve hex digits: the same sheet made again is the same sheet."""
        rows: list[JSON] = [[row.code, row.run_id, row.sample_id, row.epoch] for row in self.rows]
        criteria: list[JSON] = [criterion.id for criterion in self.criteria]
        return fingerprint([self.rater, self.task, self.seed, self.low, self.high, criteria, rows], 12)


@dataclass(frozen=True, slots=True)
class HumanRating:
    """One number that a person gave to one criterion of one answer."""

    rater: str
    run_id: str
    sample_id: str
    epoch: int
    turn: int
    criterion: str
    value: float
    comment: str
    sheet_id: str


def add_sheet(store: Store, sheet: Sheet) -> None:
    """Keep a sheet; a known one stays as it is."""
    criteria = [{"id": c.id, "name": c.name, "description": c.description, "weight": c.weight} for c in sheet.criteria]
    head: StoredRow = {
        "id": sheet.id,
        "rater": sheet.rater,
        "task": sheet.task,
        "seed": sheet.seed,
        "low": sheet.low,
        "high": sheet.high,
        "criteria": dump(criteria),
        "created_at": now(),
    }
    rows: list[StoredRow] = [
        {
            "sheet_id": sheet.id,
            "position": position,
            "code": row.code,
            "run_id": row.run_id,
            "sample_id": row.sample_id,
            "epoch": row.epoch,
        }
        for position, row in enumerate(sheet.rows)
    ]
    with store.transaction() as db:
        if insert(db, "sheets", head, known="IGNORE").rowcount:
            insert_all(db, "sheet_rows", rows)


def sheet(store: Store, sheet_id: str) -> Sheet:
    """The sheet of that id. Raises errors.StoreError where the store has none."""
    head = store.connection.execute("SELECT * FROM sheets WHERE id = ?", (sheet_id,)).fetchone()
    if head is None:
        known = [row[0] for row in store.connection.execute("SELECT id FROM sheets ORDER BY created_at, id")]
        has = f"it has {', '.join(known)}" if known else "it has none; `sparkles-eval human export` makes them"
        raise StoreError(f"{store.path}: no sheet {sheet_id}; {has}")
    return _sheet(store, head)


def sheets(store: Store, task: str | None = None) -> list[Sheet]:
    """Every sheet (of a task) in the order of their making."""
    rows = store.connection.execute(
        "SELECT * FROM sheets WHERE ? IS NULL OR task = ? ORDER BY created_at, id", (task, task)
    ).fetchall()
    return [_sheet(store, row) for row in rows]


def _sheet(store: Store, head: sqlite3.Row) -> Sheet:
    rows = store.connection.execute(
        "SELECT code, run_id, sample_id, epoch FROM sheet_rows WHERE sheet_id = ? ORDER BY position", (head["id"],)
    )
    return Sheet(
        rater=head["rater"],
        task=head["task"],
        seed=head["seed"],
        low=head["low"],
        high=head["high"],
        criteria=read_records(head["criteria"], Criterion),
        rows=tuple(SheetRow(*row) for row in rows),
    )


def add_ratings(store: Store, ratings: Sequence[HumanRating], *, replace: bool = False) -> int:
    """Commit ratings, all or none; gives how many were new or changed.

    A rating that is there already stays, unless `replace`: then the new value and comment take its place. Check for
    contradictions before (see `ratings`); here they are not an error.
    """
    at = now()
    rows: list[StoredRow] = [
        {
            "rater": r.rater,
            "run_id": r.run_id,
            "sample_id": r.sample_id,
            "epoch": r.epoch,
            "turn": r.turn,
            "criterion": r.criterion,
            "value": r.value,
            "comment": r.comment,
            "sheet_id": r.sheet_id,
            "created_at": at,
        }
        for r in ratings
    ]
    then = "ON CONFLICT DO NOTHING"
    if replace:
        then = (
            "ON CONFLICT DO UPDATE SET value = excluded.value, comment = excluded.comment,"
            " sheet_id = excluded.sheet_id, created_at = excluded.created_at"
            " WHERE value != excluded.value OR comment != excluded.comment"
        )
    before = store.connection.total_changes
    with store.transaction() as db:
        insert_all(db, "ratings", rows, then=then)
    return store.connection.total_changes - before


def ratings(store: Store, run_ids: Sequence[str] | None = None) -> list[HumanRating]:
    """People's ratings of those runs (of all, where None is given), by rater and place."""
    rows = store.connection.execute(
        "SELECT rater, run_id, sample_id, epoch, turn, criterion, value, comment, sheet_id FROM ratings"
        " WHERE ? IS NULL OR run_id IN (SELECT value FROM json_each(?))"
        " ORDER BY rater, run_id, sample_id, epoch, turn, criterion",
        (None if run_ids is None else 1, dump(list(run_ids or ()))),
    )
    return [HumanRating(*row) for row in rows]


def latest(store: Store, rater: str, sheet_id: str) -> SheetRow | None:
    """The row of a sheet that its rater rated last; None where nothing is rated."""
    row = store.connection.execute(
        "SELECT s.code, s.run_id, s.sample_id, s.epoch FROM ratings r JOIN sheet_rows s ON s.sheet_id = ?"
        " AND s.run_id = r.run_id AND s.sample_id = r.sample_id AND s.epoch = r.epoch"
        " WHERE r.rater = ? ORDER BY r.created_at DESC, s.position DESC LIMIT 1",
        (sheet_id, rater),
    ).fetchone()
    return SheetRow(*row) if row else None


def withdraw(store: Store, rater: str, row: SheetRow) -> list[HumanRating]:
    """Take back everything that a rater gave to an answered sample; gives what it was."""
    place = (rater, row.run_id, row.sample_id, row.epoch)
    where = "WHERE rater = ? AND run_id = ? AND sample_id = ? AND epoch = ?"
    with store.transaction() as db:
        given = db.execute(
            "SELECT rater, run_id, sample_id, epoch, turn, criterion, value, comment, sheet_id"  # noqa: S608 - our words
            f" FROM ratings {where} ORDER BY turn, criterion",
            place,
        ).fetchall()
        db.execute(f"DELETE FROM ratings {where}", place)  # noqa: S608 - our own words
    return [HumanRating(*one) for one in given]
