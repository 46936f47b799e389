"""Checks that every row matches its key: recomputes hashes, and compares answers with the requests behind them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import cast

from sparkles_eval.core import Image, Sample, fingerprint
from sparkles_eval.core.errors import StoreError
from sparkles_eval.core.json import read_sample
from sparkles_eval.core.reply_parts import with_reasoning
from sparkles_eval.publishing.discrepancies import Discrepancy, shown_value
from sparkles_eval.store import read_samples
from sparkles_eval.store.mapping import dump
from sparkles_eval.store.rows import TaskRow
from sparkles_eval.store.store import Store

BAD_ROW = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, StoreError)
"""What reading a row that somebody made up can raise; pydantic's ValidationError is a ValueError."""


class StoredSamples:
    """The store's samples as records, each read once; None for one that cannot be read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._images: dict[str, Image] = {}
        self._known: dict[str, Sample | None] = {}

    def __call__(self, sample_id: str) -> Sample | None:
        if sample_id not in self._known:
            row = self._store.connection.execute("SELECT body FROM samples WHERE id = ?", (sample_id,)).fetchone()
            try:
                self._known[sample_id] = read_sample(row[0], self._image) if row else None
            except BAD_ROW:
                self._known[sample_id] = None
        return self._known[sample_id]

    def _image(self, sha256: str) -> Image:
        if sha256 not in self._images:
            self._images[sha256] = read_samples.image(self._store, sha256)
        return self._images[sha256]


def check_hashes(store: Store, samples: StoredSamples) -> Iterator[Discrepancy]:
    """Every key that is not the hash of its row, and every row that does not fit what it belongs to."""
    yield from _each(store, "tasks", "id", "SELECT * FROM tasks", _task)
    yield from _each(store, "models", "id", "SELECT * FROM models", _model)
    yield from _each(store, "samples", "id", "SELECT * FROM samples", lambda row: _sample(row, samples))
    yield from _each(
        store,
        "runs",
        "id",
        "SELECT r.*, t.name AS task_name, t.version AS task_version, m.name AS model_name,"
        " m.identity AS model_identity FROM runs r JOIN tasks t ON t.id = r.task_id JOIN models m ON m.id = r.model_id",
        lambda row: _run(row, store),
    )
    yield from _each(
        store, "images", "sha256", "SELECT sha256, size, bytes FROM images WHERE bytes IS NOT NULL", _image
    )
    yield from _requests(store)


def _each(
    store: Store, table: str, key: str, sql: str, check: Callable[[sqlite3.Row], Sequence[str]]
) -> Iterator[Discrepancy]:
    for row in store.connection.execute(sql):
        try:
            wrong = check(row)
        except BAD_ROW as error:
            wrong = [f"cannot be read ({type(error).__name__})"]
        for what in wrong:
            yield Discrepancy(table, f"{key} {shown_value(row[key])}", what)


def _differs(expected: object, row: sqlite3.Row, key: str = "id") -> list[str]:
    return [] if row[key] == expected else [f"its content has the hash {expected}"]


def _task(row: sqlite3.Row) -> list[str]:
    made = TaskRow(
        name=row["name"],
        version=row["version"],
        title=row["title"],
        metrics=tuple(json.loads(row["metrics"])),
        options=tuple(json.loads(row["options"])),
        args=json.loads(row["args"]),
        card=row["card"],
        citation=row["citation"],
        licence=row["licence"],
    )
    return _differs(made.id, row)


def _model(row: sqlite3.Row) -> list[str]:
    identity = fingerprint([row["kind"], row["model_id"], json.loads(row["settings"])])
    wrong = [] if row["identity"] == identity else ["its identity is not the hash of kind, model_id and settings"]
    return wrong + _differs(fingerprint([row["name"], row["identity"]], 16), row)


def _sample(row: sqlite3.Row, samples: StoredSamples) -> list[str]:
    wrong = _differs(fingerprint(json.loads(row["body"])), row)
    sample = samples(row["id"])
    if sample is None:
        return [*wrong, "its body is no sample, or names an image that the store does not hold"]
    said = {
        "name": sample.id,
        "cluster": sample.cluster or sample.id,
        "consistency_group": sample.group or sample.id,
        "target": sample.target,
        "tags": dump(list(sample.tags)),
    }
    return wrong + [f"its {name} is not the body's" for name, value in said.items() if row[name] != value]


def _run(row: sqlite3.Row, store: Store) -> list[str]:
    identity = json.loads(row["identity"])
    wrong = _differs(fingerprint(identity, 12), row)
    columns = {"task": "task_name", "model": "model_name"}
    for name, value in identity.items():
        if name != "generation" and row[columns.get(name, name)] != value:
            wrong.append(f"its {name} is not that of its identity")
    places = store.connection.execute(
        "SELECT position, sample_id FROM run_samples WHERE run_id = ? ORDER BY position", (row["id"],)
    ).fetchall()
    if [place[0] for place in places] != list(range(len(places))) or row["total"] != len(places):
        wrong.append(f"asks {row['total']} samples, {len(places)} are listed")
    if row["data_hash"] != fingerprint([place[1] for place in places]):
        wrong.append("its data_hash is not the hash of its samples")
    return wrong


def _image(row: sqlite3.Row) -> list[str]:
    return _differs(hashlib.sha256(row["bytes"]).hexdigest(), row, "sha256")


# --- requests ---------------------------------------------------------------------------------------------------


def _requests(store: Store) -> Iterator[Discrepancy]:
    """Keys worked out again. Baselines and replayed answers look at the sample itself, so theirs covers it too."""
    asked: dict[bytes, set[tuple[str, int]]] = {}
    rows = store.connection.execute(
        "SELECT q.model_id, q.conversation, a.sample_id, a.turn FROM answers a"
        " JOIN responses r ON r.id = a.response_id JOIN requests q ON q.key = r.key"
    )
    for row in rows:
        asked.setdefault(_digest(row), set()).add((row["sample_id"], row["turn"]))
    rows = store.connection.execute("SELECT q.*, m.identity, m.kind FROM requests q JOIN models m ON m.id = q.model_id")
    for row in rows:
        places: list[tuple[str | None, int | None]] = [(None, None), *asked.get(_digest(row), ())]
        try:
            keys = {_key(row, *place) for place in places}
        except BAD_ROW as error:
            yield Discrepancy("requests", f"key {shown_value(row['key'])}", f"cannot be read ({type(error).__name__})")
            continue
        # A request that answers nothing may have been for any sample: nothing rests on it.
        if row["key"] not in keys and len(places) > 1:
            yield Discrepancy("requests", f"key {shown_value(row['key'])}", "is not the hash of what was asked")


def _digest(row: sqlite3.Row) -> bytes:
    return hashlib.sha256(f"{row['model_id']}\n{row['conversation']}".encode()).digest()


def _key(row: sqlite3.Row, sample_id: str | None, turn: int | None) -> str:
    return fingerprint(
        {
            "model": row["identity"],
            "conversation": json.loads(row["conversation"]),
            "generation": json.loads(row["generation"]),
            "schema": None,
            "epoch": row["epoch"],
            "draw": row["draw"],
            "sample": sample_id,
            "turn": turn,
        }
    )


# --- answers ----------------------------------------------------------------------------------------------------


def check_answers(store: Store, samples: StoredSamples) -> Iterator[Discrepancy]:
    """Every answer whose request was not this run's question to this turn of this sample."""
    rows = store.connection.execute(
        "SELECT a.*, r.status, r.text, r.reasoning, m.settings, q.conversation, q.generation, q.draw,"
        " q.epoch AS asked_epoch,"
        " own.identity AS asked_model, m.identity AS model, u.identity AS run_identity, u.draws AS most, u.variant"
        " FROM answers a JOIN responses r ON r.id = a.response_id JOIN requests q ON q.key = r.key"
        " JOIN models own ON own.id = q.model_id JOIN runs u ON u.id = a.run_id JOIN models m ON m.id = u.model_id"
        " ORDER BY a.run_id, a.sample_id, a.epoch, a.turn"
    )
    said: dict[tuple[str, str, int], list[str]] = {}
    for row in rows:
        item = (row["run_id"], row["sample_id"], row["epoch"])
        if item not in said:
            said = {item: []}
        place = f"run_id {item[0]}, sample_id {shown_value(item[1])}, epoch {item[2]}, turn {row['turn']}"
        try:
            wrong = _answer(row, samples(row["sample_id"]), said[item])
        except BAD_ROW as error:
            wrong = [f"cannot be read ({type(error).__name__})"]
        for what in wrong:
            yield Discrepancy("answers", place, what)
        said[item].append(_sent_back(row))


def _sent_back(row: sqlite3.Row) -> str:
    """An answer as the run's later turns show it: with its reasoning where the model is one that wants that."""
    kept = isinstance(row["settings"], str) and '"keep_reasoning":"true"' in row["settings"]
    return with_reasoning(row["text"] or "", row["reasoning"]) if kept else row["text"] or ""


def _answer(row: sqlite3.Row, sample: Sample | None, before: Sequence[str]) -> list[str]:
    wrong = []
    if row["status"] not in ("ok", "refused", "truncated"):
        wrong.append("its response is a failed attempt")
    if row["asked_model"] != row["model"]:
        wrong.append("another model was asked")
    if row["asked_epoch"] != row["epoch"] or row["draw"] != row["draws"] - 1:
        wrong.append("its request was for another epoch or draw")
    settings = dict(json.loads(row["run_identity"])["generation"])
    if "seed" in settings:
        settings["seed"] += row["epoch"] * row["most"] + row["draw"]
    if json.loads(row["generation"]) != settings:
        wrong.append("it was asked with other sampling settings than the run's")
    if sample is None:
        return wrong
    return wrong + _question(json.loads(row["conversation"]), sample, row, before)


def _question(conversation: dict[str, object], sample: Sample, row: sqlite3.Row, before: Sequence[str]) -> list[str]:
    """What of a conversation is not this turn of this sample, altered as the run says, after these answers."""
    messages = cast("list[dict[str, object]]", conversation["messages"])
    said = [(str(message["role"]), cast("list[object]", message["parts"])) for message in messages]
    users = [parts for role, parts in said if role == "user"]
    own = ["".join(map(str, parts)) for role, parts in said if role == "assistant"]
    turn, altered = row["turn"], set(str(row["variant"]).split())
    if len(users) != turn or turn > len(sample.turns) or len(before) != turn - 1:
        return [f"its request asks turn {len(users)}"]
    wrong = []
    for number, parts in enumerate(users, 1):
        pictures = [str(cast("dict[str, str]", part)["image"]) for part in parts if isinstance(part, dict)]
        if not _right_images(pictures, sample, number, altered):
            wrong.append(f"its request shows other images than turn {number} has")
    for number, text in enumerate(own, 1):
        reference = sample.turns[number - 1].reference or ""
        if text != (reference if "history=reference" in altered else before[number - 1]):
            wrong.append(f"its request follows another answer to turn {number}")
    return wrong


def _right_images(shown_images: Sequence[str], sample: Sample, turn: int, altered: set[str]) -> bool:
    """Whether these are a turn's images, or what became of them on purpose (tasks.variants)."""
    own = [image.sha256 for image in sample.turns[turn - 1].images]
    if "images=dropped" in altered:
        return not shown_images
    if "images=shuffled" in altered:
        return len(shown_images) == len(own) and set(shown_images) <= {image.sha256 for image in sample.images}
    if "images=wrong" in altered:
        return len(shown_images) == len(own)
    return sorted(shown_images) == sorted(own)
