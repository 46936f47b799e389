"""How long the engine tries, and how much it may spend. Knows nothing of models."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass

from sparkles_eval.records import Usage


@dataclass(frozen=True, slots=True)
class Patience:
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
