"""Checks the integrity of a store: pages, references, the type of every value, and the JSON in its columns."""

# ruff: noqa: S608  (names of tables and columns come from our own lists)
from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Annotated, Protocol, TypeAlias

from pydantic import AfterValidator, Field, JsonValue, TypeAdapter, ValidationError

from sparkles_eval.core import Role
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.publishing.discrepancies import Discrepancy, row_address, shown_value
from sparkles_eval.publishing.open_store import schema_differences
from sparkles_eval.publishing.table_keys import TABLES, TableKeys
from sparkles_eval.store import database
from sparkles_eval.store.store import Store


def _finite(value: JsonValue) -> JsonValue:
    json.dumps(value, allow_nan=False)  # raises ValueError
    return value


_Number = Annotated[float, Field(allow_inf_nan=False)]
_Setting: TypeAlias = Annotated[JsonValue, AfterValidator(_finite)]
"""A generation setting, of whatever type a provider takes."""
_Names = TypeAdapter(list[str])
_Texts = TypeAdapter(dict[str, str])


class _ColumnForm(Protocol):
    """What a pydantic TypeAdapter of any type can do."""

    def validate_json(self, data: str, /) -> object: ...


class _Prices(Strict):
    input: _Number | None
    output: _Number | None
    date: str | None
    source: str | None
    cached_input: _Number | None = None
    reasoning: _Number | None = None
    cache_write: _Number | None = None


class _Criterion(Strict):
    id: str
    name: str
    description: str
    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Rating(Strict):
    turn: Annotated[int, Field(ge=1, le=10_000)]
    criterion: str
    value: _Number
    explanation: str


class _Image(Strict):
    image: str
    reading: Annotated[str, Field(pattern=r"^[a-z]{1,20}@[0-9]{1,4}$")] = ""
    """How a picture was shown that is not as its file is (core.pictures)."""


class _Message(Strict):
    role: Role
    parts: list[str | _Image]


class _Conversation(Strict):
    system: str | None
    messages: list[_Message]


class _Identity(Strict):
    task: str
    task_version: int
    model: str
    model_identity: str
    protocol: str
    protocol_version: int
    answer_rule: str | None
    draws: int
    generation: dict[str, _Setting]
    prompt_hash: str
    data_hash: str
    epochs: int
    variant: str


_Criteria = TypeAdapter(list[_Criterion])
_FORMS: tuple[tuple[str, str, _ColumnForm], ...] = (
    ("tasks", "metrics", _Names),
    ("tasks", "options", _Names),
    ("tasks", "args", _Texts),
    ("models", "settings", _Texts),
    ("models", "prices", TypeAdapter(_Prices)),
    ("runs", "identity", TypeAdapter(_Identity)),
    ("environments", "machine", _Texts),
    ("environments", "packages", _Texts),
    ("samples", "tags", _Names),
    ("requests", "conversation", TypeAdapter(_Conversation)),
    ("requests", "generation", TypeAdapter(dict[str, _Setting])),
    ("judges", "criteria", _Criteria),
    ("verdicts", "ratings", TypeAdapter(list[_Rating])),
    ("verdicts", "overall", TypeAdapter(dict[Annotated[str, Field(pattern=r"^[0-9]{1,4}$")], _Number])),
    ("sheets", "criteria", _Criteria),
    ("trainings", "recipe", TypeAdapter(dict[str, JsonValue])),
    ("dialogue_sets", "identity", TypeAdapter(dict[str, JsonValue])),
    ("dialogue_calls", "candidates", _Names),
)


def check_json_columns(store: Store) -> Iterator[Discrepancy]:
    """Every JSON text that is not of its form."""
    keys = {table.name: table.key for table in TABLES}
    for table, column, form in _FORMS:
        names = keys[table]
        sql = f"SELECT {', '.join(names)}, {column} FROM {table}"
        for row in store.connection.execute(sql):
            *place, text = tuple(row)
            try:
                form.validate_json(text)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                where = ".".join(map(str, first["loc"]))
                what = (
                    f"{column} is not as this program writes it ({where + ': ' if where else ''}{first['msg'][:200]})"
                )
                yield Discrepancy(table, row_address(names, place), what)


_SQL_KINDS = {"INTEGER": "'integer'", "REAL": "'real', 'integer'", "TEXT": "'text'", "BLOB": "'blob'"}
_AMOUNTS = (
    "input_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cached_tokens",
    "cost_usd",
    "latency_s",
    "width",
    "height",
    "size",
    "total",
    "draws",
    "epochs",
)
"""Columns that count or measure something: never below 0."""
_MANY = ("draws", "epochs")
_MOST = 10_000
"""How often a sample can sensibly be asked; sums over epochs go through all of them."""
_TIMES = ("created_at", "started_at", "finished_at", "at")
_TIMESTAMP = (
    "[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z"
)
_THUMBNAIL = 200_000
"""Bytes; ours have some ten thousand."""


def check_integrity(store: Store) -> Iterator[Discrepancy]:
    """Every page, reference and value that is not as the schema says."""
    try:
        for what in schema_differences(store.connection, database.version()):
            if what.startswith("trigger ") or not what.endswith(" is not ours"):  # people may add views and tables
                yield Discrepancy("", "", f"schema: {shown_value(what)}")
        for row in store.connection.execute("PRAGMA integrity_check(50)"):
            if row[0] != "ok":
                yield Discrepancy("", "", f"damaged: {shown_value(row[0])}")
        for row in store.connection.execute("PRAGMA foreign_key_check"):
            yield Discrepancy(
                shown_value(row[0]), f"row {row[1]}", f"refers to a row of {shown_value(row[2])} that is not there"
            )
        for table in TABLES:
            yield from _values(store, table)
        yield from _thumbnails(store)
        yield from check_json_columns(store)
    except sqlite3.DatabaseError as error:
        yield Discrepancy("", "", f"damaged: {error}")


def _values(store: Store, table: TableKeys) -> Iterator[Discrepancy]:
    columns = store.connection.execute(f"SELECT name, type FROM pragma_table_info('{table.name}')").fetchall()
    for name, kind in columns:
        wrong = [f"typeof({name}) NOT IN ({_SQL_KINDS[kind]}, 'null')"]
        if kind == "REAL":
            wrong.append(f"abs({name}) > 1e300")
        if name in _AMOUNTS:
            wrong.append(f"{name} < 0")
        if name in _MANY:
            wrong.append(f"{name} > {_MOST}")
        if name in _TIMES:
            # The 30th of February becomes the 2nd of March; fractions are left out, for .9997 s would become a second.
            second = f"substr({name}, 1, 19)"
            wrong.append(
                f"{name} NOT GLOB '{_TIMESTAMP}' OR strftime('%Y-%m-%dT%H:%M:%S', {second}, '+0 days') IS NOT {second}"
            )
        keys = ", ".join(table.key)
        rows = store.connection.execute(f"SELECT {keys} FROM {table.name} WHERE {' OR '.join(wrong)}")
        for row in rows:
            yield Discrepancy(table.name, row_address(table.key, tuple(row)), f"{name} holds what it cannot hold")


def _thumbnails(store: Store) -> Iterator[Discrepancy]:
    rows = store.connection.execute(
        "SELECT sha256 FROM images WHERE thumbnail IS NOT NULL"
        " AND (length(thumbnail) > ? OR substr(thumbnail, 1, 3) != x'FFD8FF')",
        (_THUMBNAIL,),
    )
    for row in rows:
        yield Discrepancy("images", f"sha256 {row[0]}", "its thumbnail is no small JPEG")
