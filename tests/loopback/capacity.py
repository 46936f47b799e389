"""What a loopback model can take: token buckets for requests and tokens, a number of slots, and what it announces.

Times are seconds on the server's monotonic clock.
"""

from __future__ import annotations

import time

from tests.loopback.settings import Behaviour


class Bucket:
    """Fills with `rate` a second up to `size`; full at first."""

    def __init__(self, rate: float, size: float) -> None:
        self.rate, self.size = rate, size
        self.left = size
        self._at = time.monotonic()

    def refill(self) -> None:
        """Add what has flowed in since the last look."""
        now = time.monotonic()
        self.left = min(self.size, self.left + self.rate * (now - self._at))
        self._at = now

    def lacks(self, cost: float) -> float:
        """Seconds until so much is in it; 0 where it is there."""
        self.refill()
        return max(0.0, (cost - self.left) / self.rate)

    @property
    def whole_s(self) -> float:
        """Seconds until it is full."""
        return (self.size - self.left) / self.rate


class Capacity:
    """One model's limits, as far as its behaviour sets any."""

    def __init__(self, behaviour: Behaviour) -> None:
        rate, tokens = behaviour.requests_per_s, behaviour.tokens_per_minute
        self.requests = Bucket(rate, behaviour.burst) if rate else None
        self.tokens = Bucket(tokens / 60, behaviour.token_burst) if tokens else None

    def take(self, tokens: int) -> float:
        """Take a request of so many tokens. Gives 0, or the seconds until it could be taken, and takes nothing."""
        wait = max(self.requests.lacks(1) if self.requests else 0.0, self.tokens.lacks(tokens) if self.tokens else 0.0)
        if not wait:
            for bucket, cost in ((self.requests, 1.0), (self.tokens, float(tokens))):
                if bucket:
                    bucket.left -= cost
        return wait

    def headers(self) -> dict[str, str]:
        """What is left, as OpenAI announces it."""
        found: dict[str, str] = {}
        for name, bucket in (("requests", self.requests), ("tokens", self.tokens)):
            if bucket:
                bucket.refill()
                found[f"x-ratelimit-limit-{name}"] = f"{bucket.size:.0f}"
                found[f"x-ratelimit-remaining-{name}"] = f"{max(0, int(bucket.left))}"
                found[f"x-ratelimit-reset-{name}"] = f"{bucket.whole_s * 1000:.0f}ms"
        return found
