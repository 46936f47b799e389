"""Lets one person rate a store in one process at a time: two would show the same item twice and undo each other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sparkles_eval.core import fingerprint
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import cache_dir


@contextmanager
def only_session(store: Path, rater: str) -> Iterator[None]:
    """Within the block nobody else on this machine rates this store as this person.

    Held by a lock on a file in the user's cache, which the system lets go however the process ends. Raises
    errors.UserError where the person rates already; nothing where the cache cannot be written.
    """
    place = cache_dir("annotate") / f"{fingerprint([str(store.resolve()), rater], 24)}.db"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = sqlite3.connect(place, timeout=0, isolation_level=None)
    except (OSError, sqlite3.Error):
        yield
        return
    with closing(lock):
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                yield
                return
            raise UserError(
                f"{rater} is rating {store} in another `view --annotate` already; go on in its page, or end it there "
                "with Ctrl-C and start again"
            ) from None
        yield
