"""Read-only connections to the store, each lent to one page at a time."""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from sparkles_eval.core.errors import StoreError
from sparkles_eval.core.files import cache_dir
from sparkles_eval.store import database, viewer_index
from sparkles_eval.store.moved import StoreMoved, file_identity, rescue
from sparkles_eval.store.reading import readable, writable
from sparkles_eval.store.store import Store


class ConnectionPool:
    """Lends connections to a store, each with the side file attached (`store.viewer_index`). Threads may share it.

    Raises errors.StoreError for a file that is no store, and once the file is not the one of the beginning any more.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stack = contextlib.ExitStack()
        self.place = _place(path, self._stack)
        """Where it is read: `path`, or a copy where it cannot be read without writing."""
        self.side = _side(path, self.place)
        self._identity = file_identity(path)
        self._free: list[Store] = []
        self._lock = threading.Lock()
        self._moved: StoreMoved | None = None

    @contextlib.contextmanager
    def acquire(self) -> Iterator[Store]:
        """A connection for this block alone, at one moment of the store throughout."""
        self.check_in_place()
        with self._lock:
            store = self._free.pop() if self._free else None
        try:
            if store is None:
                store = Store(self.place, read_only=True)
                viewer_index.attach_viewer_index(store.connection, self.side)
            store.connection.execute("BEGIN")
            yield store
            store.connection.execute("COMMIT")
        except BaseException:
            if store is not None:
                store.close()
            with database.sqlite_errors_explained(self.path):
                raise
        with self._lock:
            self._free.append(store)

    def check_in_place(self) -> None:
        """Raises StoreMoved where the file was deleted or replaced; what a free connection still sees is saved."""
        if file_identity(self.path) == self._identity:
            return
        with self._lock:
            if self._moved is None and self._free:
                self._moved = rescue(self._free[0].connection, self.path)
        raise self._moved or StoreMoved(f"{self.path}: is not the file of the beginning any more; start `view` again")

    def close(self) -> None:
        """Close what is not lent."""
        with self._lock:
            while self._free:
                self._free.pop().close()
        self._stack.close()


def _place(path: Path, stack: contextlib.ExitStack) -> Path:
    """Where to read the store. One of an older version is brought up to date first, as every command does."""
    if path.is_file() and not writable(path):
        return stack.enter_context(readable(path))
    try:
        database.connect_read_only(path).close()
    except StoreError:
        Store(path, create=False).close()
    return path


def _side(path: Path, readable_at: Path) -> Path:
    """The side file, made: in the user's cache, else in a folder for temporary files."""
    try:
        place = viewer_index.viewer_index_path(path, cache_dir("viewer"))
        viewer_index.open_viewer_index(readable_at, place).close()
    except StoreError:
        place = viewer_index.viewer_index_path(path, Path(tempfile.mkdtemp(prefix="sparkles-view-")))
        viewer_index.open_viewer_index(readable_at, place).close()
    return place
