"""The viewer's index: a file beside the store with the words of answers and verdicts and the flags of samples."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sparkles_eval.core import fingerprint
from sparkles_eval.core.errors import StoreError
from sparkles_eval.store.database import read_address

_VERSION = 3
"""Of the tables below; a file of another version is made anew."""
TOKENS = "unicode61 remove_diacritics 2"
"""How texts are cut into words, and what counts as the same letter."""

_TABLES = f"""
CREATE TABLE seen (what TEXT PRIMARY KEY, id INTEGER NOT NULL, at TEXT NOT NULL) WITHOUT ROWID;

-- The words alone: rowid is twice the id of a response, or twice that of a verdict and one.
CREATE VIRTUAL TABLE texts USING fts5(words, content='', tokenize='{TOKENS}');

-- Runs of the same samples.
CREATE TABLE place_groups (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

-- A run as a judge scored it. `basis` is what its marks were made from; `reads` says that the judge reads answers
-- instead of rating them; `scored` counts samples that are scored whole.
CREATE TABLE entries (
  number INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL,
  judge_id TEXT NOT NULL,
  place_group INTEGER NOT NULL,
  basis TEXT NOT NULL,
  reads INTEGER NOT NULL,
  scored INTEGER NOT NULL DEFAULT 0,
  UNIQUE (run_id, judge_id)
);
CREATE TABLE marks (
  place_group INTEGER NOT NULL,
  position INTEGER NOT NULL,
  entry INTEGER NOT NULL,
  mark INTEGER NOT NULL,
  points REAL,
  PRIMARY KEY (place_group, entry, position)
) WITHOUT ROWID;

-- What the marks of a sample come to, over all entries of its group. `apart`: points between two judges of one run.
CREATE TABLE facts (
  place_group INTEGER NOT NULL,
  position INTEGER NOT NULL,
  wrong INTEGER NOT NULL,
  good INTEGER NOT NULL,
  invalid INTEGER NOT NULL,
  unscored INTEGER NOT NULL,
  rated INTEGER NOT NULL,
  apart REAL NOT NULL,
  PRIMARY KEY (place_group, position)
) WITHOUT ROWID;

-- Texts that were worked out of the whole store: by whom, from what, and when.
CREATE TABLE kept (
  name TEXT PRIMARY KEY,
  maker TEXT NOT NULL,
  basis TEXT NOT NULL,
  at TEXT NOT NULL,
  body TEXT NOT NULL
) WITHOUT ROWID
"""


def viewer_index_path(store: Path, folder: Path) -> Path:
    """The path of a store's index in the folder: its name is a hash of the store's path."""
    return folder / f"{fingerprint(str(store.resolve()), 24)}.db"


def open_viewer_index(store: Path, path: Path) -> sqlite3.Connection:
    """The side file, made where it is missing, with the store attached for reading as `store`.

    A file of another version, or of another store that was at this place before, is emptied first. Raises
    errors.StoreError where it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        side = _connect(path)
        side.execute("ATTACH ? AS store", (read_address(store),))
        if not _fits(side):
            side.close()
            for name in ("", "-wal", "-shm"):
                path.with_name(f"{path.name}{name}").unlink(missing_ok=True)
            return open_viewer_index(store, path)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{path}: the index for searching cannot be made ({error}); free its folder") from error
    return side


def attach_viewer_index(connection: sqlite3.Connection, path: Path) -> None:
    """Let a connection to the store read its side file as `side`. The file must be there."""
    connection.execute("ATTACH ? AS side", (f"{path.resolve().as_uri()}?mode=ro",))


def _connect(path: Path) -> sqlite3.Connection:
    side = sqlite3.connect(path.resolve().as_uri(), uri=True, timeout=30, isolation_level=None, check_same_thread=False)
    side.row_factory = sqlite3.Row
    try:
        side.execute("PRAGMA journal_mode = WAL")
        side.execute("PRAGMA synchronous = OFF")  # a cache: what a power cut breaks is made again
        side.execute("BEGIN IMMEDIATE")
        if side.execute("PRAGMA user_version").fetchone()[0] == 0:
            for statement in _TABLES.split(";\n"):
                side.execute(statement)
            side.execute(f"PRAGMA user_version = {_VERSION}")
        side.execute("COMMIT")
    except sqlite3.OperationalError:
        side.close()
        raise
    except sqlite3.DatabaseError:  # no database, or a broken one
        side.close()
        path.unlink()
        return _connect(path)
    return side


def _fits(side: sqlite3.Connection) -> bool:
    """True when what was read last is still in the store, with its time."""
    if side.execute("PRAGMA user_version").fetchone()[0] != _VERSION:
        return False
    for what in ("responses", "verdicts"):
        seen = side.execute("SELECT id, at FROM seen WHERE what = ?", (what,)).fetchone()
        if seen is not None:
            now = side.execute(f"SELECT created_at FROM store.{what} WHERE id = ?", (seen["id"],)).fetchone()  # noqa: S608
            if now is None or now[0] != seen["at"]:
                return False
    return True
