"""Fixtures of the end-to-end tests: one loopback model server a test process."""

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
    """A server that speaks both providers' formats, with default settings and nothing asked so far."""
    _server.configure(Settings())
    return _server
