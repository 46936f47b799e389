"""Decides how many requests a model is sent at a time, from what became of those that were sent.

What counts is the share of refusals (429, 503, 529) in a window of requests, never a single one:

    few                 the limit grows: doubled until the first real limit is met, then in steps that lengthen
    many                the limit becomes the number of requests that were in flight and not refused (Little's law:
                        their latencies' sum divided by the window's length), which is what the provider takes
    as many as before   two cuts in a row did not help: so the refusals do not come from the number in flight. The
                        limit is restored, and only refusals beyond that share count from then on

Other failures (500, lost connections) say nothing about the number and never change it.
"""

from __future__ import annotations

import math
from enum import Enum

CUT_ABOVE = 0.08
"""Share of refusals, beyond the usual one, above which the limit is cut."""
GROW_BELOW = 0.02
"""Share of refusals, beyond the usual one, up to which the limit grows."""
FIRST_STEP = 0.1
"""Growth after a cut, as a share of the limit; half as much again with every further clean window, up to doubling."""
MOST_USUAL = 0.5
"""A larger share of refusals is never taken for the provider's habit."""
LEAST = 0.05

_WINDOW = 20
_FEW = 4


class Outcome(Enum):
    """What became of a request: a reply, "fewer, please", or a failure that has nothing to do with the number."""

    REPLIED = "replied"
    REFUSED = "refused"
    FAILED = "failed"


class Congestion:
    """The limit of one model, and the window that decides about the next one. Times are seconds on any clock."""

    def __init__(self, ceiling: int, start: int | None = None) -> None:
        self.ceiling = max(1, ceiling)
        self.limit = float(max(1, min(self.ceiling, start if start is not None else self.ceiling)))
        self.latency_s = 0.0
        """Running mean of the replies'; 0 before the first."""
        self._usual = 0.0
        """Share of requests that is refused whatever their number."""
        self._doubling = True
        self._step = FIRST_STEP
        self._cut: tuple[float, float, int] | None = None
        """Limit before the first of a row of cuts, share of refusals at the last one, cuts that did not help."""
        self._busiest = 0
        self._begin(-math.inf)

    def _begin(self, now: float) -> None:
        self._began = now
        self._replied = self._refused = self._failed = 0
        self._taken_s = 0.0

    def ended(self, outcome: Outcome, sent_at: float, now: float, in_flight: int) -> str | None:
        """Take note of a request that was sent at `sent_at`; gives the reason where the limit became another one."""
        if self._began == -math.inf:
            self._begin(sent_at)
        self._busiest = max(self._busiest, in_flight)
        took = now - sent_at
        if outcome is not Outcome.REFUSED:
            self._taken_s += took
        if outcome is Outcome.REPLIED:
            self.latency_s = took if not self.latency_s else 0.9 * self.latency_s + 0.1 * took
        if sent_at < self._began:  # sent under another limit
            return None
        self._replied += outcome is Outcome.REPLIED
        self._refused += outcome is Outcome.REFUSED
        self._failed += outcome is Outcome.FAILED
        return self._decide(now) if self._complete(now) else None

    def restart(self, now: float) -> None:
        """Begin with few again: what comes back from an outage is not met with everything that has waited."""
        self.limit = max(1.0, self.limit // 8)
        self._doubling, self._cut = True, None
        self._begin(now)

    def _complete(self, now: float) -> bool:
        count = self._replied + self._refused + self._failed
        if not self._refused:
            return count >= max(_FEW, self.limit)
        if not self._replied and not self._failed:
            return self._refused >= max(2 * _FEW, self.limit / 2)
        enough = count >= max(_WINDOW, self.limit) or self._refused >= max(_FEW + 1, self.limit / 4)
        return enough and now - self._began >= self.latency_s

    def _decide(self, now: float) -> str | None:
        count = self._replied + self._refused + self._failed
        share = self._refused / count
        noise = math.sqrt(self._usual * (1 - self._usual) / count)
        excess, before = share - self._usual, self.limit
        why = None
        if excess > max(CUT_ABOVE, 2.5 * noise) and self._refused > 1:
            why = self._object(share, now)
        else:
            self._cut = None
            self._usual += 0.2 * (share - self._usual) if self._usual else 0.0
            if excess <= GROW_BELOW + noise:
                why = self._grow()
            else:
                self._step = FIRST_STEP
        self._begin(now)
        self._busiest = 0
        return why if self.limit != before else None

    def _object(self, share: float, now: float) -> str:
        first, last, in_vain = self._cut or (self.limit, math.inf, 0)
        in_vain = in_vain + 1 if share >= 0.6 * last and math.isfinite(last) else 0
        if in_vain == 2 and share <= MOST_USUAL:
            self._usual, self._cut, self.limit = share, None, first
            return f"{share:.0%} are refused however few are sent"
        self._cut = (first, share, in_vain)
        self._doubling, self._step = False, FIRST_STEP
        taken = self._taken_s / max(1e-9, now - self._began)
        self.limit = max(LEAST, min(taken or self.limit / 4, self.limit * 0.95))
        return f"{share:.0%} were refused"

    def _grow(self) -> str | None:
        if self._busiest < 0.8 * self.limit or self.limit >= self.ceiling:
            return None
        step = self.limit if self._doubling else self.limit * self._step
        self.limit = min(float(self.ceiling), self.limit + step)
        self._step = min(1.0, 1.5 * self._step)
        return "the last requests were taken"
