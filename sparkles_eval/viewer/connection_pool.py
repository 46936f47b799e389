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
from sparkles_eval.store.store import Store


class ConnectionPool:
    """Lends connections to a store, each with the side file attached (`store.viewer_index`). Threads may share it.

    Raises errors.StoreError for a file that is no store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        migrate_store(path)
        self.side = _side(path)
        self._free: list[Store] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def acquire(self) -> Iterator[Store]:
        """A connection for this block alone, at one moment of the store throughout."""
        with self._lock:
            store = self._free.pop() if self._free else None
        if store is None:
            store = Store(self.path, read_only=True)
            viewer_index.attach_viewer_index(store.connection, self.side)
        try:
            store.connection.execute("BEGIN")
            yield store
        except BaseException:
            store.close()
            raise
        store.connection.execute("COMMIT")
        with self._lock:
            self._free.append(store)

    def close(self) -> None:
        """Close what is not lent."""
        with self._lock:
            while self._free:
                self._free.pop().close()


def migrate_store(path: Path) -> None:
    """Open the store for writing once where an older version of the program made it, as every verb does."""
    try:
        database.connect_read_only(path).close()
    except StoreError:
        Store(path, create=False).close()


def _side(path: Path) -> Path:
    """The side file, made: in the user's cache, else in a folder for temporary files."""
    try:
        place = viewer_index.viewer_index_path(path, cache_dir("viewer"))
        viewer_index.open_viewer_index(path, place).close()
    except StoreError:
        place = viewer_index.viewer_index_path(path, Path(tempfile.mkdtemp(prefix="sparkles-view-")))
        viewer_index.open_viewer_index(path, place).close()
    return place
