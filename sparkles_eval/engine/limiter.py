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
_LONGEST_GAP_S = 30.0


@dataclass(frozen=True, slots=True)
class Change:
    """The limit became another one, and why."""

    limit: float
    why: str


class Limiter:
    """Slots for requests in flight, between a part of one and `ceiling`.

    Once a provider has refused, slots are given out evenly in time, so that a limit below one is a slow pace. Whoever
    returns from a wait goes before new work.
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
        self._next_at = -math.inf
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

    def sent(self) -> None:
        """A request is sent from a slot."""
        self.congestion.sent(self._clock())

    def ended(self, outcome: Outcome | None, sent_at: float) -> None:
        """A request that was sent at `sent_at` on the clock has ended so; the limit may change."""
        why = self.congestion.ended(outcome, sent_at, self._clock())
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
        while (queue := self._next()) and self.in_flight < math.ceil(self.limit):
            now = self._clock()
            if self._next_at > now:
                if self._timer is None:
                    self._timer = asyncio.get_running_loop().call_later(self._next_at - now, self._rested)
                return
            turn = queue.popleft()
            if not turn.done():
                gap = min(_LONGEST_GAP_S, self.congestion.gap_s)
                self._next_at = max(self._next_at + gap, now) if gap else -math.inf
                self.in_flight += 1
                turn.set_result(None)

    def _next(self) -> deque[asyncio.Future[None]] | None:
        if self._returning:
            return self._returning
        return self._new if self._new and self.lent < max(1.0, _LENT * self.limit) else None

    def _rested(self) -> None:
        self._timer = None
        self._admit()
