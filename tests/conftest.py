"""Fixtures for every test: where optional real data is, a home folder that is nobody's, and a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.read_only import unwritable

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data that lies beside some checkouts and is not part of the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the optional data folder {folder}, which is not there")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests never read or write the user's cache or keys; fixtures of whole modules neither."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKLES_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the system's Chromium. Without one, its tests are skipped; with SPARKLES_BROWSER=1 they fail."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if os.environ.get("SPARKLES_BROWSER") == "1":
        assert found, "SPARKLES_BROWSER=1, and there is no Chromium on the PATH or in CHROMIUM"
    pytest.importorskip("playwright", reason="playwright is not installed")
    if not found:
        pytest.skip("needs a Chromium on the PATH (Debian: apt-get install chromium), or its path in CHROMIUM")
    return found


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Callable[[Path], Path]]:
    """A folder -> where the same folder is now, and nothing in it can be written. See `tests.read_only`."""
    with unwritable(tmp_path / "mounted") as make:
        yield make
