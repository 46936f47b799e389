"""Remembers between runs which image files were read and decoded, and their previews: a large data set starts at once.

One SQLite file in the cache folder. A file counts as known while its size, times and place on the disk are the same; a
picture is known by its SHA-256. Losing the file costs only time, so all its errors are ignored.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from time import time_ns

from sparkles_eval.core import Image
from sparkles_eval.core.files import cache_dir
from sparkles_eval.core.pictures import READING, Examined
from sparkles_eval.tasks.image_headers import CHECKS

_FILE = "pictures.db"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, stamp TEXT NOT NULL, sha256 TEXT NOT NULL,
  media_type TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, size INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pictures (sha256 TEXT NOT NULL, decoder TEXT NOT NULL, wrong TEXT NOT NULL,
  odd TEXT NOT NULL, PRIMARY KEY (sha256, decoder)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS previews (sha256 TEXT NOT NULL, decoder TEXT NOT NULL, jpeg BLOB NOT NULL,
  PRIMARY KEY (sha256, decoder));
"""
_MOST_PREVIEWS = 20_000
"""About 80 MB."""
_FRESH_NS = 2_000_000_000
"""A file that changed this recently is not remembered: it may change again within one tick of the file's clock."""


@cache
def _decoder() -> str:
    import PIL

    return f"{READING} pillow-{PIL.__version__} checks-1"


@contextlib.contextmanager
def _opened() -> Iterator[sqlite3.Connection]:
    path = cache_dir(_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path, timeout=5)) as db, db:
        db.executescript(_SCHEMA)
        yield db


def stamp(info: os.stat_result) -> str:
    """A text that changes when the file is written, moved or replaced, or when the checks become stricter."""
    return f"{CHECKS}:{info.st_size}:{info.st_mtime_ns}:{info.st_ctime_ns}:{info.st_dev}:{info.st_ino}"


def known_files(paths: Iterable[Path]) -> dict[str, tuple[str, Image]]:
    """Files that were read before: path -> (its stamp then, its image with the path as `relpath`)."""
    with contextlib.suppress(sqlite3.Error, OSError), _opened() as db:
        wanted = json.dumps([str(path) for path in paths])
        rows = db.execute("SELECT * FROM files WHERE path IN (SELECT value FROM json_each(?))", (wanted,))
        return {
            path: (stamped, Image(sha256, media_type, width, height, size, path, path=Path(path)))
            for path, stamped, sha256, media_type, width, height, size in rows
        }
    return {}


def remember_files(files: Iterable[tuple[os.stat_result, Image]]) -> None:
    """Keep the images read from these files (`Image.path`); files that changed just now are left out."""
    now = time_ns()
    rows = [
        (str(i.path), stamp(info), i.sha256, i.media_type, i.width, i.height, i.size)
        for info, i in files
        if now - max(info.st_mtime_ns, info.st_ctime_ns) > _FRESH_NS
    ]
    if rows:
        with contextlib.suppress(sqlite3.Error, OSError), _opened() as db:
            db.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)", rows)


def known_pictures(hashes: Iterable[str]) -> dict[str, Examined]:
    """What decoding these pictures with this decoder showed earlier."""
    with contextlib.suppress(sqlite3.Error, OSError, ValueError), _opened() as db:
        wanted = json.dumps(list(hashes))
        rows = db.execute(
            "SELECT sha256, wrong, odd FROM pictures WHERE decoder = ? AND sha256 IN (SELECT value FROM json_each(?))",
            (_decoder(), wanted),
        )
        return {sha256: Examined(wrong, tuple(json.loads(odd))) for sha256, wrong, odd in rows}
    return {}


def remember_pictures(found: Mapping[str, Examined]) -> None:
    """Keep what decoding these pictures showed, by SHA-256."""
    rows = [(sha256, _decoder(), one.wrong, json.dumps(one.odd)) for sha256, one in found.items()]
    if rows:
        with contextlib.suppress(sqlite3.Error, OSError), _opened() as db:
            db.executemany("INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?)", rows)


def known_previews(hashes: Iterable[str]) -> dict[str, bytes]:
    """The previews of these pictures that were made earlier, by SHA-256."""
    with contextlib.suppress(sqlite3.Error, OSError), _opened() as db:
        wanted = json.dumps(list(hashes))
        rows = db.execute(
            "SELECT sha256, jpeg FROM previews WHERE decoder = ? AND sha256 IN (SELECT value FROM json_each(?))",
            (_decoder(), wanted),
        )
        return dict(rows.fetchall())
    return {}


def remember_previews(made: Mapping[str, bytes]) -> None:
    """Keep previews of pictures, by SHA-256, up to a number that takes no great place on the disk."""
    rows = [(sha256, _decoder(), jpeg) for sha256, jpeg in made.items()]
    if rows:
        with contextlib.suppress(sqlite3.Error, OSError), _opened() as db:
            (count,) = db.execute("SELECT count(*) FROM previews").fetchone()
            if count + len(rows) <= _MOST_PREVIEWS:
                db.executemany("INSERT OR REPLACE INTO previews VALUES (?, ?, ?)", rows)
