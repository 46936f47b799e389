"""Reads what a reply's headers say about pace: how long to wait, and what is left of a rate limit.

Three families of names are known: `x-ratelimit-*` (OpenAI and the many servers that copy it), `anthropic-ratelimit-*`
and the plain `ratelimit-*` of gateways. A reset is written as a duration ("6m0s", "12ms"), as seconds, as seconds or
milliseconds since 1970, or as a date; all of them come out as seconds from now. A header is a stranger's text: what
cannot be read, is negative or lies beyond `LONGEST_S` counts as not said.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 7 * 86_400.0
"""A wait or a reset of more seconds than this is a mistake."""

_REQUESTS = (
    "x-ratelimit-{}-requests",
    "anthropic-ratelimit-requests-{}",
    "x-ratelimit-{}",
    "ratelimit-{}",
)
_TOKENS = (
    "x-ratelimit-{}-tokens",
    "anthropic-ratelimit-tokens-{}",
    "anthropic-ratelimit-input-tokens-{}",
    "anthropic-ratelimit-output-tokens-{}",
)
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|us|µs|ns|h|m|s|d)")
_UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_EPOCH_S, _EPOCH_MS = 1e9, 1e12
"""Numbers from here on are moments, not durations."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """What is left of one limit. `reset_s`: seconds until it is whole again. None where a header does not say."""

    remaining: float
    limit: float | None = None
    reset_s: float | None = None


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The tightest limit of each kind that one reply names; None where it names none."""

    requests: RateLimit | None = None
    tokens: RateLimit | None = None


def read_rate_limits(headers: Mapping[str, str]) -> RateLimits | None:
    """The limits in the headers of a reply, or None where there are none. Never raises."""
    named = {name.lower(): value for name, value in headers.items() if "ratelimit" in name.lower()}
    limits = RateLimits(_tightest(named, _REQUESTS), _tightest(named, _TOKENS))
    return limits if limits.requests or limits.tokens else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by `retry-after-ms` or `Retry-After` (seconds or an HTTP date, RFC 9110 10.2.3), or None."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        seconds = _number(headers.get(name, ""))
        if seconds is not None and seconds * unit <= LONGEST_S:
            return seconds * unit
    return _until(headers.get("retry-after", ""))


def _tightest(headers: Mapping[str, str], names: tuple[str, ...]) -> RateLimit | None:
    return min(_limits(headers, names), key=_share_left, default=None)


def _limits(headers: Mapping[str, str], names: tuple[str, ...]) -> Iterator[RateLimit]:
    for name in names:
        remaining = _number(headers.get(name.format("remaining"), ""))
        if remaining is not None:
            limit = _number(headers.get(name.format("limit"), ""))
            yield RateLimit(remaining, limit, _reset_s(headers.get(name.format("reset"), "")))


def _share_left(limit: RateLimit) -> float:
    return limit.remaining / limit.limit if limit.limit else limit.remaining


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _reset_s(text: str) -> float | None:
    """Seconds from now, however a reset is written."""
    value = _number(text)
    if value is None:
        parts = _PART.findall(text)
        if not parts or "".join(map("".join, parts)) != text.strip():
            return _until(text)
        value = sum(float(number) * _UNITS[unit] for number, unit in parts)
    elif value >= _EPOCH_MS:
        value = max(0.0, value / 1000 - time.time())
    elif value >= _EPOCH_S:
        value = max(0.0, value - time.time())
    return value if value <= LONGEST_S else None


def _until(text: str) -> float | None:
    """Seconds until a moment that is written as an HTTP date or as RFC 3339."""
    if ":" not in text:  # a bare number is a compact date to the parser
        return None
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text.strip())
        except (ValueError, TypeError, OverflowError):
            continue
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = max(0.0, (moment - datetime.now(UTC)).total_seconds())
        return seconds if seconds <= LONGEST_S else None
    return None
