"""Slots for requests to one model. How many there are is decided in `congestion`; all methods run on one event loop."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sparkles_eval.engine.congestion import Congestion, Outcome

_LENT = 3
"""Jobs for each slot that may have lent theirs (they wait for another attempt) before no new job begins."""
_LONGEST_REST_S = 30.0


@dataclass(frozen=True, slots=True)
class Change:
    """The limit became another one, and why."""

    limit: float
    why: str


class Limiter:
    """Slots for requests in flight, between a part of one and `ceiling`.

    A limit need not be whole: the last slot of 2.3 is in use three tenths of the time, so a model that takes one
    request in five seconds can be asked at that pace. Whoever returns from a wait goes before new work.
    """

    def __init__(
        self,
        ceiling: int,
        start: int | None = None,
        *,
        clock: Callable[[], float],
        changed: Callable[[Change], None] = lambda _: None,
    ) -> None:
        self.congestion = Congestion(ceiling, start)
        self.in_flight = 0
        self.lent = 0
        """Jobs that wait for another attempt without a slot."""
        self._clock = clock
        self._changed = changed
        self._returning: deque[asyncio.Future[None]] = deque()
        self._new: deque[asyncio.Future[None]] = deque()
        self._partly_since = self._rests_until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def limit(self) -> float:
        """Requests that may be in flight at a time."""
        return self.congestion.limit

    async def acquire(self) -> None:
        """Wait for a slot for new work."""
        await self._wait(self._new)

    def release(self) -> None:
        """Give a slot back."""
        self.in_flight -= 1
        whole, part = divmod(self.limit, 1)
        if part and self.in_flight == whole:
            now = self._clock()
            self._rests_until = now + min(_LONGEST_REST_S, (now - self._partly_since) * (1 / part - 1))
        self._admit()

    @asynccontextmanager
    async def lend(self) -> AsyncIterator[None]:
        """The caller's slot is free for others while the block lasts, and had again when it ends."""
        self.lent += 1
        self.release()
        try:
            yield
            await self._wait(self._returning)
        except BaseException:
            self.in_flight += 1  # the caller gives it back like any other
            raise
        finally:
            self.lent -= 1

    def ended(self, outcome: Outcome, sent_at: float) -> None:
        """A request that was sent at `sent_at` on the clock has ended so; the limit may change."""
        why = self.congestion.ended(outcome, sent_at, self._clock(), self.in_flight)
        if why:
            self._changed(Change(self.limit, why))
            self._admit()

    def restart(self) -> None:
        """Begin with few requests again, after an outage."""
        self.congestion.restart(self._clock())
        self._changed(Change(self.limit, "the model is back: few at first"))
        self._admit()

    async def _wait(self, queue: deque[asyncio.Future[None]]) -> None:
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            raise

    def _admit(self) -> None:
        """Give free slots to those who wait for one."""
        while queue := self._next():
            rest = self._rest()
            if rest is None:
                return
            if rest > 0:
                if self._timer is None:
                    self._timer = asyncio.get_running_loop().call_later(rest, self._rested)
                return
            turn = queue.popleft()
            if not turn.done():
                if self.in_flight == math.floor(self.limit):
                    self._partly_since = self._clock()
                self.in_flight += 1
                turn.set_result(None)

    def _next(self) -> deque[asyncio.Future[None]] | None:
        if self._returning:
            return self._returning
        return self._new if self._new and self.lent < max(1.0, _LENT * self.limit) else None

    def _rest(self) -> float | None:
        """Seconds until a slot may be taken, 0 for at once; None: not before another is given back."""
        whole, part = divmod(self.limit, 1)
        if self.in_flight < whole:
            return 0.0
        return max(0.0, self._rests_until - self._clock()) if part and self.in_flight == whole else None

    def _rested(self) -> None:
        self._timer = None
        self._admit()
