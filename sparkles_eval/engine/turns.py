"""Replies first: lets the event loop read and store replies before answers are scored and new requests are made."""

from __future__ import annotations

import asyncio

_PASSES = 2
"""Passes of the event loop from a reply in the socket to its row in the store."""


class SendTurns:
    """Gives turns for work that can wait for replies: scoring an answer, making and writing a request.

    Such work takes milliseconds, and much of it falls due at once: replies that arrive meanwhile would wait in the
    socket for all of it, and be lost with the process if it is killed. So one piece is done at a time, and only when
    passes of the event loop have brought no reply. Shared by all models and judges of a process.
    """

    def __init__(self, *, needed: bool = False) -> None:
        self.needed = needed
        """True where replies come through sockets; else there is nothing to wait for but one pass."""
        self._lock = asyncio.Lock()
        self._replies = 0

    async def replied(self) -> None:
        """Note that a reply has been stored, and wait for the turn to go on with it: others may have come with it."""
        self._replies += 1
        await self.next()

    async def next(self) -> None:
        """Wait for the turn to do one piece of work; do it without waiting for anything else.

        The wait ends: who waits sends nothing, so that replies come to an end.
        """
        if not self.needed:
            await asyncio.sleep(0)
            return
        async with self._lock:
            before = -1
            while before != self._replies:
                before = self._replies
                for _ in range(_PASSES):
                    await asyncio.sleep(0)
