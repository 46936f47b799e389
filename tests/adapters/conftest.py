"""Fixtures of the adapter tests: one loopback model server for the whole session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server import LoopbackServer, Settings


@pytest.fixture(scope="session")
def _server() -> Iterator[LoopbackServer]:
    with LoopbackServer() as running:
        yield running


@pytest.fixture
def server(_server: LoopbackServer) -> LoopbackServer:
    """A model server that speaks both providers' formats, as it begins, with nothing asked so far."""
    _server.configure(Settings())
    _server.reset()
    return _server
