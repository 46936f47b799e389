"""Notices that an open store's file was deleted or replaced, and saves what the open connection still holds."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from sparkles_eval.core.errors import StoreError


class StoreMoved(StoreError):
    """The store's file was deleted, moved or replaced while it was open. `saved` has its contents, where it could."""

    def __init__(self, message: str, saved: Path | None = None) -> None:
        super().__init__(message)
        self.saved = saved


class OpenFile:
    """The file of an open store, compared with what stands at its path now. SQLite itself does not look."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path, self._connection = path, connection
        self._identity = file_identity(path)
        self._logs: dict[Path, tuple[int, int]] = {}
        self._see_logs()
        self._moved: StoreMoved | None = None
        self.on_moved: Callable[[StoreMoved], None] | None = None
        """Called once in place of the error after a commit: for whoever stops in good order and then calls `check`."""

    @property
    def in_place(self) -> bool:
        return self._identity is None or file_identity(self._path) == self._identity

    def check(self) -> None:
        """Raises StoreMoved where the file is no longer the one that was opened; its contents are saved first."""
        if not self.in_place:
            raise self._rescue()

    def committed(self) -> None:
        """Look after a commit. Raises StoreMoved as `check` does, unless somebody listens."""
        if self.in_place:
            if not self._logs:
                self._see_logs()
        elif self.on_moved is None:
            raise self._rescue()
        elif self._moved is None:
            self.on_moved(self._rescue())

    def _see_logs(self) -> None:
        beside = [self._path.with_name(f"{self._path.name}{ending}") for ending in ("-wal", "-shm")]
        self._logs = {log: identity for log in beside if (identity := file_identity(log))}

    def _rescue(self) -> StoreMoved:
        self._moved = rescue(self._connection, self._path, self._moved.saved if self._moved else None)
        if self._moved.saved is not None:
            # Whoever opened another file at this path would read our log into it. We hold the log open: it lives on.
            for log, identity in self._logs.items():
                if file_identity(log) == identity:
                    log.unlink(missing_ok=True)
        return self._moved


def file_identity(path: Path) -> tuple[int, int] | None:
    """Device and inode of the file at a path; None where there is none, or its file system numbers no files."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a millionth of a second with every commit
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found.st_ino else None


def rescue(connection: sqlite3.Connection, path: Path, saved: Path | None = None) -> StoreMoved:
    """Write all that the connection sees to a new file; gives the error that says where. Never touches `path`.

    The file stands beside `path`, else in the working folder, else in a folder for temporary files. `saved` is where
    an earlier call for the same connection wrote: that file is written anew.
    """
    what = "was replaced by another file" if path.exists() else "was deleted or moved away"
    why = ""
    for place in [saved] if saved else _places(path):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(place)) as copy:
                connection.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # one file
        except (OSError, sqlite3.Error) as error:
            why = str(error)
            if saved is None:
                with suppress(OSError):
                    place.unlink()
            continue
        return StoreMoved(
            f"{path}: {what} while it was open. All that was stored is saved in {place}; "
            f"look at both, then go on with --store {place}",
            place,
        )
    return StoreMoved(
        f"{path}: {what} while it was open, and what it held could not be saved ({why}); make room, and bring the "
        "file back where somebody moved it"
    )


def _places(path: Path) -> Iterator[Path]:
    """Free names for the rescued contents."""
    for folder in (path.parent, Path.cwd(), Path(tempfile.gettempdir())):
        names = (f"{path.stem}.rescued{number or ''}{path.suffix}" for number in range(1000))
        yield next(folder / name for name in names if not (folder / name).exists())
