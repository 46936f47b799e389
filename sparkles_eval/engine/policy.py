"""How long the engine tries, and how much it may spend. Knows nothing of models."""

from __future__ import annotations

import random
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

    `allows` keeps room for what is in flight at the dearest price seen so far, so that the bound holds to within one
    request's cost.
    """

    def __init__(self, limit_usd: float | None = None) -> None:
        self.limit_usd = limit_usd
        self.spent_usd = 0.0
        self.unknown = 0
        """Replies whose cost nobody knows."""
        self._in_flight = 0
        self._dearest = 0.0

    def allows(self) -> bool:
        """Whether another request may be sent."""
        if self.limit_usd is None:
            return True
        return self.spent_usd + (self._in_flight + 1) * self._dearest <= self.limit_usd

    def begin(self) -> None:
        self._in_flight += 1

    def end(self, usage: Usage | None) -> None:
        """A request came back; `usage` is None when it failed."""
        self._in_flight -= 1
        if usage is None:
            return
        if usage.cost_usd is None:
            self.unknown += 1
        else:
            self.spent_usd += usage.cost_usd
            self._dearest = max(self._dearest, usage.cost_usd)
