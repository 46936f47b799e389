"""The store as the viewer's pages read it: connections that cannot write, lent to one page at a time.

Knows nothing of what is read.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from sparkles_eval.errors import StoreError
from sparkles_eval.store import database, sidecar
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.cache import cache_dir


class Shelf:
    """Lends connections to a store, each with the side file attached (`store.sidecar`). Threads may share it.

    Raises errors.StoreError for a file that is no store.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        bring_up_to_date(path)
        self.side = _side(path)
        self._free: list[Store] = []
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def lend(self) -> Iterator[Store]:
        """A connection for this block alone, at one moment of the store throughout."""
        with self._lock:
            store = self._free.pop() if self._free else None
        if store is None:
            store = Store(self.path, read_only=True)
            sidecar.attach_side(store.connection, self.side)
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


def bring_up_to_date(path: Path) -> None:
    """Open the store for writing once where an older version of the program made it, as every verb does."""
    try:
        database.connect_read_only(path).close()
    except StoreError:
        Store(path, create=False).close()


def _side(path: Path) -> Path:
    """The side file, made: in the user's cache, else in a folder for temporary files."""
    try:
        place = sidecar.place(path, cache_dir() / "viewer")
        sidecar.open_side(path, place).close()
    except StoreError:
        place = sidecar.place(path, Path(tempfile.mkdtemp(prefix="sparkles-view-")))
        sidecar.open_side(path, place).close()
    return place
