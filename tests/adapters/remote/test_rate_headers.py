"""What headers say about pace, in the forms that providers and gateways write it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkles_eval.adapters.remote.rate_headers import LONGEST_S, RateLimit, RateLimits, read_rate_limits, retry_after


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e300"}, None),
        ({"retry-after": "20260101"}, None),
        ({"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 01 Jan 9999 00:00:00 GMT"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_as_a_date() -> None:
    seconds = retry_after({"retry-after": formatdate(time.time() + 60, usegmt=True)})
    assert seconds is not None and 50 < seconds <= 60


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("6m0s", 360.0),
        ("12ms", 0.012),
        ("1h2m3.5s", 3723.5),
        ("30", 30.0),
        ("0", 0.0),
        ("soon", None),
        ("5 bananas", None),
        ("-4", None),
        ("1e400", None),
    ],
)
def test_a_reset_as_a_duration(written: str, seconds: float | None) -> None:
    headers = {"X-RateLimit-Remaining-Requests": "0", "X-RateLimit-Reset-Requests": written}
    assert read_rate_limits(headers) == RateLimits(RateLimit(0, None, seconds))


def test_a_reset_as_a_moment() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=40)
    for written in (
        soon.isoformat(),
        soon.isoformat().replace("+00:00", "Z"),
        str(int(soon.timestamp())),
        str(int(soon.timestamp() * 1000)),
        formatdate(soon.timestamp(), usegmt=True),
    ):
        found = read_rate_limits({"x-ratelimit-remaining": "3", "x-ratelimit-reset": written})
        assert found is not None and found.requests is not None and found.requests.reset_s is not None
        assert 30 < found.requests.reset_s <= 40, written


def test_the_tightest_of_several_limits_counts() -> None:
    headers = {
        "anthropic-ratelimit-requests-limit": "50",
        "anthropic-ratelimit-requests-remaining": "49",
        "anthropic-ratelimit-input-tokens-limit": "40000",
        "anthropic-ratelimit-input-tokens-remaining": "39000",
        "anthropic-ratelimit-output-tokens-limit": "8000",
        "anthropic-ratelimit-output-tokens-remaining": "100",
    }
    found = read_rate_limits(headers)
    assert found is not None
    assert (found.requests, found.tokens) == (RateLimit(49, 50), RateLimit(100, 8000))


@given(st.dictionaries(st.sampled_from(["x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"]), st.text()))
def test_no_header_is_believed_beyond_reason_or_raises(headers: dict[str, str]) -> None:
    found = read_rate_limits(headers)
    if found is not None and found.requests is not None and found.requests.reset_s is not None:
        assert 0 <= found.requests.reset_s <= LONGEST_S
    wait = retry_after(headers)
    assert wait is None or 0 <= wait <= LONGEST_S
