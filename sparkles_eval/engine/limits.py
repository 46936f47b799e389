"""How much at once, how often and for how much: adaptive concurrency limit, worker pool, budget."""

from __future__ import annotations

import asyncio
import math
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

from sparkles_eval.core import Usage
from sparkles_eval.engine.congestion import Congestion, RequestOutcome

_LENT = 3
"""Jobs for each slot that may have lent theirs (they wait for another attempt) before no new job begins."""
_LONGEST_GAP_S = 30.0


@dataclass(frozen=True, slots=True)
class LimitChange:
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
        changed: Callable[[LimitChange], None] = lambda _: None,
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

    def take(self) -> bool:
        """A slot for new work where there is one at once."""
        if self._returning or self.lent >= max(1.0, _LENT * self.limit) or not self._free():
            return False
        self._given()
        return True

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

    def ended(self, outcome: RequestOutcome | None, sent_at: float) -> None:
        """A request that was sent at `sent_at` on the clock has ended so; the limit may change."""
        why = self.congestion.ended(outcome, sent_at, self._clock())
        if why:
            self._changed(LimitChange(self.limit, why))
            self._admit()

    def restart(self) -> None:
        """Begin with few requests again, after an outage."""
        self.congestion.restart(self._clock())
        self._changed(LimitChange(self.limit, "the model is back: few at first"))
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
            if not self._free():
                rest = self._next_at - self._clock()
                if rest > 0 and self._timer is None:
                    self._timer = asyncio.get_running_loop().call_later(rest, self._rested)
                return
            turn = queue.popleft()
            if not turn.done():
                self._given()
                turn.set_result(None)

    def _free(self) -> bool:
        """A part of a slot only shows in the pace, where it is the less."""
        return self.in_flight < max(1, round(self.limit)) and self._next_at <= self._clock()

    def _given(self) -> None:
        gap = min(_LONGEST_GAP_S, self.congestion.gap_s)
        self._next_at = max(self._next_at + gap, self._clock()) if gap else -math.inf
        self.in_flight += 1

    def _next(self) -> deque[asyncio.Future[None]] | None:
        if self._returning:
            return self._returning
        return self._new if self._new and self.lent < max(1.0, _LENT * self.limit) else None

    def _rested(self) -> None:
        self._timer = None
        self._admit()


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

    def end(self, who: str, usage: Usage | None, estimate_usd: float | None = None) -> None:
        """A request to `who` came back; `usage` is None when it failed.

        `estimate_usd` stands in where the server does not say what was used: it bounds what is sent, and the reply's
        cost stays unknown.
        """
        self._in_flight[who] -= 1
        self._ended.set()
        if usage is None:
            return
        self.unknown += usage.cost_usd is None
        cost = (estimate_usd or 0.0) if usage.cost_usd is None else usage.cost_usd
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
