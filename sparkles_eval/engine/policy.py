"""How long the engine tries, and how much it may spend. Knows nothing of models."""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from dataclasses import dataclass

from sparkles_eval.records import Usage


@dataclass(frozen=True, slots=True)
class Patience:
    """Bounds of one request's attempts and of a model's outages.

    A request is tried for `total_s` seconds of its own: its attempts and the waits between them, but neither the wait
    for a slot nor an outage. It is given up sooner where the model answers others and chance does not explain its
    failures any more (a picture that the server cannot take, say), or after `attempts` failures where that is set.
    """

    attempts: int | None = None
    """Failures of one request until it is given up; None leaves it to time."""
    total_s: float = 600.0
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0
    """Also the longest that a single Retry-After is believed while the model answers others."""
    failures_in_a_row: int = 20
    """Given-up or rejected requests of a model, with no reply between them, that stop its work."""
    outage_s: float = 900.0
    """How long a model that answers nothing is waited for, tried with one request at a time."""

    def wait_s(self, failures: int, draw: random.Random, failing: float = 1.0) -> float:
        """Seconds before the next attempt: doubling with every failure, jittered between half and the whole.

        `failing` is the share of all requests that fail at present. As long as that explains the failures of this
        one, its waits stay as short as the replies that others get are frequent: who is merely unlucky asks again
        soon, and nobody presses a server that answers little.
        """
        unlucky = failures
        if 0 < failing < 1:
            unlucky = min(failures, math.floor(math.log(_UNLUCKY) / math.log(failing)))
        short = min(self.longest_wait_s, max(self.first_wait_s, self.first_wait_s / max(1e-9, 1 - failing)))
        base = min(short, self.first_wait_s * 2.0 ** max(0, unlucky - 1))
        whole = min(self.longest_wait_s, base * 2.0 ** min(60, failures - max(1, unlucky)))
        return whole * draw.uniform(0.5, 1.0)

    def hopeless(self, failures: int, failing: float) -> bool:
        """True when a request has failed more often than the share of failing requests can explain."""
        if self.attempts is not None:
            return failures >= self.attempts
        return failures >= _FEWEST and failing**failures < _IMPOSSIBLE


_UNLUCKY = 1e-3
"""Chance of so many failures in a row from which on a request waits as one that fails for a reason of its own."""
_IMPOSSIBLE = 1e-9
_FEWEST = 6


class Budget:
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
