"""How many requests one model is sent at a time: grows until the provider objects, shrinks when it does.

Knows nothing of what is sent. One limiter a model; all methods run on one event loop.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass

SHRINK = 0.8
"""What is left of the limit after an episode of "too many requests"."""
GROW = 0.05
"""Growth a clean round once the provider has objected; before that a clean round doubles the limit."""
COOLDOWN_S = 15.0
"""Pause in growth after an objection (429) or a fault of the server (5xx)."""


@dataclass(frozen=True, slots=True)
class Change:
    """The limit became another one, and why."""

    limit: int
    why: str


class Limiter:
    """Slots for requests in flight, between 1 and `ceiling`.

    Starts at `start` and doubles with every round of `limit` successes as long as the slots are used; the first 429
    ends that: the limit shrinks by a fifth once an episode (requests that were sent before the cut do not cut again)
    and grows by a twentieth a clean round from then on. A 5xx only pauses growth. Retry-After is waited out by all.
    """

    def __init__(
        self,
        ceiling: int,
        start: int | None = None,
        *,
        clock: Callable[[], float],
        changed: Callable[[Change], None] = lambda _: None,
    ) -> None:
        self.ceiling = max(1, ceiling)
        self.limit = max(1, min(self.ceiling, start if start is not None else self.ceiling))
        self.in_flight = 0
        self.open_at = 0.0
        """When the provider may be asked again, on `clock`; whoever asks waits until then."""
        self._clock = clock
        self._changed = changed
        self._free = asyncio.Event()
        self._objected = False
        self._last_cut = -math.inf
        self._grow_after = -math.inf
        self._clean = 0
        self._busiest = 0

    async def acquire(self) -> None:
        """Wait for a slot."""
        while self.in_flight >= self.limit:
            self._free.clear()
            await self._free.wait()
        self.in_flight += 1
        self._busiest = max(self._busiest, self.in_flight)

    def release(self) -> None:
        """Give a slot back."""
        self.in_flight -= 1
        self._free.set()

    def succeeded(self) -> None:
        """A reply came in; a full round of them makes the limit grow."""
        self._clean += 1
        if self._clean < self.limit:
            return
        used = self._busiest >= 0.8 * self.limit
        self._clean, self._busiest = 0, self.in_flight
        if used and self.limit < self.ceiling and self._clock() >= self._grow_after:
            step = max(1, math.ceil(self.limit * GROW)) if self._objected else self.limit
            self._set(min(self.ceiling, self.limit + step), "a clean round")

    def objected(self, sent_at: float, retry_after: float | None) -> None:
        """The provider asked for less (429) in answer to a request that was sent at `sent_at` on the clock."""
        at = self._clock()
        if retry_after:
            self.open_at = max(self.open_at, at + retry_after)
        self._grow_after = max(at + COOLDOWN_S, self.open_at)
        self._clean = 0
        if sent_at >= self._last_cut:
            self._objected = True
            self._last_cut = at
            self._set(max(1, math.floor(self.limit * SHRINK)), "the provider asked for fewer requests")

    def faulted(self) -> None:
        """The server failed (5xx): no growth for a while, but no cut, since asking less would not help."""
        self._grow_after = max(self._grow_after, self._clock() + COOLDOWN_S)
        self._clean = 0

    def _set(self, limit: int, why: str) -> None:
        if limit != self.limit:
            self.limit = limit
            self._free.set()
            self._changed(Change(limit, why))
