"""Outcomes of the requests to one model so far, which decide whether it is asked further."""

from __future__ import annotations

import re
from collections import Counter, deque

_ALIKE = 5
"""Requests without a reply for the same reason, before any was answered, that end the model's work."""
_RECENT, _PRIOR = 200, 5
"""Requests of which the share of failures is computed; it begins as if `_PRIOR` had been answered."""
_DIGITS = re.compile(r"[0-9]+")


class RequestHistory:
    """Counts replies and failures of one model."""

    def __init__(self) -> None:
        self.answered = False
        """Whether the model has ever replied."""
        self._recent: deque[bool] = deque([False] * _PRIOR, maxlen=_RECENT)
        """Of the latest attempts, which failed."""
        self._failing: set[int] = set()
        """Requests that have failed since the latest reply."""
        self._reasons: Counter[str] = Counter()
        self._in_a_row = 0

    @property
    def failure_share(self) -> float:
        """The share of the latest attempts that failed, 0 to 1."""
        return sum(self._recent) / len(self._recent)

    def replied(self) -> None:
        """Note that a request got its reply."""
        self.answered, self._in_a_row = True, 0
        self._failing.clear()
        self._recent.append(False)

    def attempt_failed(self) -> None:
        """Note an attempt that failed in a way that may not last, outside a known outage."""
        self._recent.append(True)

    def failing_with_others(self, request: int) -> bool:
        """Note that a request fails; True where others have failed too since the latest reply."""
        self._failing.add(request)
        return self.answered and len(self._failing) > 1

    def gave_up(self, message: str, most_in_a_row: int) -> str | None:
        """Count a request that ends without a reply; gives the reason to stop asking the model, or None.

        Where the model never replied, the same message a few times (numbers in it aside) concerns the whole run.
        """
        self._reasons[_DIGITS.sub("#", message)] += 1
        self._in_a_row += 1
        if not self.answered and max(self._reasons.values()) >= _ALIKE:
            return f"stopped, since none of the first {_ALIKE} requests was answered, the last: {message}"
        if self._in_a_row >= most_in_a_row:
            return f"stopped after {self._in_a_row} failed requests in a row, the last: {message}"
        return None
