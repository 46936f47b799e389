"""Opens stores for reading only: a user's own, and untrusted ones, whose schema is checked first."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from sparkles_eval.core.errors import StoreError
from sparkles_eval.publishing.table_keys import LEDGER
from sparkles_eval.store import database
from sparkles_eval.store.reading import readable, writable
from sparkles_eval.store.store import Store

LONGEST_VALUE = 16_000_000
"""Bytes of one value of a stranger's store that are read."""
TIMEOUT_S = 300
"""Seconds in which a stranger's store must have been read."""


@contextmanager
def open_readonly(path: Path) -> Iterator[Store]:
    """A store that nothing can be written to, at this program's version.

    The file stays as it is to the last byte, and nothing appears beside it; one that an older version wrote is brought
    up to date in a copy. Raises errors.StoreError for what is no store, is newer, or is written while it is read.
    """
    with database.sqlite_errors_explained(path), _opened(path) as store:
        yield store


@contextmanager
def _opened(path: Path) -> Iterator[Store]:
    if database.log_of(path).exists() and not writable(path):
        with readable(path) as place, closing(database.connect_read_only(place)) as connection:
            connection.execute("BEGIN")
            yield Store.over(path, connection)
        return
    alone = not database.log_of(path).exists()
    with tempfile.TemporaryDirectory(prefix="sparkles-read-") as folder, closing(_connect(path)) as connection:
        before = _state(path)
        if _version(connection, path) == database.version():
            connection.execute("BEGIN")  # one moment of a store that may be written meanwhile
            yield Store.over(path, connection)
        else:
            copy = Path(folder) / "copy.db"
            with closing(sqlite3.connect(copy)) as target:
                connection.backup(target)
            with closing(database.connect(copy, create=False)) as current:
                current.execute("PRAGMA query_only = ON")
                yield Store.over(path, current)
        if alone and (_state(path) != before or database.log_of(path).exists()):
            raise StoreError(f"{path}: was written while it was read; run the same command again")


@contextmanager
def open_untrusted(path: Path) -> Iterator[Store]:
    """A stranger's store, for reading: only our tables as our migrations make them.

    Whatever else a schema can hold (triggers, views, tables, changed checks) is refused before a row is read; only
    then is a store of an older version brought up to date, in a copy. Raises errors.StoreError with the reason.
    """
    with tempfile.TemporaryDirectory(prefix="sparkles-strange-") as folder, closing(_connect(path)) as connection:
        _refuse_hostile_schema(connection)
        found = _version(connection, path)
        if odd := schema_differences(connection, found):
            raise StoreError(f"its schema is not ours: {'; '.join(odd[:5])}")
        if found == database.version():
            yield Store.over(path, connection)
            return
        copy = Path(folder) / "copy.db"
        with closing(sqlite3.connect(copy)) as target:
            connection.backup(target)
        database.connect(copy, create=False).close()
        with closing(_connect(copy)) as current:
            _refuse_hostile_schema(current)
            yield Store.over(path, current)


def _refuse_hostile_schema(connection: sqlite3.Connection) -> None:
    """Trust nothing in the file, and end what does not end."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST_VALUE)
    until = time.monotonic() + TIMEOUT_S
    connection.set_progress_handler(lambda: time.monotonic() > until, 100_000)


def schema_differences(connection: sqlite3.Connection, version: int) -> list[str]:
    """What a store's schema has that ours of that version has not, and the other way round; [] where they agree."""
    found, ours = _schema(connection), _own_schema(version)
    changed = sorted(name for name in ours.keys() & found.keys() if found[name] != ours[name])
    return [
        *(f"{kind} {name} is not ours" for kind, name in sorted(found.keys() - ours.keys())),
        *(f"{kind} {name} is missing" for kind, name in sorted(ours.keys() - found.keys())),
        *(f"{kind} {name} is changed" for kind, name in changed),
    ]


def _schema(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """(kind, name) -> its SQL, spaces levelled; without the indexes that SQLite makes by itself."""
    rows = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master").fetchall()
    return {
        (str(kind), str(name)): " ".join(str(sql).split())
        for kind, name, sql in rows
        if sql or not str(name).startswith("sqlite_autoindex_")
    }


def _own_schema(version: int) -> dict[tuple[str, str], str]:
    """The schema that our migrations up to `version` make, with the ledger that they are entered in."""
    with (
        tempfile.TemporaryDirectory(prefix="sparkles-schema-") as folder,
        closing(database.connect(Path(folder) / "new.db", create=True)) as current,
        closing(sqlite3.connect(":memory:")) as made,
    ):
        for file in database.migrations():
            if int(file.name[:4]) <= version:
                made.executescript(file.read_text(encoding="utf-8"))
        ledger = {key: sql for key, sql in _schema(current).items() if any(name in key[1] for name in LEDGER)}
        return _schema(made) | ledger


def _connect(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise StoreError(f"{path}: there is no such store; name a file that `sparkles-eval run` made")
    # Without a log beside it nobody has the file open. SQLite would still put one there to read it, and could not
    # where the folder is write-protected; `immutable` says that it need not. `_state` notices who comes meanwhile.
    alone = "" if database.log_of(path).exists() else "&immutable=1"
    try:
        connection = sqlite3.connect(
            f"file:{quote(str(path.resolve()))}?mode=ro{alone}", uri=True, isolation_level=None
        )
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be opened ({error})") from error
    connection.row_factory = sqlite3.Row
    return connection


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _version(connection: sqlite3.Connection, path: Path) -> int:
    try:
        (found,) = connection.execute("PRAGMA user_version").fetchone()
        (mark,) = connection.execute("PRAGMA application_id").fetchone()
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise database.store_error(path, error) from error
    if mark != database.APPLICATION_ID:
        raise StoreError(f"{path}: is a database, but not a store of sparkles-eval")
    if found > database.version():
        raise StoreError(
            f"{path}: was written by a newer sparkles-eval (store version {found}, this one knows "
            f"{database.version()}); upgrade sparkles-eval to read it"
        )
    return int(found)
