"""An event loop whose time passes only when everybody waits, and model servers that live on it.

A minute of waiting takes a moment, and the same seed gives the same run: what the control of requests in flight does
over minutes can be tested without minutes.
"""

from __future__ import annotations

import asyncio
import random
import selectors
from collections.abc import Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import pytest

from sparkles_eval.adapters.base import Request
from sparkles_eval.core import Generation, Model, Reply, Usage
from sparkles_eval.core.errors import RateLimited, Transient
from sparkles_eval.engine import client
from sparkles_eval.engine.attempts import Attempt, Unanswered
from sparkles_eval.engine.client import ModelClient
from sparkles_eval.engine.config import RetryPolicy
from sparkles_eval.engine.limits import CostBudget, Pool
from tests.engine.making import Heard, request

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Does not wait: the loop's clock jumps to the next timer instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


def run(monkeypatch: pytest.MonkeyPatch, main: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a loop of virtual time, which the engine's clock follows."""
    selector = _Selector()
    loop = asyncio.SelectorEventLoop(selector)
    monkeypatch.setattr(loop, "time", lambda: selector.now)
    monkeypatch.setattr(client, "monotonic", lambda: selector.now)
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()


@dataclass
class Served:
    """A model on virtual time. A subclass says what becomes of a request: `serve` waits, replies or raises."""

    latency_s: float = 0.2
    seed: int = 0
    asked: int = 0
    answered: int = 0
    in_flight: int = 0
    most: int = 0
    asked_words: str = ""
    """The last question."""
    moments: list[float] = field(default_factory=list)
    """When each request came."""
    model: Model = Model("served/one", "served", "one")
    structured: bool = False

    def __post_init__(self) -> None:
        self.draw = random.Random(self.seed)  # noqa: S311 - no cryptography

    def effective(self, generation: Generation) -> Generation:
        return generation

    def check(self, request: Request) -> str | None:  # noqa: ARG002 - takes anything
        return None

    async def answer(self, request: Request) -> Reply:
        self.asked_words = request.conversation.messages[-1].text
        self.asked += 1
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        self.moments.append(asyncio.get_running_loop().time())
        try:
            await self.serve()
        finally:
            self.in_flight -= 1
        self.answered += 1
        return Reply("TRUE", usage=Usage(50, 50, 0.0))

    async def serve(self) -> None:
        await asyncio.sleep(self.latency_s)

    async def aclose(self) -> None:
        """Holds nothing."""


@dataclass
class Faulty(Served):
    """Fails at random: shares of 429 and of 500."""

    limited: float = 0.0
    failing: float = 0.0
    retry_after: float | None = 1.0

    async def serve(self) -> None:
        await asyncio.sleep(self.latency_s)
        point = self.draw.random()
        if point < self.limited:
            raise RateLimited("HTTP 429", retry_after=self.retry_after)
        if point < self.limited + self.failing:
            raise Transient("HTTP 500", status_code=500)


@dataclass
class Rated(Served):
    """A token bucket: so many requests a second, and so many at once."""

    rate: float = 30.0
    burst: float = 30.0
    retry_after: float | None = None
    _left: float | None = None
    _at: float = 0.0

    async def serve(self) -> None:
        now = asyncio.get_running_loop().time()
        left = self.burst if self._left is None else self._left
        left = min(self.burst, left + self.rate * (now - self._at))
        self._at = now
        if left < 1:
            self._left = left
            raise RateLimited("HTTP 429", retry_after=self.retry_after)
        self._left = left - 1
        await asyncio.sleep(self.latency_s)


@dataclass
class Capped(Served):
    """So many requests at a time; those above are declined at once, with 429 or 503."""

    most_at_once: int = 8
    status: int = 429
    slots: int | None = None
    """Requests that are worked on at full speed: with more, each takes longer by as much."""

    async def serve(self) -> None:
        if self.in_flight > self.most_at_once:
            if self.status == 429:
                raise RateLimited("HTTP 429")
            raise Transient("HTTP 503", status_code=503)
        busy = max(1.0, self.in_flight / self.slots) if self.slots else 1.0
        await asyncio.sleep(self.latency_s * busy * self.draw.uniform(0.8, 1.2))


@dataclass
class Run:
    """What a run of items against a served model came to."""

    answered: int
    seconds: float
    asked: int
    most: int
    heard: Heard
    stopped: str | None

    @property
    def rate(self) -> float:
        return self.answered / self.seconds

    @property
    def wasted(self) -> float:
        """Share of the requests that brought no answer."""
        return 1 - self.answered / self.asked


async def work(served: Served, items: int, connections: int | None = None, patience: RetryPolicy | None = None) -> Run:
    """Ask so many items through an asker and a pool, as a session does."""
    heard = Heard()
    one = ModelClient(
        served, patience=patience or RetryPolicy(), budget=CostBudget(), progress=heard, connections=connections
    )
    one._random.seed(served.seed)  # the same run for the same seed
    pool = Pool(one.limiter)
    done: list[Reply] = []

    async def job(number: int) -> None:
        attempts: list[Attempt] = []
        try:
            done.append(await one.ask(request(f"{number}?"), attempts.append))
        except Unanswered:
            return

    pool.feed(partial(job, number) for number in range(items))
    pool.close()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await pool.run()
    return Run(len(done), loop.time() - began, served.asked, served.most, heard, one.stopped)
