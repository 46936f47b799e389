"""The demonstration store, made once; tests that change it copy the file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkles_eval.analysis.summary import Summary, summarise
from sparkles_eval.reports.config import SiteOptions
from sparkles_eval.reports.report import render_report
from sparkles_eval.reports.site import render_site
from sparkles_eval.store.store import Store
from tests.reports.crowd import crowd
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
    return render_report(store, summary, tmp_path / "out" / "report.html", figures=False)


@pytest.fixture(scope="session")
def crowd_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration's runs and what must not stand beside them, closed."""
    folder = tmp_path_factory.mktemp("crowd")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKLES_CACHE", str(folder / "cache"))
        with crowd(folder / "crowd.db") as store:
            store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / "crowd.db"


@pytest.fixture
def crowded(crowd_file: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of that store, open."""
    with Store(Path(shutil.copy(crowd_file, tmp_path / "crowd.db"))) as opened:
        yield opened


@pytest.fixture(scope="session")
def site(crowd_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of that store; tests only read it."""
    folder = tmp_path_factory.mktemp("site")
    with Store(Path(shutil.copy(crowd_file, folder / "crowd.db"))) as store:
        return render_site(store, summarise(store), folder / "public", SiteOptions(figures=False)).index


@pytest.fixture(scope="session")
def one_file(crowd_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one-file report of that store; tests only read it."""
    folder = tmp_path_factory.mktemp("file")
    with Store(Path(shutil.copy(crowd_file, folder / "crowd.db"))) as store:
        return render_report(store, summarise(store), folder / "report.html", samples=6, figures=False)
