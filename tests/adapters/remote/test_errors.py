"""How a provider's errors are worded and sorted."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkles_eval.adapters.remote.errors import LONGEST, ErrorMapper, retry_after

REPORTER = ErrorMapper("openai/m", "https://example.org/v1", key="sk-secret", mend="set KEY")


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
        ({"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT"}, 0.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_as_a_date() -> None:
    seconds = retry_after({"retry-after": formatdate(time.time() + 60, usegmt=True)})
    assert seconds is not None and 57 < seconds <= 60


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"error": {"message": "too hot", "code": "x"}}', "too hot"),
        ('{"error": "too hot"}', "too hot"),
        ('{"message": "too hot"}', "too hot"),
        ('{"detail": "too hot"}', "too hot"),
        ("too\n  hot", "too hot"),
        ('"too hot"', "too hot"),
        ("", ""),
    ],
)
def test_the_providers_words_are_found(body: str, message: str) -> None:
    assert REPORTER.words(body).message == message


@given(st.text(), st.text())
def test_no_body_shows_the_key_or_fails(before: str, after: str) -> None:
    body = f"{before}sk-secret{after}"
    error = REPORTER.status(401, {}, body)
    assert "sk-secret" not in str(error) and len(str(error)) < LONGEST + 100
