"""Keeps what is too slow for a page up to date, in a thread: the index of words, the marks, the leaderboard.

Looks every second whether another process has changed the store, and rests as long as its last round took, so that a
running evaluation keeps most of the machine. Knows nothing of pages: what is made of a summary is a function that it is
given.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sparkles_eval import __version__
from sparkles_eval.analysis.metrics import extracts
from sparkles_eval.records import JSON, fingerprint
from sparkles_eval.store import marks, queries, search, sidecar
from sparkles_eval.store.encode import now
from sparkles_eval.store.store import Store
from sparkles_eval.viewer.shelf import Shelf

_log = logging.getLogger(__name__)
_LOOK_EVERY_S = 1.0
LATER = frozenset({"figures"})
"""Texts that take long and are not always looked at: made once somebody asks for them."""
_PATIENCE_S = 2.0
"""For the thread's present step when the viewer ends. All it writes is a cache, in transactions."""

Make: TypeAlias = Callable[[Store], Mapping[str, str]]
"""Works texts (the insides of pages) out of the whole store, by name. May take long."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A text that was made of the store, and when."""

    body: str
    at: str
    fresh: bool
    """False where the store has changed since."""


class Keeper:
    """The thread. `start` it once; `close` ends it, or leaves a long step to end with the program."""

    def __init__(self, shelf: Shelf, makes: Mapping[str, Make]) -> None:
        """`makes`: "board" is made anew when scores or answers change, "people" when what people said does, "figures"
        when either does."""
        self._shelf = shelf
        self._makes = makes
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="keeper", daemon=True)
        self._bases: dict[str, str] = {}
        """What each maker's texts would be made from now."""
        self._asked: set[str] = set()
        """What of LATER somebody waits for."""
        self.round = 0
        """How many rounds are done: 0 while nothing is up to date."""

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(_PATIENCE_S)

    def kept(self, name: str) -> Kept | None:
        """The latest text of that name; None while there is none."""
        with self._shelf.lend() as store:
            row = store.connection.execute("SELECT * FROM side.kept WHERE name = ?", (name,)).fetchone()
        fresh = row is not None and row["basis"] == self._bases.get(row["maker"])
        if name in LATER and not fresh:
            self._asked.add(name)
        return Kept(row["body"], row["at"], fresh) if row else None

    def indexed(self) -> tuple[int, int]:
        """How many answers and verdicts can be searched, and how many there are (by their highest ids)."""
        with self._shelf.lend() as store:
            row = store.connection.execute(
                "SELECT (SELECT total(id) FROM side.seen), coalesce((SELECT max(id) FROM responses), 0)"
                " + coalesce((SELECT max(id) FROM verdicts), 0)"
            ).fetchone()
        return int(row[0]), int(row[1])

    def _work(self) -> None:
        side = sidecar.open_side(self._shelf.path, self._shelf.side)
        seen = None
        try:
            while not self._end.is_set():
                began = time.monotonic()
                version = side.execute("PRAGMA store.data_version").fetchone()[0]
                if version != seen or self._asked:
                    seen = version
                    self._once(side)
                self._end.wait(max(_LOOK_EVERY_S, time.monotonic() - began))
        finally:
            side.close()

    def _once(self, side: sqlite3.Connection) -> None:
        # A fault here may not end the thread: pages would go stale in silence.
        try:
            self.look(side)
        except Exception:  # noqa: BLE001 - told with its traceback
            _log.exception("the index of %s could not be brought up to date", self._shelf.path)

    def look(self, side: sqlite3.Connection) -> None:
        """One round: marks first, for every page uses them, then words, then what takes longest."""
        bases = marks.bases(side)
        with self._shelf.lend() as store:
            runs = [run.id for run in queries.runs(store)]
            judges = queries.all_judges(store)
        gone, changed = marks.forget(side, bases), marks.stale(side, bases)
        for run_id, judge_id in changed:
            if self._end.is_set():
                return
            marks.mark(side, run_id, judge_id, bases[run_id, judge_id], reads=extracts(judges[judge_id]))
        if gone or changed:
            marks.sum_up(side)
        while search.read_on(side):
            if self._end.is_set():
                return
        # Answers that nobody has scored yet change coverage and cost, too.
        (answered,) = side.execute("SELECT count(*) FROM store.answers").fetchone()
        scored: list[JSON] = [[*key, basis] for key, basis in sorted(bases.items())]
        said = side.execute(
            "SELECT (SELECT count(*) || ' ' || max(created_at) FROM store.ratings),"
            " (SELECT count(*) || ' ' || max(created_at) FROM store.preferences)"
        ).fetchone()
        self._bases = {
            "board": fingerprint([__version__, runs, scored, answered]),
            "people": fingerprint([__version__, *said]),
            "figures": fingerprint([__version__, runs, scored, answered, *said]),
        }
        for maker, make in self._makes.items():
            if maker not in LATER or maker in self._asked:
                self._asked.discard(maker)
                self._make(side, maker, make)
        self.round += 1

    def _make(self, side: sqlite3.Connection, maker: str, make: Make) -> None:
        known = side.execute("SELECT basis FROM kept WHERE maker = ? LIMIT 1", (maker,)).fetchone()
        basis, at = self._bases[maker], now()
        if self._end.is_set() or (known is not None and known["basis"] == basis):
            return
        with self._shelf.lend() as store:
            texts = make(store)
        side.execute("BEGIN IMMEDIATE")
        side.execute("DELETE FROM kept WHERE maker = ?", (maker,))
        rows = [(name, maker, basis, at, body) for name, body in texts.items()]
        side.executemany("INSERT INTO kept VALUES (?, ?, ?, ?, ?)", rows)
        side.execute("COMMIT")
