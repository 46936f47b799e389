"""Sets of generated dialogues in the store: written whole, once, and read back as they were."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.core import Image, Model, Response, Status, Usage
from sparkles_eval.store import dialogues as stored
from sparkles_eval.store.dialogues import CallRow, DialogueRow, DialogueSet, GateRow, OfferedImage
from sparkles_eval.store.mapping import now
from sparkles_eval.store.rows import EnvironmentRow, RequestRow
from sparkles_eval.store.store import Store

MODEL = Model("openai/good", "openai", "good")
SET = DialogueSet("cc", "A style", MODEL, {"style": "abc", "seed": 1})
IMAGES = [OfferedImage(name, Image(name * 8, "image/png", 8, 6, 10, f"{name}.png"), "A.", None) for name in ("a", "b")]


def add(store: Store) -> str:
    environment = store.add_environment(EnvironmentRow("test", "0", None, "3", {}, {}))
    return stored.add_set(store, SET, IMAGES, environment)


def reply(store: Store, key: str, text: str = "[]") -> int:
    row = RequestRow(key, MODEL, "{}", "{}", 0, 0)
    response = store.add_response(row, Response(key, 1, Status.OK, text, None, Usage(), 0.1, None, now()))
    assert response.id is not None
    return response.id


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "s.db")


def test_a_set_is_known_by_what_is_asked(store: Store) -> None:
    assert add(store) == add(store) == SET.id and len(SET.id) == 12
    assert replace(SET, title="Other words").id == SET.id
    assert DialogueSet("cc", "A style", MODEL, {"style": "abc", "seed": 2}).id != SET.id
    (head,) = stored.sets(store)
    assert (head.id, head.style, head.model, head.identity) == (
        SET.id,
        "cc",
        "openai/good",
        {"style": "abc", "seed": 1},
    )
    read = stored.images(store, SET.id)
    assert [(one.id, one.image.sha256, one.caption, one.image.path) for one in read] == [
        ("a", "a" * 8, "A.", None),
        ("b", "b" * 8, "A.", None),
    ]


def test_a_call_and_its_dialogues_are_one(store: Store) -> None:
    add(store)
    call = CallRow("k", 0, 3, ("b", "a"), reply(store, "k"))
    rows = [DialogueRow("k", 0, 0, "[]"), DialogueRow("k", 0, 1, "[]", "messages", "3 messages")]
    stored.add_call(store, SET.id, call, rows)
    stored.add_call(store, SET.id, replace(call, response_id=reply(store, "other")), [DialogueRow("k", 0, 0, "other")])
    assert stored.calls(store, SET.id) == [call] and stored.dialogues(store, SET.id) == rows
    with pytest.raises(sqlite3.IntegrityError):
        stored.add_call(
            store, SET.id, CallRow("x", 0, 4, (), reply(store, "x")), [DialogueRow("x", 0, 0, "[]", "cut-off")]
        )
    assert len(stored.calls(store, SET.id)) == 1, "nothing of a call that cannot be written whole"


def test_a_reason_is_filled_in_by_a_reply(store: Store) -> None:
    add(store)
    stored.add_call(store, SET.id, CallRow("k", 0, 0, (), None, "timed out"))
    assert stored.calls(store, SET.id)[0].reason == "timed out"
    answered = CallRow("k", 0, 0, (), reply(store, "k"))
    stored.add_call(store, SET.id, answered)
    stored.add_call(store, SET.id, CallRow("k", 0, 0, (), None, "timed out again"))
    assert stored.calls(store, SET.id) == [answered]


def test_gates_are_replaced_as_a_whole_and_the_view_says_what_came_of_each(store: Store) -> None:
    add(store)
    stored.add_call(
        store,
        SET.id,
        CallRow("k", 0, 0, ("a",), reply(store, "k")),
        [DialogueRow("k", 0, 0, "[]"), DialogueRow("k", 0, 1, "[]"), DialogueRow("k", 0, 2, "[]", "format", "nothing")],
    )
    stored.set_gates(store, SET.id, [GateRow("k", 0, 0, "safety", "x"), GateRow("k", 0, 1, "leakage", "y")])
    stored.set_gates(store, SET.id, [GateRow("k", 0, 1, "near-duplicate", "z")])
    assert stored.gates(store, SET.id) == [GateRow("k", 0, 1, "near-duplicate", "z")]
    told = store.connection.execute("SELECT number, status, fault, reason FROM generated_dialogues ORDER BY number")
    assert [tuple(row) for row in told] == [
        (0, "kept", None, None),
        (1, "rejected", "near-duplicate", "z"),
        (2, "rejected", "format", "nothing"),
    ]
