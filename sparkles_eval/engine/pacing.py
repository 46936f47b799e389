"""Paces requests by the limits that a provider announces in its replies' headers.

A copy of the provider's own count: what was left at the last reply, less what has been sent since, plus what has
flowed back. Limits that are not announced are found by `congestion`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from sparkles_eval.adapters.remote.rate_headers import RateLimit, RateLimits

_LONGEST_S = 60.0
"""Longest single wait; after it the model is asked again, whatever it announced."""


@dataclass(slots=True)
class _Bucket:
    left: float
    limit: float
    """What there is at the most; infinite where that is not said."""
    flow: float
    """What comes back a second; 0 where nothing is known."""
    at: float
    whole_at: float
    """When all of it will be back."""

    def refill(self, now: float) -> None:
        self.left = min(self.limit, self.left + self.flow * (now - self.at))
        if self.at < self.whole_at <= now:
            self.left = self.limit
        self.at = now


class Pacing:
    """When the next request may be sent by the announced limits. One for each model; seconds on `clock`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._requests: _Bucket | None = None
        self._tokens: _Bucket | None = None
        self._typical_tokens = 0.0
        self._misses = 0
        self._missed_at = -math.inf

    def announced(self, limits: RateLimits) -> None:
        """A reply's headers."""
        now = self._clock()
        self._requests = _bucket(limits.requests, now) if limits.requests else self._requests
        self._tokens = _bucket(limits.tokens, now) if limits.tokens else self._tokens

    def replied(self, tokens: int | None) -> None:
        """A reply came, for so many tokens in and out."""
        self._misses = 0
        if tokens:
            self._typical_tokens += (tokens - self._typical_tokens) * (0.1 if self._typical_tokens else 1.0)

    def refused(self, sent_at: float) -> None:
        """A request of that moment was refused. It flows back in one piece, perhaps: wait twice as long each time."""
        if sent_at >= self._missed_at:
            self._misses += 1
            self._missed_at = self._clock()

    def wait_s(self) -> float:
        """Seconds until there is room for another request; 0 where there is."""
        now = self._clock()
        return max(self._lacks(self._requests, 1.0, now), self._lacks(self._tokens, self._typical_tokens, now))

    def sent(self) -> None:
        """A request was sent."""
        for bucket, cost in ((self._requests, 1.0), (self._tokens, self._typical_tokens)):
            if bucket is not None:
                bucket.left -= cost

    def _lacks(self, bucket: _Bucket | None, cost: float, now: float) -> float:
        if bucket is None or not cost:
            return 0.0
        bucket.refill(now)
        lacking = min(cost, bucket.limit) - bucket.left
        if lacking <= 0 or now >= bucket.whole_at:
            return 0.0
        wait = lacking / bucket.flow if bucket.flow else bucket.whole_at - now
        return min(wait * 2.0 ** min(self._misses, 20), bucket.whole_at - now, _LONGEST_S)


def _bucket(said: RateLimit, now: float) -> _Bucket | None:
    if said.reset_s is None:
        return None
    limit = said.limit or float("inf")
    flow = (limit - said.remaining) / said.reset_s if said.limit and said.reset_s else 0.0
    return _Bucket(said.remaining, limit, max(0.0, flow), now, now + said.reset_s)
