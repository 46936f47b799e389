"""Accidents of a store's file while a run works: all that was answered is in one file or the other, and it is said."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.campaign.conftest import WHOLE, Tally
from tests.end_to_end.running import end, here, rows, sound, start, total
from tests.end_to_end.test_storage import arguments
from tests.server import Behaviour, LoopbackServer, Settings

pytestmark = pytest.mark.campaign


def _other(store: Path) -> Path:
    """A store of somebody else's, beside it."""
    other = store.with_name("other.db")
    assert here("run", "-t", "nlvr2-mini", "--task-arg", "n=2", "-m", "baseline/chance", "--no-report", "--store",
                str(other)).code == 0  # fmt: skip
    with closing(sqlite3.connect(other)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return other


def _text(store: Path) -> None:
    store.unlink()
    store.write_text("no store")


def _folder(store: Path) -> None:
    store.unlink()
    store.mkdir()


def _link(store: Path) -> None:
    store.rename(store.with_name("moved.db"))
    store.symlink_to(store.with_name("moved.db"))


ACCIDENTS: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "moved": lambda store: store.rename(store.with_name("moved.db")),
    "replaced by another store": lambda store: _other(store).replace(store),
    "replaced by text": _text,
    "replaced by a folder": _folder,
    "replaced by a link to itself": _link,
    "its folder deleted": lambda store: shutil.rmtree(store.parent),
    "its folder moved": lambda store: store.parent.rename(store.parent.with_name("elsewhere")),
    "its log deleted": lambda store: store.with_name("s.db-wal").unlink(),
    "garbage in its log": lambda store: store.with_name("s.db-wal").open("r+b").write(b"garbage" * 700),
}
HARMLESS = {"replaced by a link to itself", "its log deleted", "garbage in its log"}
"""What SQLite itself survives: the run ends as ever."""
ALL = list(itertools.product(ACCIDENTS, (2, 6, 20) if WHOLE else (4,)))


@pytest.mark.parametrize(("accident", "after"), ALL if WHOLE else [("replaced by a folder", 4)])
def test_accidents_of_a_store_at_work(
    server: LoopbackServer, tmp_path: Path, tally: Tally, accident: str, after: int
) -> None:
    """At the so many-th request; nothing that was answered before is lost, and no exit code 0 says so falsely."""
    store = tmp_path / "runs" / "s.db"
    store.parent.mkdir()
    server.configure(Settings(models={"good": Behaviour(latency_s=0.05)}))
    process = start(*arguments(server, store))
    while process.poll() is None and server.stats().requests < after:
        time.sleep(0.005)
    assert process.poll() is None
    stored = total(rows(store, "SELECT count(*) FROM responses"))
    ACCIDENTS[accident](store)
    done = end(process)
    saved = store if accident in HARMLESS else store.with_name("s.rescued.db")
    sound(saved)
    found = total(rows(saved, "SELECT count(*) FROM responses"))
    kept = found >= stored and done.code == (0 if accident in HARMLESS else 2) and "Traceback" not in done.shown
    tally.note("store moved, replaced or deleted while a run works: all of it is saved, and said", kept=kept)
    assert kept, (done.code, found, stored, done.shown)
