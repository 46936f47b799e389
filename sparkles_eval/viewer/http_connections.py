"""Connections of the local web server that cost nothing to hold: half-open ones and slow readers are closed."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class ImpatientProtocol(H11Protocol):
    """HTTP/1.1 that waits neither for a request that does not come to its end nor for a reader that does not read.

    A request must be whole `LONGEST_S` after the connection was made or the one before was answered; uvicorn itself
    bounds only the time between two requests. A reader must take something within the same time.
    """

    LONGEST_S: ClassVar[float] = 15.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._waiting_since = self._now()
        self._paused_since: float | None = None
        self._look_again()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        self._paused_since = self._now()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._paused_since = None
        super().resume_writing()

    def _look(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._waiting_since = self._now()  # a whole request is here, and being answered
        since = self._waiting_since if self._paused_since is None else self._paused_since
        if self._now() - since > self.LONGEST_S:
            self.transport.abort()
        else:
            self._look_again()

    def _look_again(self) -> None:
        self._timer = self.loop.call_later(self.LONGEST_S / 5, self._look)

    def _now(self) -> float:
        return float(self.loop.time())
