"""Lets replies be read before new requests are made."""

from __future__ import annotations

import asyncio


class SendTurns:
    """One request at a time is made, with a look at the sockets between any two.

    To make and write a request takes milliseconds, and many slots come free at once. Replies that have arrived
    meanwhile would wait in the socket for all of them, and be lost with the process if it is killed: so one turn is
    given for each pass of the event loop. Shared by all models and judges of a process.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def next(self) -> None:
        """Wait for the turn to make one request; make it without waiting for anything else."""
        async with self._lock:
            await asyncio.sleep(0)
