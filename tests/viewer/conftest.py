"""A judged store as the engine leaves it, copies of it, and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sparkles_eval.store.store import Store
from tests.analysis.judging import GOOD, WEAK, judged_store
from tests.reports.demo import demo
from tests.server import LoopbackServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def demo_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tasks and three contestants with every kind of outcome: to look at, not to change."""
    folder = tmp_path_factory.mktemp("viewer")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKLES_CACHE", str(folder / "cache"))
        with demo(folder / "demo.db", items=36) as store:
            store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / "demo.db"


@pytest.fixture
def demo_store(demo_source: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(demo_source, tmp_path / "demo.db"))


@pytest.fixture(scope="session")
def judged_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("judged") / "judged.db"
    with LoopbackServer() as server, Store(path) as store:
        judged_store(store, server, ["facts", GOOD, WEAK], n=12)
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def judged(judged_source: Path, tmp_path: Path) -> Path:
    """Twelve dialogues of three baselines, scored by the facts and by two judges that differ."""
    return Path(shutil.copy(judged_source, tmp_path / "judged.db"))


@pytest.fixture(scope="module")
def browser(chromium: str, judged_source: Path) -> Iterator[Browser]:
    """A Chromium. The store is made before it: models cannot be asked in a thread that drives a browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()
