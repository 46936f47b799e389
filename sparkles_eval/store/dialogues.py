"""Reads and writes sets of generated dialogues: requests, replies, and what was set aside with the reason.

A reply's dialogues are written in one transaction with the call that they answer, so a call is known whole or not at
all.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sparkles_eval.core import JSON, Image, Model, fingerprint
from sparkles_eval.store.mapping import StoredRow, dump, insert, insert_all, model_row, now
from sparkles_eval.store.store import Store
from sparkles_eval.store.stored_json import read_json


@dataclass(frozen=True, slots=True)
class DialogueSet:
    """What a set is: a run with the same identity goes on with it."""

    style: str
    title: str
    model: Model
    identity: Mapping[str, JSON]

    @property
    def id(self) -> str:
        """Twelve hex digits."""
        return fingerprint(dict(self.identity), 12)


@dataclass(frozen=True, slots=True)
class OfferedImage:
    """An image of a set, by the name that it has in texts; `caption_by` None: the caption came with the data."""

    id: str
    image: Image
    caption: str
    caption_by: str | None = None


@dataclass(frozen=True, slots=True)
class CallRow:
    """A request and its reply; without a reply `reason` says why. `attempt` is 1 for a repair."""

    key: str
    attempt: int
    position: int
    candidates: tuple[str, ...]
    response_id: int | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DialogueRow:
    """A dialogue of a reply. `body` is JSON; `fault` and `reason` say what is wrong with its form, None for nothing."""

    key: str
    attempt: int
    number: int
    body: str
    fault: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class GateRow:
    """A quality gate that set a dialogue aside."""

    key: str
    attempt: int
    number: int
    fault: str
    reason: str


def add_set(store: Store, made: DialogueSet, images: Sequence[OfferedImage], environment_id: int) -> str:
    """Register a set with its images; what is known stays as it is. Gives its id."""
    model = model_row(made.model)
    pictures: list[StoredRow] = [
        {
            "sha256": offered.image.sha256,
            "media_type": offered.image.media_type,
            "width": offered.image.width,
            "height": offered.image.height,
            "size": offered.image.size,
            "relpath": offered.image.relpath,
        }
        for offered in images
    ]
    names: list[StoredRow] = [
        {
            "set_id": made.id,
            "image_id": offered.id,
            "sha256": offered.image.sha256,
            "caption": offered.caption,
            "caption_by": offered.caption_by,
        }
        for offered in images
    ]
    head: StoredRow = {
        "id": made.id,
        "style": made.style,
        "title": made.title,
        "model_id": model["id"],
        "identity": dump(dict(made.identity)),
        "created_at": now(),
    }
    with store.transaction() as db:
        insert(db, "models", model, known="IGNORE")
        insert(db, "dialogue_sets", head, known="IGNORE")
        insert_all(db, "images", pictures, known="IGNORE")
        insert_all(db, "dialogue_images", names, known="REPLACE")
        link: StoredRow = {"set_id": made.id, "environment_id": environment_id}
        insert(db, "dialogue_set_environments", link, known="IGNORE")
    return made.id


def add_call(store: Store, set_id: str, call: CallRow, dialogues: Sequence[DialogueRow] = ()) -> None:
    """Commit a call with the dialogues of its reply, all or none; one that has a reply already stays as it is."""
    row: StoredRow = {
        "set_id": set_id,
        "key": call.key,
        "attempt": call.attempt,
        "position": call.position,
        "candidates": dump(list(call.candidates)),
        "response_id": call.response_id,
        "reason": call.reason,
    }
    then = (
        "ON CONFLICT DO UPDATE SET response_id = excluded.response_id, reason = excluded.reason"
        " WHERE dialogue_calls.response_id IS NULL"
    )
    bodies: list[StoredRow] = [
        {
            "set_id": set_id,
            "key": dialogue.key,
            "attempt": dialogue.attempt,
            "number": dialogue.number,
            "body": dialogue.body,
            "fault": dialogue.fault,
            "reason": dialogue.reason,
        }
        for dialogue in dialogues
    ]
    with store.transaction() as db:
        insert_all(db, "dialogue_calls", [row], then=then)
        insert_all(db, "dialogues", bodies, then="ON CONFLICT DO NOTHING")


def calls(store: Store, set_id: str) -> list[CallRow]:
    """Every call of a set, in order, a repair behind its call."""
    rows = store.connection.execute(
        "SELECT key, attempt, position, candidates, response_id, reason FROM dialogue_calls WHERE set_id = ?"
        " ORDER BY position, key, attempt",
        (set_id,),
    )
    return [CallRow(row[0], row[1], row[2], tuple(read_json(row[3], list)), row[4], row[5]) for row in rows]


def dialogues(store: Store, set_id: str) -> list[DialogueRow]:
    """Every dialogue of a set, in the order of calls."""
    rows = store.connection.execute(
        "SELECT d.key, d.attempt, d.number, d.body, d.fault, d.reason FROM dialogues d JOIN dialogue_calls c"
        " ON c.set_id = d.set_id AND c.key = d.key AND c.attempt = d.attempt WHERE d.set_id = ?"
        " ORDER BY c.position, d.key, d.attempt, d.number",
        (set_id,),
    )
    return [DialogueRow(*row) for row in rows]


def set_gates(store: Store, set_id: str, rows: Sequence[GateRow]) -> None:
    """Let these be all that the gates set aside of a set; what they had set aside before goes."""
    listed: list[StoredRow] = [
        {
            "set_id": set_id,
            "key": row.key,
            "attempt": row.attempt,
            "number": row.number,
            "fault": row.fault,
            "reason": row.reason,
        }
        for row in rows
    ]
    with store.transaction() as db:
        db.execute("DELETE FROM dialogue_gates WHERE set_id = ?", (set_id,))
        insert_all(db, "dialogue_gates", listed)


def gates(store: Store, set_id: str) -> list[GateRow]:
    """What the gates set aside of a set."""
    rows = store.connection.execute(
        "SELECT key, attempt, number, fault, reason FROM dialogue_gates WHERE set_id = ?", (set_id,)
    )
    return [GateRow(*row) for row in rows]


def images(store: Store, set_id: str) -> list[OfferedImage]:
    """The images of a set by name. They have no path: the store knows where they were, not where they are now."""
    rows = store.connection.execute(
        "SELECT o.image_id, o.caption, o.caption_by, i.sha256, i.media_type, i.width, i.height, i.size, i.relpath"
        " FROM dialogue_images o JOIN images i ON i.sha256 = o.sha256 WHERE o.set_id = ? ORDER BY o.image_id",
        (set_id,),
    )
    return [OfferedImage(row[0], replace(Image(*tuple(row)[3:]), id=row[0]), row[1], row[2]) for row in rows]


@dataclass(frozen=True, slots=True)
class SetHead:
    """A set as a list names it."""

    id: str
    style: str
    title: str
    model: str
    identity: Mapping[str, JSON]
    created_at: str


def sets(store: Store) -> list[SetHead]:
    """Every set, the latest last."""
    rows: list[sqlite3.Row] = store.connection.execute(
        "SELECT s.id, s.style, s.title, m.name, s.identity, s.created_at FROM dialogue_sets s"
        " JOIN models m ON m.id = s.model_id ORDER BY s.created_at, s.id"
    ).fetchall()
    return [SetHead(row[0], row[1], row[2], row[3], read_json(row[4], dict), row[5]) for row in rows]
