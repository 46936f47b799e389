"""Fixtures of the chat's tests: one loopback model server for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server import LoopbackServer
from tests.viewer.chat.making import models


@pytest.fixture(scope="session")
def server() -> Iterator[LoopbackServer]:
    """Models that answer word by word, slowly, with hostile text, with nothing, or not at all."""
    with models() as running:
        yield running
