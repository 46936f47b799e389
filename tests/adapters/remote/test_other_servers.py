"""Servers that others wrote: addresses as people paste them, no key, gateways that quote their provider's errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparkles_eval.adapters.base import StreamingAdapter
from sparkles_eval.core import Reply, Status
from sparkles_eval.core.errors import AdapterError, Denied, RateLimited, Rejected, Transient, UserError
from tests.adapters.making import Scripted, build, request
from tests.server import LoopbackServer, Settings


async def ask(spec: str, **args: object) -> Reply | AdapterError:
    """The reply, or what came in its place; a request that was adjusted is sent again, as the engine does."""
    adapter = build(spec, **args)
    try:
        return await adapter.answer(request("hello"))
    except AdapterError as error:
        return error
    finally:
        await adapter.aclose()


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
@pytest.mark.parametrize("tail", ["", "/", "/v1", "/v1/", "/v1/ROUTE", "/v1/ROUTE/"])
async def test_an_address_is_taken_however_it_is_pasted(server: LoopbackServer, kind: str, tail: str) -> None:
    route = {"openai": "chat/completions", "anthropic": "messages"}[kind]
    answer = await ask(f"{kind}/good", base_url=server.url + tail.replace("ROUTE", route))
    assert isinstance(answer, Reply) and answer.status is Status.OK


@pytest.mark.parametrize(("tail", "path"), [("/proxy/openai", "/proxy/openai"), ("/chat/completions", "")])
async def test_a_path_of_its_own_is_kept(tail: str, path: str) -> None:
    async with Scripted(status=500) as scripted:
        await ask("openai/m", base_url=scripted.url + tail)
    assert scripted.paths == [f"{path}/chat/completions"]


async def test_a_server_without_a_version_in_its_paths_is_found() -> None:
    async with Scripted(status=404, body="404 page not found", content_type="text/plain") as scripted:
        adapter = build("openai/m", base_url=scripted.url)
        for _ in range(2):
            with pytest.raises(AdapterError):
                await adapter.answer(request("x"))
        await adapter.aclose()
    assert scripted.paths == ["/v1/chat/completions", "/chat/completions"]


@pytest.mark.parametrize("kind", ["openai", "anthropic"])
async def test_without_a_key_none_is_sent_and_an_early_refusal_says_so(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-mine")
    body = json.dumps({"error": {"message": "No connected db.", "type": "no_db_connection", "code": "400"}})
    async with Scripted(status=400, body=body) as scripted:
        error = await ask(f"{kind}/m", base_url=scripted.url)
    assert isinstance(error, Rejected) and "No connected db." in str(error)
    assert "no key was sent" in str(error) and "api_key_env=NAME" in str(error)
    assert not {"authorization", "x-api-key", "openai-organization"} & set(scripted.seen[0])


async def test_a_server_that_wants_a_key_says_so(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    server.configure(Settings(keys=("right",)))
    error = await ask("openai/good", base_url=server.url)
    assert isinstance(error, Denied) and str(error).count("no key was sent") == 1
    monkeypatch.setenv("MY_KEY", "right")
    assert isinstance(await ask("openai/good", base_url=server.url, api_key_env="MY_KEY"), Reply)


QUOTED_QUOTA = {
    "litellm": "litellm.RateLimitError: RateLimitError: OpenAIException - You exceeded your current quota, please "
    "check your plan and billing details.",
    "prepaid": "Insufficient Balance",
}


@pytest.mark.parametrize("message", QUOTED_QUOTA.values(), ids=QUOTED_QUOTA)
async def test_a_used_up_account_behind_a_gateway_stops_the_model(message: str) -> None:
    body = json.dumps({"error": {"message": message, "type": "throttling_error", "code": "429"}})
    async with Scripted(status=429, body=body) as scripted:
        error = await ask("openai/m", base_url=scripted.url)
    assert isinstance(error, Denied) and "add credit" in str(error)


async def test_an_error_within_an_error_is_read() -> None:
    raw = json.dumps({"error": {"message": "no more", "code": "insufficient_quota"}})
    error_body = {"message": "Provider returned error", "code": 429, "metadata": {"raw": raw}}
    async with Scripted(status=429, body=json.dumps({"error": error_body})) as scripted:
        assert isinstance(await ask("openai/m", base_url=scripted.url), Denied)


async def test_a_quota_by_the_minute_is_waited_for() -> None:
    body = json.dumps({"error": {"message": "You exceeded your current quota. Please retry in 34.5s.", "code": 429}})
    async with Scripted(status=429, body=body) as scripted:
        assert isinstance(await ask("openai/m", base_url=scripted.url), RateLimited)


FILTERED = {
    "litellm": "litellm.BadRequestError: litellm.ContentPolicyViolationError: AzureException - The response was "
    "filtered due to the prompt triggering the content management policy.",
    "messages": "Output blocked by content filtering policy",
}


@pytest.mark.parametrize("message", FILTERED.values(), ids=FILTERED)
@pytest.mark.parametrize("kind", ["openai", "anthropic"])
async def test_a_filters_refusal_behind_a_gateway_is_a_refusal(kind: str, message: str) -> None:
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": "400"}})
    async with Scripted(status=400, body=body) as scripted:
        answer = await ask(f"{kind}/m", base_url=scripted.url)
    assert isinstance(answer, Reply) and answer.status is Status.REFUSED


PRESET = """
kind: openai
model: m
title: Theirs
settings: {base_url: ADDRESS, api_key_env: VARIABLE}
prices: {input: 1000, output: 2000, date: 2026-11-01, source: 'https://example.org'}
"""


def preset(folder: Path, address: str, variable: str = "THEIR_KEY") -> str:
    file = folder / "theirs.yaml"
    file.write_text(PRESET.replace("ADDRESS", address).replace("VARIABLE", variable))
    return str(file)


async def test_a_preset_names_the_server_its_key_and_its_prices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEIR_KEY", "right")
    body = json.dumps(
        {
            "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 500},
        }
    )
    async with Scripted(body=body) as scripted:
        answer = await ask(preset(tmp_path, scripted.url))
    assert isinstance(answer, Reply) and answer.usage.cost_usd == pytest.approx(2.0)
    assert scripted.seen[0]["authorization"] == "Bearer right"


async def test_a_presets_key_and_prices_go_to_no_other_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIR_KEY", "right")
    async with Scripted(status=500) as scripted:
        spec = preset(tmp_path, "https://example.org/v1")
        await ask(spec, base_url=scripted.url)
        adapter = build(spec, base_url=scripted.url)
    assert "authorization" not in scripted.seen[0] and adapter.model.prices.input is None


def test_where_a_preset_is_asked_and_with_which_key_is_no_part_of_who_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEIR_KEY", "right")
    named = build(preset(tmp_path, "https://example.org/v1")).model
    assert not {"base_url", "api_key_env"} & set(named.settings)


def test_a_preset_does_not_send_the_providers_key_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    with pytest.raises(UserError, match="another server"):
        build(preset(tmp_path, "https://example.org/v1", "OPENAI_API_KEY"))
    with pytest.raises(UserError, match="no key; set UNSET_KEY"):
        build(preset(tmp_path, "https://example.org/v1", "UNSET_KEY"))


FILTER = {"error": {"code": "content_filter", "message": "The prompt was filtered.", "type": "bad_request"}}
INSIDE = {"choices": [{"message": {"content": ""}, "error": {"code": 403, "message": "content_policy_violation: no"}}]}


@pytest.mark.parametrize(("kind", "body"), [("openai", FILTER), ("openai", INSIDE), ("anthropic", FILTER)])
async def test_a_filters_error_in_a_reply_of_status_200_is_a_refusal(kind: str, body: object) -> None:
    async with Scripted(body=json.dumps(body)) as scripted:
        answer = await ask(f"{kind}/m", base_url=scripted.url)
    assert isinstance(answer, Reply) and answer.status is Status.REFUSED and answer.detail


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": "insufficient_quota", "message": "You exceeded your current quota"}, Denied),
        ({"code": "429", "message": "slow down"}, RateLimited),
        ({"code": "overloaded", "message": "try later"}, Transient),
    ],
)
async def test_another_error_in_a_reply_of_status_200_is_what_it_says(error: object, kind: type[AdapterError]) -> None:
    async with Scripted(body=json.dumps({"error": error})) as scripted:
        answer = await ask("openai/m", base_url=scripted.url)
    assert type(answer) is kind


@pytest.mark.parametrize(("last", "whole"), [("data: [DONE]\n\n", True), ("", False)])
async def test_a_stream_that_names_no_reason_ends_with_its_mark_alone(last: str, whole: bool) -> None:
    word = json.dumps({"choices": [{"delta": {"content": "It is red."}, "finish_reason": None}]})
    async with Scripted(body=f"data: {word}\n\n{last}", content_type="text/event-stream") as scripted:
        adapter = build("openai/m", base_url=scripted.url)
        assert isinstance(adapter, StreamingAdapter)
        if whole:
            reply = await adapter.stream(request("x"), lambda _: None)
            assert (reply.text, reply.status, reply.finish) == ("It is red.", Status.OK, None)
        else:
            with pytest.raises(AdapterError, match="its stream ended before the answer did"):
                await adapter.stream(request("x"), lambda _: None)
        await adapter.aclose()
