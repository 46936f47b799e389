"""Sees to it that what is asked twice at the same time is asked once. Knows nothing of what is asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Once:
    """Lets one at a time work on a key, so that the second finds in the store what the first one was given."""

    def __init__(self) -> None:
        self._busy: dict[str, asyncio.Event] = {}

    @asynccontextmanager
    async def alone(self, key: str) -> AsyncIterator[None]:
        """Wait until nobody else works on `key`, then keep others waiting for as long as the block lasts."""
        while other := self._busy.get(key):
            await other.wait()
        done = self._busy[key] = asyncio.Event()
        try:
            yield
        finally:
            del self._busy[key]
            done.set()
