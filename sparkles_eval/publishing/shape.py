"""Whether a store is whole as a file: pages, references, the kind of every value. Knows nothing of what values mean."""
# ruff: noqa: S608 - table and column names are our own schema's

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from sparkles_eval.publishing.documents import check_documents
from sparkles_eval.publishing.findings import Finding, address, shown
from sparkles_eval.publishing.opening import differences
from sparkles_eval.publishing.tables import TABLES, Table
from sparkles_eval.store import database
from sparkles_eval.store.store import Store

_KINDS = {"INTEGER": "'integer'", "REAL": "'real', 'integer'", "TEXT": "'text'", "BLOB": "'blob'"}
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
"""How often a sample can sensibly be asked; whoever sums over epochs walks through all of them."""
_TIMES = ("created_at", "started_at", "finished_at", "at")
_TIME = "[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]Z"
_THUMBNAIL = 200_000
"""Bytes; ours have some ten thousand."""


def check_shape(store: Store) -> Iterator[Finding]:
    """Every page, reference and value that is not as the schema says."""
    try:
        for what in differences(store.connection, database.version()):
            if what.startswith("trigger ") or not what.endswith(" is not ours"):  # people may add views and tables
                yield Finding("", "", f"schema: {shown(what)}")
        for row in store.connection.execute("PRAGMA integrity_check(50)"):
            if row[0] != "ok":
                yield Finding("", "", f"damaged: {shown(row[0])}")
        for row in store.connection.execute("PRAGMA foreign_key_check"):
            yield Finding(shown(row[0]), f"row {row[1]}", f"refers to a row of {shown(row[2])} that is not there")
        for table in TABLES:
            yield from _values(store, table)
        yield from _thumbnails(store)
        yield from check_documents(store)
    except sqlite3.DatabaseError as error:
        yield Finding("", "", f"damaged: {error}")


def _values(store: Store, table: Table) -> Iterator[Finding]:
    columns = store.connection.execute(f"SELECT name, type FROM pragma_table_info('{table.name}')").fetchall()
    for name, kind in columns:
        wrong = [f"typeof({name}) NOT IN ({_KINDS[kind]}, 'null')"]
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
                f"{name} NOT GLOB '{_TIME}' OR strftime('%Y-%m-%dT%H:%M:%S', {second}, '+0 days') IS NOT {second}"
            )
        keys = ", ".join(table.key)
        rows = store.connection.execute(f"SELECT {keys} FROM {table.name} WHERE {' OR '.join(wrong)}")
        for row in rows:
            yield Finding(table.name, address(table.key, tuple(row)), f"{name} holds what it cannot hold")


def _thumbnails(store: Store) -> Iterator[Finding]:
    rows = store.connection.execute(
        "SELECT sha256 FROM images WHERE thumbnail IS NOT NULL"
        " AND (length(thumbnail) > ? OR substr(thumbnail, 1, 3) != x'FFD8FF')",
        (_THUMBNAIL,),
    )
    for row in rows:
        yield Finding("images", f"sha256 {row[0]}", "its thumbnail is no small JPEG")
