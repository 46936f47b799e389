"""The demonstration store, made once; tests that change it copy the file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkles_eval.reports.render import render_report
from sparkles_eval.reports.summary import Summary, summarise
from sparkles_eval.store.store import Store
from tests.reports.demo import demo


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with three tasks and three contestants, closed."""
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKLES_CACHE", str(folder / "cache"))
        with demo(folder / "demo.db", items=36) as store:
            store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / "demo.db"


@pytest.fixture
def store(demo_file: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of the demonstration store, open."""
    with Store(Path(shutil.copy(demo_file, tmp_path / "demo.db"))) as opened:
        yield opened


@pytest.fixture
def summary(store: Store) -> Summary:
    return summarise(store)


@pytest.fixture
def report(store: Store, summary: Summary, tmp_path: Path) -> Path:
    """The report of the demonstration store, written."""
    return render_report(store, summary, tmp_path / "out" / "report.html")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the system's Chromium."""
    pytest.importorskip("playwright", reason="playwright is not installed")
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("needs a Chromium on the PATH (Debian: apt-get install chromium), or its path in CHROMIUM")
    return found
