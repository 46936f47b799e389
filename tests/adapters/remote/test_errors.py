"""How a provider's errors are worded and sorted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkles_eval.adapters.remote.errors import LONGEST, ErrorMapper, asks_for_other_name
from sparkles_eval.core.errors import Denied, RateLimited, Rejected, TooLong, Transient

REPORTER = ErrorMapper("openai/m", "https://example.org/v1", key="sk-secret", fix="set KEY")


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


OPENAI_TOKENS = (
    '{"error": {"message": "Unsupported parameter: \'max_tokens\' is not supported with this model. Use '
    '\'max_completion_tokens\' instead.", "type": "invalid_request_error", "param": "max_tokens", '
    '"code": "unsupported_parameter"}}'
)
TOO_LONG = (
    '{"error": {"message": "This model\'s maximum context length is 8192 tokens. However, you requested 9000 '
    'tokens (8000 in the messages, 1000 in the completion: max_tokens).", "code": "context_length_exceeded"}}'
)


@pytest.mark.parametrize(
    ("code", "body", "kind", "fix"),
    [
        (401, '{"error": {"message": "no"}}', Denied, "set KEY"),
        (403, '{"error": {"message": "this key may not use the model"}}', Denied, "set KEY"),
        (403, '{"error": {"code": 403, "message": "Your input was flagged by moderation"}}', Rejected, ""),
        (404, '{"detail": "Not Found"}', Denied, "check the model's name and the address"),
        (404, "", Denied, "check the model's name and the address"),
        (404, '{"error": {"message": "No endpoints found that support image input", "code": 404}}', Rejected, ""),
        (
            404,
            '{"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}',
            Denied,
            "model's name",
        ),
        (400, '{"error": {"message": "Invalid model name passed in model=x"}}', Denied, "model's name"),
        (
            400,
            '{"error": {"message": "Budget has been exceeded! Spend=1.0", "type": "budget_exceeded"}}',
            Denied,
            "budget",
        ),
        (400, '{"error": {"message": "temperature does not support 0.7 with this model"}}', Denied, "drop=temperature"),
        (
            400,
            '{"error": {"message": "Unsupported value: \'temperature\' does not support 0.", "code": "x"}}',
            Denied,
            "drop=temperature",
        ),
        (422, '{"detail": [{"type": "extra_forbidden", "loc": ["body", "top_k"]}]}', Denied, "drop=top_k"),
        (400, OPENAI_TOKENS, Denied, "token_field="),
        (400, TOO_LONG, TooLong, ""),
        (400, '{"error": {"message": "You uploaded an unsupported image. Stop it."}}', Rejected, ""),
        (400, '{"error": {"message": "image 2 could not be decoded"}}', Rejected, ""),
        (413, "too large", Rejected, ""),
        (429, '{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}', Denied, "add credit"),
        (429, '{"error": {"message": "slow down"}}', RateLimited, ""),
        (503, '{"error": {"message": "loading"}}', Transient, ""),
    ],
)
def test_what_concerns_one_request_and_what_concerns_all(code: int, body: str, kind: type, fix: str) -> None:
    error = REPORTER.status(code, {}, body)
    assert type(error) is kind, error
    assert fix in str(error)


@pytest.mark.parametrize("code", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_every_error_that_may_pass_says_how_long_to_wait(code: int) -> None:
    error = REPORTER.status(code, {"retry-after": "20"}, "")
    assert isinstance(error, Transient) and error.retry_after == 20


def test_the_token_limit_under_another_name() -> None:
    assert asks_for_other_name(OPENAI_TOKENS, "max_tokens", "max_completion_tokens")
    assert asks_for_other_name(
        '{"detail": [{"type": "extra_forbidden", "loc": ["body", "max_completion_tokens"]}]}',
        "max_completion_tokens",
        "max_tokens",
    )
    assert not asks_for_other_name(TOO_LONG, "max_tokens", "max_completion_tokens")
    assert not asks_for_other_name('{"message": "temperature is not supported"}', "max_tokens", "max_completion_tokens")
