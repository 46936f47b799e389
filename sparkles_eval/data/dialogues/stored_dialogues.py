"""Converts between replies, store rows and dialogues, and decides which dialogues are kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from sparkles_eval.core import Response, Status
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.data.dialogues.filters import FilterReferences, apply_filters
from sparkles_eval.data.dialogues.parse_dialogues import ReplyDialogue, as_json, read_reply
from sparkles_eval.data.dialogues.plan_calls import DialogueCall
from sparkles_eval.data.dialogues.records import FAULTS, DialogueMessage, Fault, GeneratedDialogue, Rejection, Speaker
from sparkles_eval.data.dialogues.spec import FilterSpec, StyleSpec
from sparkles_eval.store import dialogues as stored
from sparkles_eval.store.dialogues import CallRow, DialogueRow, GateRow
from sparkles_eval.store.store import Store


class _Said(Strict):
    role: Speaker
    content: str
    images: tuple[str, ...] = ()


class _Written(Strict):
    """A message of a malformed dialogue, which may name any speaker."""

    role: str
    content: str
    images: tuple[str, ...] = ()


_SOUND = TypeAdapter(tuple[_Said, ...])
_ANY = TypeAdapter(tuple[_Written, ...])


@dataclass(frozen=True, slots=True)
class WrittenMessage:
    """A message as it was written, for people to read."""

    role: str
    content: str
    images: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredDialogue:
    """A generated dialogue: kept (`dialogue`, no `rejection`) or rejected; `messages` is its readable text."""

    id: str
    dialogue: GeneratedDialogue | None
    rejection: Rejection | None
    messages: tuple[WrittenMessage, ...]
    repaired: bool = False
    """True for one from the reply to --repair."""


def read_response(response: Response, offered: Sequence[str], spec: StyleSpec) -> list[ReplyDialogue]:
    """The dialogues of a stored reply; a refusal is a reply without dialogues."""
    if response.status is Status.REFUSED:
        read = read_reply(response.text or "", offered, spec)
        reason = f"the model refused: {response.error or response.text or 'no reason given'}"
        return [
            one if one.dialogue else ReplyDialogue(one.draft, rejection=Rejection("format", reason)) for one in read
        ]
    return read_reply(response.text or "", offered, spec)


def dialogue_rows(key: str, attempt: int, read: Sequence[ReplyDialogue]) -> list[DialogueRow]:
    """A reply's dialogues as the store keeps them."""
    rows = []
    for number, one in enumerate(read):
        body = [_json(message) for message in one.dialogue.messages] if one.dialogue else as_json(one.draft)
        fault = one.rejection.fault if one.rejection else None
        reason = one.rejection.reason if one.rejection else None
        rows.append(DialogueRow(key, attempt, number, json.dumps(body, ensure_ascii=False), fault, reason))
    return rows


def _json(message: DialogueMessage) -> dict[str, object]:
    return {"role": message.role, "content": message.content, "images": list(message.images)}


class StoredCalls:
    """The calls of a set that are in the store."""

    def __init__(self, store: Store, set_id: str) -> None:
        rows = stored.calls(store, set_id)
        self._calls = {(row.position, row.candidates, row.attempt): row for row in rows}
        found = stored.dialogues(store, set_id)
        self._wrong = {row.key for row in found if row.fault is not None and row.attempt == 0}
        self._counts = Counter(row.key for row in found if row.attempt == 0)

    def call(self, call: DialogueCall, attempt: int = 0) -> CallRow | None:
        """The call with a reply, or None."""
        row = self._calls.get((call.position, call.offered, attempt))
        return row if row is not None and row.response_id is not None else None

    def done(self, call: DialogueCall, *, repair: bool) -> bool:
        """True when no request is left for the call."""
        first = self.call(call)
        if first is None:
            return False
        short = first.key in self._wrong or self._counts[first.key] < len(call.wanted)
        return not (repair and short) or self.call(call, 1) is not None


def collect_dialogues(
    store: Store,
    set_id: str,
    calls: Sequence[DialogueCall] | None,
    style: str,
    gates: FilterSpec | None,
    known: FilterReferences | None,
) -> list[StoredDialogue]:
    """Every dialogue of the calls (None: all calls) in order, kept or rejected with the reason.

    With `gates` and `known` the filters are applied again and their results stored; otherwise the stored ones hold.
    """
    keys = None
    if calls is not None:
        kept = StoredCalls(store, set_id)
        keys = {row.key for call in calls if (row := kept.call(call)) is not None}
    places = {(row.key, row.attempt): row.position for row in stored.calls(store, set_id)}
    rows = [row for row in stored.dialogues(store, set_id) if keys is None or row.key in keys]
    items = [_item(row, places[row.key, row.attempt], style) for row in rows]
    if gates is not None and known is not None:
        sound = [(row, item.id, item.dialogue) for row, item in zip(rows, items, strict=True) if item.dialogue]
        verdicts = apply_filters([(name, dialogue) for _, name, dialogue in sound], gates, known)
        stored.set_gates(
            store,
            set_id,
            [
                GateRow(row.key, row.attempt, row.number, verdict.fault, verdict.reason)
                for (row, *_), verdict in zip(sound, verdicts, strict=True)
                if verdict
            ],
        )
    aside = {(gate.key, gate.attempt, gate.number): gate for gate in stored.gates(store, set_id)}
    return [_judged(item, aside.get((row.key, row.attempt, row.number))) for row, item in zip(rows, items, strict=True)]


def _judged(item: StoredDialogue, gate: GateRow | None) -> StoredDialogue:
    if gate is None or item.dialogue is None:
        return item
    return StoredDialogue(item.id, None, Rejection(_fault(gate.fault), gate.reason), item.messages, item.repaired)


def _fault(name: str) -> Fault:
    """The fault that a store names; one that this version does not know counts as one of form."""
    known: dict[str, Fault] = {fault: fault for fault in FAULTS}
    return known.get(name, "format")


def _item(row: DialogueRow, position: int, style: str) -> StoredDialogue:
    name = f"{style}-{position:05d}-{row.number}{'r' if row.attempt else ''}"
    written = tuple(WrittenMessage(m.role, m.content, m.images) for m in _ANY.validate_json(row.body))
    if row.fault is not None:
        return StoredDialogue(name, None, Rejection(_fault(row.fault), row.reason or ""), written, bool(row.attempt))
    messages = tuple(DialogueMessage(m.role, m.content, m.images) for m in _SOUND.validate_json(row.body))
    return StoredDialogue(name, GeneratedDialogue(messages), None, written, bool(row.attempt))
