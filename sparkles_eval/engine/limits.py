"""Adaptive concurrency limit, worker pool and cost budget."""

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
from sparkles_eval.engine.turns import SendTurns

_LENT = 3
"""Pieces of work for each slot that may have lent theirs (they wait for another attempt) before no new work begins."""
_LONGEST_GAP_S = 30.0


@dataclass(frozen=True, slots=True)
class LimitChange:
    """A change of the limit, with its reason."""

    limit: float
    why: str


class Limiter:
    """Slots for requests in flight, from a fraction of one to `ceiling`.

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
        """Take a slot for new work if one is free."""
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
        """Lend the caller's slot to others for the block, and take it back at the end."""
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
        """Whether a slot is free; fractions of a slot only show in the pace."""
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
    """A budget in US dollars for models and judges together.

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


Work: TypeAlias = Callable[[], Awaitable[None]]


class Pool:
    """A queue of work for one limiter, from iterators given to `feed` and single pieces given to `put`."""

    def __init__(self, limiter: Limiter, turns: SendTurns | None = None) -> None:
        """`turns`: each piece of work begins in one of them, where they are given."""
        self._limiter, self._turns = limiter, turns
        self._feeds: deque[Iterator[Work]] = deque()
        self._waiting: deque[Work] = deque()
        self._news = asyncio.Event()
        self._closed = self._dropped = False

    def feed(self, work: Iterable[Work]) -> None:
        """Add work from an iterator; several iterators take turns, so that all progress together."""
        self._feeds.append(iter(work))
        self._news.set()

    def put(self, work: Work) -> None:
        """Add one piece of work; after `drop` it is forgotten."""
        if not self._dropped:
            self._waiting.append(work)
        self._news.set()

    def close(self) -> None:
        """Close the queue; `run` returns when all is done."""
        self._closed = True
        self._news.set()

    def drop(self) -> None:
        """Forget what has not begun, and close."""
        self._dropped = True
        self._feeds.clear()
        self._waiting.clear()
        self.close()

    async def run(self) -> None:
        """Work until closed and empty. An exception in one piece of work ends all of them."""
        async with asyncio.TaskGroup() as group:
            while await self._any():
                await self._limiter.acquire()
                work = self._next()
                if work is None:
                    self._limiter.release()
                else:
                    group.create_task(self._work(work))

    async def _any(self) -> bool:
        """Wait until there may be something to do; False when there will be nothing more."""
        while not self._waiting and not self._feeds:
            if self._closed:
                return False
            self._news.clear()
            await self._news.wait()
        return True

    def _next(self) -> Work | None:
        if self._waiting:
            return self._waiting.popleft()
        while self._feeds:
            feed = self._feeds.popleft()
            work = next(feed, None)
            if work is not None:
                self._feeds.append(feed)
                return work
        return None

    async def _work(self, work: Work) -> None:
        try:
            if self._turns is not None:
                await self._turns.next()
            await work()
        finally:
            self._limiter.release()
