"""Opens a store for a command that only reads, also where nothing can be written: a mount, a file of others."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sparkles_eval.core.errors import StoreError
from sparkles_eval.store import database
from sparkles_eval.store.store import Store


@contextmanager
def open_to_read(path: Path) -> Iterator[Store]:
    """The store at `path`, for reading.

    Where it can be written it is opened as by every other command, so that one of an older version is brought up to
    date. Else it is read as it lies, and nothing appears beside it (see `readable`). Raises errors.StoreError as
    `database.connect` does.
    """
    if not path.is_file() or writable(path):
        with Store(path, create=False) as store:
            yield store
        return
    with readable(path) as place, Store(place, read_only=True) as store:
        store.path = path  # what messages and pages name
        yield store


@contextmanager
def readable(path: Path) -> Iterator[Path]:
    """Where the store can be read at this program's version by `database.connect_read_only`.

    That is `path` itself, unless the store is of an older version, or has a log beside it that cannot be read without
    writing. Then it is a copy in a temporary folder, brought up to date, which goes when the block ends.
    Raises errors.StoreError for what is no store or is newer.
    """
    try:
        with closing(sqlite3.connect(database.read_address(path), uri=True)) as connection:
            found = database.check_header(connection, path)
    except sqlite3.Error as error:
        if not database.log_of(path).is_file() or database.damaged(error):
            raise database.store_error(path, error) from error
        found = 0
    if found == database.version():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="sparkles-read-") as folder:
        copy = Path(folder) / path.name
        try:
            shutil.copyfile(path, copy)
            if database.log_of(path).is_file():
                shutil.copyfile(database.log_of(path), database.log_of(copy))
        except OSError as error:
            raise StoreError(f"{path}: cannot be copied for reading ({error}); make room in {folder}") from error
        try:
            database.connect(copy, create=False).close()
        except StoreError as error:  # where the copy lies is nobody's business
            raise StoreError(str(error).replace(str(copy), str(path))) from error
        yield copy


def writable(path: Path) -> bool:
    """True when the file and its folder can be written: a store needs both, for its log stands beside it."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
