"""How much at once, how often and for how much: adaptive concurrency limit, worker pool, retry policy, budget."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from sparkles_eval.core import Usage

SHRINK = 0.8
"""What is left of the limit after an episode of "too many requests"."""
GROW = 0.05
"""Growth a clean round once the provider has objected; before that a clean round doubles the limit."""
COOLDOWN_S = 15.0
"""Pause in growth after an objection (429) or a fault of the server (5xx)."""


@dataclass(frozen=True, slots=True)
class LimitChange:
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
        changed: Callable[[LimitChange], None] = lambda _: None,
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
            self._changed(LimitChange(limit, why))


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounds of one request's attempts. Asking for ever looks like a hang and never ends on a dead server.

    A request is given up after `attempts` failures or `total_s` seconds, whichever is first. Being told to wait (429)
    is no failure of the request: it counts in time only.
    """

    attempts: int = 6
    total_s: float = 600.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0
    failures_in_a_row: int = 20
    """Given-up or rejected requests of a model, with no reply between them, that stop its work."""

    def wait_s(self, failures: int, draw: random.Random) -> float:
        """Seconds before the next attempt: doubling with every failure, jittered between half and the whole."""
        whole = min(self.longest_wait_s, self.first_wait_s * 2.0 ** (failures - 1))
        return whole * draw.uniform(0.5, 1.0)


class CostBudget:
    """What may be spent, in US dollars; counts models and judges together.

    A request is sent only where it fits beside those in flight, each taken at the dearest of its model seen so far,
    so that the bound holds to within what a reply costs more than all before it. The first request of a model goes
    alone, because nothing is known of its cost.
    """

    def __init__(self, limit_usd: float | None = None) -> None:
        self.limit_usd = limit_usd
        self.spent_usd = 0.0
        self.unknown = 0
        """Replies whose cost nobody knows."""
        self._in_flight: Counter[str] = Counter()
        self._dearest: dict[str, float] = {}
        self._ended = asyncio.Event()

    async def room(self, who: str) -> bool:
        """Wait until another request to the model `who` fits; False when it does not even with nothing in flight."""
        while not self._fits(who):
            if not self._in_flight.total():
                return False
            self._ended.clear()
            await self._ended.wait()
        return True

    def _fits(self, who: str) -> bool:
        if self.limit_usd is None:
            return True
        if who not in self._dearest and self._in_flight[who]:
            return False
        under_way = sum(count * self._dearest.get(name, 0.0) for name, count in self._in_flight.items())
        return self.spent_usd + under_way + self._dearest.get(who, 0.0) <= self.limit_usd

    def begin(self, who: str) -> None:
        """A request to `who` is sent."""
        self._in_flight[who] += 1

    def end(self, who: str, usage: Usage | None) -> None:
        """A request to `who` came back; `usage` is None when it failed."""
        self._in_flight[who] -= 1
        self._ended.set()
        if usage is None:
            return
        self.unknown += usage.cost_usd is None
        cost = usage.cost_usd or 0.0
        self.spent_usd += cost
        self._dearest[who] = max(self._dearest.get(who, 0.0), cost)


Job: TypeAlias = Callable[[], Awaitable[None]]


class Pool:
    """A queue of jobs for one limiter. Jobs come from iterators given to `feed` and one by one from `put`."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._feeds: deque[Iterator[Job]] = deque()
        self._waiting: deque[Job] = deque()
        self._news = asyncio.Event()
        self._closed = self._dropped = False

    def feed(self, jobs: Iterable[Job]) -> None:
        """Add jobs that are made one at a time; several feeds take turns, so that all get on together."""
        self._feeds.append(iter(jobs))
        self._news.set()

    def put(self, job: Job) -> None:
        """Add one job; after `drop` it is forgotten."""
        if not self._dropped:
            self._waiting.append(job)
        self._news.set()

    def close(self) -> None:
        """Nothing more will be put; `run` returns when all is done."""
        self._closed = True
        self._news.set()

    def drop(self) -> None:
        """Forget what has not begun, and close."""
        self._dropped = True
        self._feeds.clear()
        self._waiting.clear()
        self.close()

    async def run(self) -> None:
        """Work until closed and empty. An exception of a job ends all of them: jobs handle what they expect."""
        async with asyncio.TaskGroup() as group:
            while await self._any():
                await self._limiter.acquire()
                job = self._next()
                if job is None:
                    self._limiter.release()
                else:
                    group.create_task(self._work(job))

    async def _any(self) -> bool:
        """Wait until there may be something to do; False when there will be nothing more."""
        while not self._waiting and not self._feeds:
            if self._closed:
                return False
            self._news.clear()
            await self._news.wait()
        return True

    def _next(self) -> Job | None:
        if self._waiting:
            return self._waiting.popleft()
        while self._feeds:
            feed = self._feeds.popleft()
            job = next(feed, None)
            if job is not None:
                self._feeds.append(feed)
                return job
        return None

    async def _work(self, job: Job) -> None:
        try:
            await job()
        finally:
            self._limiter.release()
