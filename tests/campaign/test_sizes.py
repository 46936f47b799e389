"""What large work takes: the memory of a run over 20,000 items, and of commands on a store of two gigabytes."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.measure import run
from tests.campaign.conftest import WHOLE, Tally
from tests.end_to_end.running import start

pytestmark = [pytest.mark.campaign, pytest.mark.skipif(not WHOLE, reason="minutes, and 2 GB of disk: make campaign")]

ITEMS = int(os.environ.get("SPARKLES_CAMPAIGN_ITEMS", "20000"))
GIGABYTES = float(os.environ.get("SPARKLES_CAMPAIGN_GB", "2"))
_COMMAND = (sys.executable, "-m", "sparkles_eval")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("large")
    yield made
    (made / "s.db").unlink(missing_ok=True)


def test_memory_of_many_items(folder: Path, tally: Tally) -> None:
    """Beside the same run over 500."""
    peaks = {}
    for items, store in ((500, folder / "few.db"), (ITEMS, folder / "s.db")):
        args = ["run", "-t", "nlvr2-mini", "--task-arg", f"n={items}", "-m", "baseline/chance", "--no-report"]
        cost = run([*_COMMAND, *args, "--store", str(store)])
        peaks[items] = cost.rss_mb
        tally.measured[f"`run` of a baseline over {items:,} drawn items"] = f"{cost.rss_mb:.0f} MB, {cost.wall_s:.0f} s"
    assert peaks[ITEMS] < 2_000


@pytest.fixture(scope="module")
def large(folder: Path) -> Path:
    """The store of many items, each reply with a long reasoning, as much as makes up the gigabytes."""
    store = folder / "s.db"
    if not store.exists():
        pytest.skip("needs the store of the run over many items")
    with closing(sqlite3.connect(store)) as db:
        (replies,) = db.execute("SELECT count(*) FROM responses").fetchone()
        letters = int(GIGABYTES * 1e9 / replies)
        db.execute("UPDATE responses SET reasoning = replace(printf('%.*c', ?, 'x'), 'x', 'a')", (letters,))
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert store.stat().st_size > GIGABYTES * 0.95e9
    return store


@pytest.mark.parametrize("verb", ["list", "report", "verify"])
def test_commands_on_a_large_store(large: Path, folder: Path, tally: Tally, verb: str) -> None:
    args = {
        "list": ["list", "runs", "--store", str(large)],
        "report": ["report", "--store", str(large), "--out", str(folder / "r.html")],
        "verify": ["verify", str(large)],
    }[verb]
    cost = run([*_COMMAND, *args])
    tally.measured[f"`{verb}` on a store of {GIGABYTES:g} GB"] = f"{cost.wall_s:.1f} s, {cost.rss_mb:.0f} MB"
    assert cost.rss_mb < 2_000


def test_the_viewer_on_a_large_store(large: Path, tally: Tally) -> None:
    """Until it says its address."""
    began = time.monotonic()
    process = start("view", str(large), "--no-browser", PYTHONUNBUFFERED="1")
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith("http")
        took = time.monotonic() - began
        status = Path(f"/proc/{process.pid}/status")
        peak = int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024 if status.exists() else float("nan")
    finally:
        process.terminate()
        with_end(process)
    tally.measured[f"`view` on a store of {GIGABYTES:g} GB: says its address"] = f"{took:.1f} s, {peak:.0f} MB"


def with_end(process: subprocess.Popen[str]) -> None:
    try:
        process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
