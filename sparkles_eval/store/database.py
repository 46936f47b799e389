"""Opens the store's file: creates it, migrates an older one, refuses other files and newer ones."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sparkles_eval.core.errors import StoreError

APPLICATION_ID = 0x53504B4C
"""Marks a SQLite file as a store of sparkles-eval ("SPKL" in the file's header)."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_MS = 30_000
"""How long a writer waits for another process's transaction; ours last milliseconds."""
_PASSING = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
)
"""Codes of what lies outside the file: the disk, permissions, other processes."""


def migrations() -> list[Path]:
    """The numbered SQL files in order; the store's version is the number of the last one applied."""
    return sorted(_MIGRATIONS.glob("[0-9][0-9][0-9][0-9]_*.sql"))


def version() -> int:
    """The schema version that this program reads and writes."""
    return int(migrations()[-1].name[:4])


def connect(path: Path, *, create: bool) -> sqlite3.Connection:
    """A connection in WAL mode to a store at this program's version.

    `create` makes a new file where there is none. Raises errors.StoreError, naming the file and the fix, when there
    is none, it is not a store, it was written by a newer version, or it cannot be opened.
    """
    if not create and not path.is_file():
        raise StoreError(f"{path}: there is no store; `sparkles-eval run` makes one, or name another with --store")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=_BUSY_MS / 1000, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{path}: cannot be opened as a store ({error})") from error
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise store_error(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def connect_read_only(path: Path) -> sqlite3.Connection:
    """A connection that cannot change the store, for threads that take turns with it. Another process may write.

    Raises errors.StoreError as `connect` does, and for a store of an older version: opening it for writing brings it up
    to date by opening it.
    """
    if not path.is_file():
        raise StoreError(f"{path}: there is no store; `sparkles-eval run` makes one, or name another with --store")
    connection = None
    try:
        connection = sqlite3.connect(
            read_address(path), uri=True, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False
        )
        found = check_header(connection, path)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise store_error(path, error) from error
    except BaseException:
        if connection is not None:
            connection.close()
        raise
    if found < version():
        connection.close()
        raise StoreError(
            f"{path}: is of an older version; `sparkles-eval list runs --store {path}` brings it up to date"
        )
    connection.row_factory = sqlite3.Row
    return connection


def read_address(path: Path) -> str:
    """The address at which SQLite opens a store for reading only, to be given with `uri=True`.

    Reading a WAL file needs files beside it. Where none can be made and no log is there, nobody else writes either,
    and `immutable` says that none are needed.
    """
    log = log_of(path)
    alone = not os.access(path.parent, os.W_OK) and (not log.is_file() or not log.stat().st_size)
    return f"{path.resolve().as_uri()}?mode=ro{'&immutable=1' if alone else ''}"


def log_of(path: Path) -> Path:
    """The write-ahead log of a store, which is there while somebody has it open."""
    return path.with_name(f"{path.name}-wal")


def damaged(error: sqlite3.Error) -> bool:
    """True when the file itself is broken or is no database, not merely locked, full or out of reach."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def store_error(path: Path, error: sqlite3.Error) -> StoreError:
    """What SQLite's error means for the user of a store, and what to do about it, in one line."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_NOTADB:
        return StoreError(f"{path}: is not a store of sparkles-eval ({error}); name another file")
    if code == sqlite3.SQLITE_CORRUPT:
        return StoreError(
            f"{path}: is damaged ({error}); `sqlite3 {path} .recover | sqlite3 saved.db` saves what can still be read,"
            f" and `sparkles-eval verify` says what is wrong in either file"
        )
    if "malformed JSON" in str(error):
        return StoreError(f"{path}: a value that should be JSON is none; `sparkles-eval verify {path}` names it")
    if code in _PASSING and not os.access(path.parent, os.W_OK):
        return StoreError(
            f"{path}: this command writes to the store, and its folder cannot be written ({error}); copy the store to"
            " a folder that can"
        )
    if code in _PASSING:
        return StoreError(
            f"{path}: cannot be read or written ({error}); free the disk, the file or its folder and run the same"
            " command again: what was committed is safe"
        )
    return StoreError(
        f"{path}: is not as this program makes it ({error}); `sparkles-eval verify {path}` says what is wrong"
    )


@contextmanager
def sqlite_errors_explained(path: Path) -> Iterator[None]:
    """Within the block SQLite's errors are errors.StoreError, as `store_error` words them; mistakes of ours stay."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.Error as error:
        raise store_error(path, error) from error


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    if check_header(connection, path) < version():
        _migrate(connection, path)
    connection.row_factory = sqlite3.Row
    # WAL with synchronous=NORMAL: a killed process loses nothing that was committed; a power cut may lose the last
    # transactions but never corrupts the file.
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    # The first read opens the log. A file that is deleted before that cannot be read any more (see store.moved).
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def check_header(connection: sqlite3.Connection, path: Path) -> int:
    """The file's version, 0 for a new one; refuses files that are not ours or are newer.

    One statement, so that all of it is seen at one moment of a file that another process may be creating. Raises
    errors.StoreError, and sqlite3.Error for what is no database.
    """
    found, mark, objects = connection.execute(
        "SELECT (SELECT user_version FROM pragma_user_version), (SELECT application_id FROM pragma_application_id),"
        " (SELECT count(*) FROM sqlite_master)"
    ).fetchone()
    if objects and mark != APPLICATION_ID:
        raise StoreError(f"{path}: is a database, but not a store of sparkles-eval; name another file with --store")
    if found > version():
        raise StoreError(
            f"{path}: was written by a newer sparkles-eval (store version {found}, this one knows {version()}); "
            "upgrade sparkles-eval to read it"
        )
    return int(found)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite does not wait for locks while it changes the journal, so the waiting is done here."""
    patience = time.monotonic() + _BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > patience:
                raise
            time.sleep(0.01)
        else:
            return


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Apply what is missing, all in one transaction with the record of it.

    Two processes may open a new file at once: the second waits for the first one's transaction and finds nothing
    left to do.
    """
    with _without("pandas"):  # and only here: a store that is up to date needs none of it
        from sqlite_utils import Database, Migrations

    numbered = Migrations("sparkles_eval")
    for file in migrations():

        def apply(database: Database, *, file: Path = file) -> None:
            for statement in _statements(file.read_text(encoding="utf-8")):
                database.conn.execute(statement)
            database.conn.execute(f"PRAGMA user_version = {int(file.name[:4])}")

        numbered(name=file.stem)(apply)
    database = Database(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        if check_header(connection, path) < version():
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            numbered.apply(database)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _without(package: str) -> Iterator[None]:
    """Import in this block as if an optional package were not installed.

    sqlite-utils looks for pandas to store its time stamps. We give it none, and pandas would cost the first run of
    every store 0.3 s and 30 MB.
    """
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]  # what the import system takes for "not there"
    try:
        yield
    finally:
        del sys.modules[package]


def _statements(script: str) -> list[str]:
    statements: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
