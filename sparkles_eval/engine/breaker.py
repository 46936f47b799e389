"""Circuit breaker: all requests pass while a model replies, one at a time probes it during an outage.

The first request to a model goes alone. If that is refused because of the model's name or a setting, one request has
been sent and not a hundred; if nothing listens yet, one request at a time finds out when something does. An outage is
handled in the same way: when nothing but failures has come back for a while, all wait, and one request after another
is the probe.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

_GATE_S = 2.0
"""A first request that has been under way for so long was not refused: the others need not wait for its answer."""
_LONG_S = 3.0
"""An outage of so many seconds is followed by few requests at first."""
_UNTRIED = 2
"""First requests that may fail before the user hears of an outage."""
_FEW, _MANY = 5, 32
"""Failures in a row before a model counts as away: half as many as may be in flight, within these bounds."""
_SILENT_S, _SILENT_REPLIES = 3.0, 3.0
"""How long nothing but failures must have come for that, in seconds and in times that a reply takes."""
_SHORTEST_S, _LONGEST_S = 0.25, 15.0
_SHARE = 0.1
"""Time between two probes as a share of the outage so far: the end of an outage is noticed soon for its length."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure that may not last. `sign`: it may mean an outage."""

    message: str
    retry_after: float | None = None
    sign: bool = True


class Breaker:
    """Lets requests pass, or one at a time. `on_event` is called with a line when an outage begins or ends.

    Call `admit` before an attempt and one of `replied`, `refused`, `failed`, `abandoned` after it, with what `admit`
    gave. `proven` is for what needs no gate, such as a model in this process.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        on_event: Callable[[str, str], None],
        longest_s: float,
        proven: bool = False,
    ) -> None:
        self.passing = proven
        """True while everybody may ask."""
        self.outage = False
        """True while the model is known to be away, and not only untried."""
        self._clock, self._on_event, self._longest_s = clock, on_event, longest_s
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._probing = False
        self._timer: asyncio.TimerHandle | None = None
        self._gate: asyncio.TimerHandle | None = None
        self._replied = False
        self._last_good = clock()
        self._failing_since: float | None = None
        self._in_a_row = 0

    async def admit(self) -> bool:
        """Wait until this request may be sent. True where it is the probe that the others wait for."""
        if self.passing:
            return False
        if self._probing or self._timer is not None:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
            if self.passing:
                return False
        self._probing = True
        if not self._replied and not self.outage and self._gate is None:
            self._gate = asyncio.get_running_loop().call_later(_GATE_S, self._still_under_way)
        return True

    def replied(self) -> bool:
        """A reply came. True where it ended an outage of some length."""
        now = self._clock()
        lasted = now - self._failing_since if self.outage and self._failing_since is not None else 0.0
        if self.outage:
            self._on_event("back", f"it answers again after {lasted:.0f} s")
        self._last_good, self._failing_since, self._in_a_row = now, None, 0
        self._replied, self.outage = True, False
        self._open()
        return lasted >= _LONG_S

    def refused(self, *, probe: bool) -> bool:
        """The model is there and declined this request. True where that ended an outage."""
        if self.outage:
            return self.replied()
        if probe:
            self._after_probe(0.0)
        return False

    def failed(self, failure: Failure, *, probe: bool, at_once: float, reply_s: float) -> bool:
        """A request failed. True where the model has been away for longer than it is waited for.

        `at_once` requests may be in flight, and a reply takes `reply_s` seconds. Failures in a row, half as many as may
        be in flight, and nothing else for as long as three replies take (or four times as many in a sixth of that) are
        an outage; a failure that is no sign of one counts for nothing.
        """
        many = int(max(_FEW, min(_MANY, at_once // 2)))
        silent_s = max(_SILENT_S, _SILENT_REPLIES * reply_s)
        now = self._clock()
        self._failing_since = now if self._failing_since is None else self._failing_since
        self._in_a_row += failure.sign
        silent = now - self._last_good
        sure = silent >= silent_s and self._in_a_row >= many
        flood = silent >= silent_s / 6 and self._in_a_row >= 4 * many
        if self.passing and failure.sign and (sure or flood):
            self.passing = False
            self._begin(failure.message)
            self._after_probe(self._interval(now, failure.retry_after))
        elif probe and not self.passing:
            wait = self._interval(now, failure.retry_after)
            if failure.sign and not self.outage and (self._in_a_row > _UNTRIED or wait > 1):
                self._begin(failure.message)
            self._after_probe(wait)
        return self.outage and now - self._failing_since >= self._longest_s

    def abandoned(self, *, probe: bool) -> None:
        """The attempt ended without saying anything about the model."""
        if probe and not self.passing:
            self._after_probe(0.0)

    def halt(self) -> None:
        """Release everything that waits, since nothing more is sent."""
        self._open()

    @property
    def due(self) -> bool:
        """True where a probe may be sent."""
        return not self.passing and not self._probing and self._timer is None

    @property
    def next_probe_s(self) -> float:
        """Seconds until the next probe; 0 while a probe is out or requests pass."""
        return max(0.0, self._timer.when() - asyncio.get_running_loop().time()) if self._timer else 0.0

    def _begin(self, why: str) -> None:
        self.outage = True
        minutes = f"{self._longest_s / 60:.0f} minutes" if self._longest_s >= 120 else f"{self._longest_s:.0f} s"
        self._on_event(
            "outage", f"{why}; trying with one request at a time until it answers, for {minutes} at the most"
        )

    def _interval(self, now: float, retry_after: float | None) -> float:
        since = self._failing_since if self._failing_since is not None else now
        usual = min(_LONGEST_S, max(_SHORTEST_S, _SHARE * (now - since)))
        return usual if retry_after is None else max(usual, min(retry_after, 4 * _LONGEST_S))

    def _after_probe(self, seconds: float) -> None:
        self._probing = False
        self._no_gate()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._next)

    def _next(self) -> None:
        """Choose the request that has waited longest as the next probe, so that none is the probe twice in a row."""
        self._timer = None
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._probing = True
                return

    def _still_under_way(self) -> None:
        self._gate = None
        if not self.outage:
            self._last_good = self._clock()
            self._open()

    def _open(self) -> None:
        self.passing, self._probing = True, False
        self._no_gate()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)

    def _no_gate(self) -> None:
        if self._gate is not None:
            self._gate.cancel()
            self._gate = None
