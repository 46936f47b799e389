"""Fixtures: a loopback model server, a Chromium, and two hundred drawn scenes with their captions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data.dialogues.making import scenes
from tests.server import LoopbackServer, Settings


@pytest.fixture(scope="session")
def _server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


@pytest.fixture
def server(_server: LoopbackServer) -> LoopbackServer:
    """A server with default settings and nothing asked so far."""
    _server.configure(Settings())
    return _server


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos/ (200 scenes) and captions.jsonl."""
    folder = tmp_path_factory.mktemp("scenes")
    scenes(folder, 200)
    return folder
