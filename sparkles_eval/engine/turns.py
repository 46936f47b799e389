"""Lets the event loop read replies before new requests are built."""

from __future__ import annotations

import asyncio


class SendTurns:
    """Builds one request at a time, with a pass of the event loop between two.

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
