"""Adapts the number of requests in flight to the outcomes of those that were sent.

What counts is the share of refusals (429, 503, 529) in a window of requests, never a single one:

    few                 the limit grows: doubled until the first real limit is met, then in steps that lengthen. A
                        step that is met with refusals is taken back at once
    many                the limit becomes the number of requests that were in flight and not refused, which is what
                        the provider takes, and requests are spread evenly from then on
    as many as before   further cuts did not help, and fewer replies came: so the refusals do not come from the number
                        in flight. The limit is restored, and only refusals beyond that share count from then on
    in between          the window goes on until it is the one or the other; where it stays so for long, the limit
                        comes down by that share, unless that was tried before and changed nothing

Other failures (500, lost connections) say nothing about the number and never change it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

CUT_ABOVE = 0.06
"""Share of refusals, beyond the usual one and beyond chance, above which the limit is cut."""
GROW_BELOW = 0.02
"""Share of refusals, beyond the usual one, up to which the limit grows."""
FIRST_STEP = 0.05
"""Smallest growth after a cut, as a share of the limit; half as much again with every clean window, up to doubling."""
MOST_USUAL = 0.67
"""A larger share of refusals is never taken for the provider's habit."""
LEAST = 0.05
"""Smallest limit: one request in twenty times as long as a reply takes."""

_UNTRIED_USUAL = 0.15
"""Share of refusals that does not keep a limit that was never met from growing."""
_WINDOW = 20
_LONG = 160
"""Requests of a window that stays in between, after which the limit comes down by its share of refusals."""
_FEW = 4
_EARLY = 3
"""Refusals that end the trial of a grown limit at once."""
_LONGEST_PAUSE = 16
"""Clean windows before the next trial, at the most."""
_IN_VAIN = 2
"""Further cuts after the first one that are tried before refusals are taken for usual."""


class RequestOutcome(Enum):
    """The outcome of a request: a reply, a refusal for load, or a failure unrelated to load."""

    REPLIED = "replied"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class _Cuts:
    """Consecutive cuts of the limit that have not helped so far."""

    first: float
    """The limit before the row."""
    limit: float = 0.0
    """The limit after the first cut, and what it brought: replies a second, share of refusals."""
    rate: float = 0.0
    share: float = 0.0
    number: int = 0
    """Windows since the first cut."""

    def next(self, limit: float, rate: float, share: float) -> _Cuts:
        if self.number == 0 or share < 0.6 * self.share:
            return _Cuts(self.first, limit, rate, share, 1)
        return replace(self, number=self.number + 1)

    def in_vain(self, share: float, rate: float, limit: float) -> bool:
        """True where cuts lowered the rate of replies but not the share of refusals: load is not the cause.

        A real limit lets as many through as before, whatever is sent.
        """
        if self.number < _IN_VAIN or not 0.6 * self.share <= share <= MOST_USUAL:
            return False
        return rate <= self.rate * (1 + limit / self.limit) / 2


@dataclass(slots=True)
class _Window:
    """Outcomes of the requests sent since `began`, and their total time in flight."""

    began: float
    replied: int = 0
    refused: int = 0
    failed: int = 0
    busy_s: float = 0.0
    wasted_s: float = 0.0

    @property
    def count(self) -> int:
        return self.replied + self.refused + self.failed

    @property
    def share(self) -> float:
        return self.refused / self.count if self.count else 0.0

    def add(self, outcome: RequestOutcome, took: float) -> None:
        self.replied += outcome is RequestOutcome.REPLIED
        self.refused += outcome is RequestOutcome.REFUSED
        self.failed += outcome is RequestOutcome.FAILED
        self.wasted_s += took if outcome is RequestOutcome.REFUSED else 0.0

    def beyond(self, share: float, deviations: float) -> bool:
        """True where the refusals are more than such a share explains, by so many standard deviations."""
        return self.refused > self.count * share + deviations * math.sqrt(self.count * share * (1 - share))


class Congestion:
    """The concurrency limit of one model and the window that decides the next. Times are seconds on any clock."""

    def __init__(self, ceiling: int, start: int | None = None) -> None:
        self.ceiling = max(1, ceiling)
        self.limit = float(max(1, min(self.ceiling, start if start is not None else self.ceiling)))
        self.latency_s = 0.0
        """Running mean of the replies'; 0 before the first."""
        self._usual = 0.0
        """Share of requests that is refused whatever their number."""
        self._doubling, self._spread = True, False
        self._step, self._grown_by = FIRST_STEP, 0.0
        self._hold, self._pause = 0, 1
        """Clean windows before the next growth, and how many it was the last time: doubled by each that failed."""
        self._sound = 0.0
        """The limit before the last growth, while that is on trial; else 0."""
        self._met = 0.0
        """The limit at which requests were refused last."""
        self._cuts: _Cuts | None = None
        self._eased: tuple[float, float] | None = None
        """The limit and the share of refusals before it last came down for a share in between."""
        self._window: _Window | None = None
        self._in_flight = self._busiest = 0
        self._counted_at = 0.0

    @property
    def gap_s(self) -> float:
        """Seconds between two requests; 0 as long as no limit is known."""
        return self.latency_s / self.limit if self._spread else 0.0

    def sent(self, now: float) -> None:
        """Note that a request is sent."""
        window = self._window = self._window or _Window(math.nextafter(now, -math.inf))
        self._count(window, now)
        self._in_flight += 1
        self._busiest = max(self._busiest, self._in_flight)

    def ended(self, outcome: RequestOutcome | None, sent_at: float, now: float) -> str | None:
        """Note the outcome of a request sent at `sent_at`; gives the reason where the limit changed.

        None as the outcome: it tells nothing.
        """
        window = self._window = self._window or _Window(sent_at)
        self._count(window, now)
        self._in_flight -= 1
        if outcome is RequestOutcome.REPLIED:
            took = now - sent_at
            self.latency_s = took if not self.latency_s else 0.9 * self.latency_s + 0.1 * took
        if outcome is None or sent_at <= window.began:  # or sent under another limit
            return None
        window.add(outcome, now - sent_at)
        before = self.limit
        why: str | None
        if self._failed_trial(window):
            why = self._take_back()
        elif self._complete(window, now):
            why = self._decide(window, now)
        else:
            return None
        if why is not None:
            self._window, self._busiest = _Window(now), self._in_flight
        return why if self.limit != before else None

    def restart(self, now: float) -> None:
        """Begin with few requests again, so that a server that returns from an outage is not flooded."""
        self.limit = max(1.0, self.limit // 8)
        self._doubling, self._spread, self._cuts, self._sound, self._eased = True, False, None, 0.0, None
        self._window = _Window(now)

    def _count(self, window: _Window, now: float) -> None:
        """Add up the time that requests were in flight."""
        window.busy_s += self._in_flight * max(0.0, now - max(self._counted_at, window.began))
        self._counted_at = now

    def _complete(self, window: _Window, now: float) -> bool:
        plain = self._cuts is None and not self._usual
        if plain and not window.refused:
            return window.count >= max(_FEW, self.limit)
        enough = window.count >= max(_WINDOW, self.limit)
        if window.share > 0.9 or (plain and (not self._doubling or window.share > 2 * _UNTRIED_USUAL)):
            enough = enough or window.refused >= max(_FEW + 1, self.limit / 4)
        return enough and now - window.began >= self.latency_s

    def _decide(self, window: _Window, now: float) -> str | None:
        """Cut or raise the limit, or leave it; None where the window goes on."""
        share, excess = window.share, window.share - self._usual
        noise = math.sqrt(self._usual * (1 - self._usual) / window.count)
        untried = self._doubling and not self._usual and share <= _UNTRIED_USUAL
        if window.beyond(self._usual + CUT_ABOVE, 2.5 if self._usual else 1.5) and not untried:
            self._sound = 0.0
            return self._cut(window, now)
        if excess > GROW_BELOW + noise:
            if not untried:
                return self._ease(window)
            if window.count < 2 * max(_WINDOW, self.limit):
                return None
            self._usual = share
        if self._usual:
            self._usual += 0.2 * (share - self._usual)
        if self._sound:
            self._pause = 1
        self._cuts, self._sound, self._eased = None, 0.0, None
        return self._grow()

    def _ease(self, window: _Window) -> str | None:
        """Come down a little where a small share has been refused for long; back up where that did not help."""
        if window.count < max(_LONG, 4 * self.limit):
            return None
        share, before = window.share, self._eased
        if before is not None and share >= 0.6 * before[1]:
            self._usual, self._eased, self.limit = share, None, before[0]
            return f"{share:.0%} are refused however few are sent"
        self._eased, self._sound = (self.limit, share), 0.0
        self.limit = max(LEAST, self.limit * (1 - (share - self._usual)))
        return f"{share:.0%} were refused"

    def _failed_trial(self, window: _Window) -> bool:
        few = _EARLY if not self._usual else 2 * _EARLY
        tried = self._sound and self._usual <= _UNTRIED_USUAL and window.refused >= few
        return bool(tried) and window.share - self._usual > (CUT_ABOVE if not self._usual else 0.25)

    def _take_back(self) -> str:
        """Undo the last raise where it met refusals at once."""
        if self._grown_by <= FIRST_STEP:
            self._hold = self._pause = min(_LONGEST_PAUSE, 2 * self._pause)
        self._step = max(FIRST_STEP, self._grown_by / 4)
        self._met, self.limit, self._sound, self._usual = self.limit, self._sound, 0.0, 0.0
        self._doubling, self._spread = False, True
        return "more than before are refused"

    def _cut(self, window: _Window, now: float) -> str:
        seconds = max(1e-9, now - window.began)
        share, rate, cuts = window.share, window.replied / seconds, self._cuts
        if cuts is not None and cuts.in_vain(share, rate, self.limit):
            self._usual, self._cuts, self.limit = share, None, cuts.first
            self._doubling, self._spread, self._met = True, False, 0.0
            return f"{share:.0%} are refused however few are sent"
        self._cuts = _Cuts(self.limit) if cuts is None else cuts.next(self.limit, rate, share)
        self._doubling, self._spread, self._step, self._met = False, True, FIRST_STEP, self.limit
        self._eased = None
        taken = (window.busy_s - window.wasted_s) / seconds
        excess = max(0.0, share - self._usual) / (1 - self._usual)
        least = self.limit * max(0.25, 1 - 1.5 * excess)  # what was in flight is too little where slots stood empty
        self.limit = max(LEAST, min(max(taken, least), self.limit * 0.95))
        return f"{share:.0%} were refused"

    def _grow(self) -> str:
        if self._hold:
            self._hold -= 1
        elif self._busiest >= 0.8 * self.limit and self.limit < self.ceiling:
            self._sound = self.limit
            self._grown_by = 1.0 if self._doubling or self.limit < 0.5 * self._met else self._step
            if not self._doubling:
                self._step = min(1.0, 1.5 * self._step)
            self.limit = min(float(self.ceiling), self.limit * (1 + self._grown_by))
        return "the last requests were taken"
