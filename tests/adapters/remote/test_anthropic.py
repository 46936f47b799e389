"""The anthropic adapter through the real SDK, against real HTTP servers on loopback."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from sparkles_eval.core import JSON, Generation, Status
from sparkles_eval.core.errors import (
    AdapterError,
    Denied,
    RateLimited,
    Rejected,
    TimedOut,
    Transient,
    Unreadable,
    UserError,
)
from tests.adapters.making import KEY, Scripted, build, image, image_bytes, request
from tests.server import LoopbackServer

OK = json.dumps(
    {
        "model": "m-1",
        "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "yes"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 3},
    }
)


async def asked(scripted: Scripted, **args: object) -> AdapterError:
    """The error that a scripted reply becomes."""
    adapter = build("anthropic/m", base_url=scripted.url, **args)
    try:
        with pytest.raises(AdapterError) as caught:
            await adapter.answer(request("hello"))
    finally:
        await adapter.aclose()
    return caught.value


async def test_two_turns_send_the_files_own_bytes_in_order(server: LoopbackServer, tmp_path: Path) -> None:
    first = image(tmp_path, image_bytes(), "first.jpg")
    second = image(tmp_path, image_bytes(kind="PNG"), "second.png")
    adapter = build("anthropic/good", base_url=server.anthropic_url)
    answer = await adapter.answer(request("Look at ", first, ". Bright?"))
    again = await adapter.answer(
        request("And ", second, "?", history=[(["Look at ", first, ". Bright?"], answer.text)])
    )
    await adapter.aclose()
    assert answer.status is Status.OK and answer.text.startswith("Answer 1") and again.text.startswith("Answer 2")
    records = server.records()
    assert [record.images for record in records] == [(first.sha256,), (first.sha256, second.sha256)]
    assert answer.model_version == "good-20260101" and "AsyncAnthropic" in records[0].user_agent


async def test_the_body_on_the_wire(tmp_path: Path) -> None:
    data = image_bytes()
    picture = image(tmp_path, data)
    generation = Generation(temperature=0.5, top_k=5, max_tokens=50, stop=("END",))
    schema: JSON = {"type": "object", "properties": {}}
    async with Scripted(body=OK) as scripted:
        adapter = build("anthropic/m", base_url=scripted.url, effort="low", structured="true", api_version="2023-06-01")
        ask = request("Is ", picture, " ", picture, " one?", generation=generation, system="Be brief.", schema=schema)
        answer = await adapter.answer(ask)
        await adapter.aclose()
    source = {"type": "base64", "media_type": "image/jpeg", "data": base64.b64encode(data).decode()}
    assert json.loads(scripted.bodies[0]) == {
        "model": "m",
        "max_tokens": 50,
        "system": "Be brief.",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Is "},
                    {"type": "image", "source": source},
                    {"type": "image", "source": source},
                    {"type": "text", "text": " one?"},
                ],
            }
        ],
        "temperature": 0.5,
        "top_k": 5,
        "stop_sequences": ["END"],
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": schema}},
    }
    assert scripted.paths == ["/v1/messages"] and scripted.seen[0]["anthropic-version"] == "2023-06-01"
    assert (answer.text, answer.usage.input_tokens, answer.usage.output_tokens) == ("yes", 100, 3)


async def test_structured_output(server: LoopbackServer) -> None:
    schema: JSON = {"type": "object", "properties": {"rating": {"type": "integer"}}, "required": ["rating"]}
    adapter = build("anthropic/good", base_url=server.anthropic_url, structured="true")
    answer = await adapter.answer(request("Rate it.", schema=schema))
    await adapter.aclose()
    assert isinstance(json.loads(answer.text)["rating"], int)


@pytest.mark.parametrize(
    ("persona", "status", "detail"),
    [
        ("refuser", Status.REFUSED, "I cannot help with these pictures."),
        ("truncated", Status.TRUNCATED, "max_tokens"),
        ("empty", Status.OK, None),
    ],
)
async def test_how_replies_end(server: LoopbackServer, persona: str, status: Status, detail: str | None) -> None:
    adapter = build(f"anthropic/{persona}", base_url=server.anthropic_url)
    answer = await adapter.answer(request("Is it TRUE or FALSE?"))
    await adapter.aclose()
    assert (answer.status, answer.detail) == (status, detail)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, Rejected),
        (401, Denied),
        (404, Denied),
        (413, Rejected),
        (429, RateLimited),
        (500, Transient),
        (529, Transient),
    ],
)
async def test_every_status_has_its_error(status: int, kind: type[AdapterError]) -> None:
    body = json.dumps({"type": "error", "error": {"type": "some_error", "message": "as the provider says"}})
    async with Scripted(status=status, body=body, headers={"Retry-After": "3"}) as scripted:
        error = await asked(scripted)
    assert type(error) is kind and error.status_code == status and "as the provider says" in str(error)
    assert not isinstance(error, RateLimited) or error.retry_after == 3
    assert len(scripted.bodies) == 1


async def test_an_empty_account_stops_the_model() -> None:
    message = "Your credit balance is too low to access the API"
    body = json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": message}})
    async with Scripted(status=400, body=body) as scripted:
        assert isinstance(await asked(scripted), Denied)


async def test_the_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    async with Scripted(status=401, body=f"who is {KEY}?", content_type="text/plain") as scripted:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", scripted.url)
        error = await asked(scripted)
    assert KEY in scripted.seen[0].get("authorization", "") + scripted.seen[0].get("x-api-key", "")
    assert KEY not in str(error) and "set ANTHROPIC_API_KEY" in str(error)


@pytest.mark.parametrize("body", ["{broken", "[]", '{"content": "text"}'])
async def test_malformed_replies_are_worth_another_attempt(body: str) -> None:
    async with Scripted(body=body) as scripted:
        error = await asked(scripted)
    assert type(error) is Unreadable and "malformed" in str(error)


async def test_slow_and_lost_are_told_apart() -> None:
    async with Scripted(delay_s=2.0) as slow, Scripted(hang_up=True) as lost:
        errors = [await asked(slow, timeout=0.2), await asked(lost)]
    assert [type(error) for error in errors] == [TimedOut, Transient]


async def test_a_limit_is_always_sent() -> None:
    adapter = build("anthropic/m", base_url="http://localhost:1")
    assert adapter.effective(Generation()).max_tokens == 4096
    assert adapter.effective(Generation(max_tokens=9)).max_tokens == 9
    await adapter.aclose()


async def test_settings_that_the_provider_has_no_field_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    own, sampled = build("anthropic/m"), build("anthropic/m", api_version="2023-06-01")
    warm = request("x", generation=Generation(temperature=0.0, seed=1))
    assert "drop=temperature,seed" in (own.check(warm) or "")
    assert "drop=seed" in (sampled.check(warm) or "")
    assert sampled.check(request("x", generation=Generation(temperature=0.0))) is None
    with pytest.raises(Rejected, match="temperature is set"):
        await own.answer(warm)
    for adapter in (own, sampled):
        await adapter.aclose()


def test_a_missing_key_is_named_before_anything_is_asked() -> None:
    with pytest.raises(UserError, match="set ANTHROPIC_API_KEY"):
        build("claude-haiku-5-5")
