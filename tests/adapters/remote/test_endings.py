"""How replies end and what stands in them, through the real SDKs against real HTTP servers on loopback."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sparkles_eval.adapters.remote.endings import text_of
from sparkles_eval.core import Prices, Reply, Status, Usage
from sparkles_eval.core.errors import AdapterError, RateLimited, Rejected, Transient, Unreadable
from tests.adapters.making import Scripted, build, request


def completion(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> str:
    choice = {"message": {"role": "assistant", **message}, "finish_reason": finish, **more.pop("choice", {})}
    return json.dumps({"model": "m-1", "choices": [choice], **more})


async def replied(body: str, model: str = "openai/m") -> Reply:
    async with Scripted(body=body) as scripted:
        adapter = build(model, base_url=f"{scripted.url}/v1" if model.startswith("openai") else scripted.url)
        try:
            return await adapter.answer(request("hello"))
        finally:
            await adapter.aclose()


async def failed(body: str, model: str = "openai/m") -> AdapterError:
    with pytest.raises(AdapterError) as caught:
        await replied(body, model)
    return caught.value


@pytest.mark.parametrize(
    "message",
    [
        {"content": "B", "reasoning_content": "why"},
        {"content": "B", "reasoning": "why"},
        {"content": "B", "reasoning": "why", "reasoning_content": "why"},
        {"content": "B", "reasoning_details": [{"type": "reasoning.text", "text": "why"}]},
        {"content": "<think>why</think>\n\nB"},
        {"content": "[THINK]why[/THINK]B"},
        {"content": [{"type": "thinking", "thinking": [{"text": "why"}]}, {"type": "text", "text": "B"}]},
        {"content": [{"type": "reasoning", "text": "why"}, {"type": "output_text", "text": "B"}]},
    ],
)  # fmt: skip
async def test_reasoning_stands_beside_the_answer_however_it_is_sent(message: dict[str, Any]) -> None:
    reply = await replied(completion(message))
    assert (reply.text, reply.reasoning, reply.status, reply.finish) == ("B", "why", Status.OK, "stop")


@pytest.mark.parametrize("message", [{"content": None, "reasoning": "so B"}, {"content": "<think>so B"}])
async def test_a_cut_thought_leaves_an_empty_answer(message: dict[str, Any]) -> None:
    reply = await replied(completion(message, "length"))
    assert (reply.text, reply.reasoning, reply.status, reply.detail) == ("", "so B", Status.TRUNCATED, "length")


@pytest.mark.parametrize("finish", ["error", "abort", "network_error", "insufficient_system_resource"])
async def test_a_reply_that_the_server_gave_up_is_worth_another_attempt(finish: str) -> None:
    error = await failed(completion({"content": "The answer is A"}, finish))
    assert type(error) is Transient and finish in str(error) and "The answer is A" in str(error)


async def test_no_ending_and_no_text_is_a_failure_and_with_text_is_not_whole() -> None:
    assert type(await failed(completion({"content": None}, None))) is Transient
    reply = await replied(completion({"content": "The answer is B, or rather"}, None))
    assert reply.status is Status.TRUNCATED and "does not say that it is whole" in str(reply.detail)


@pytest.mark.parametrize(
    ("message", "finish", "words"),
    [
        ({"content": None, "tool_calls": [{"id": "1"}]}, "tool_calls", "called a tool"),
        ({"content": "", "tool_calls": [{"id": "1"}]}, "stop", "called a tool"),
        ({"content": "B"}, "banana", "'banana', which is not known to be an answer"),
    ],
)
async def test_what_is_no_answer_is_named(message: dict[str, Any], finish: str, words: str) -> None:
    error = await failed(completion(message, finish))
    assert type(error) is Rejected and words in str(error)


async def test_an_error_inside_a_whole_reply_is_an_error() -> None:
    inner = {"code": 502, "message": "Provider returned error"}
    assert type(await failed(completion({"content": "B"}, choice={"error": inner}))) is Transient
    limited = await failed(json.dumps({"error": {"code": 429, "message": "slow down"}}))
    assert isinstance(limited, RateLimited) and "slow down" in str(limited)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 3.5, "completion_tokens": "n/a"},
        {"prompt_tokens": 2**64, "completion_tokens": 2**64},
        {"prompt_tokens": -5_000_000, "completion_tokens": -1},
        {"prompt_tokens": 0, "completion_tokens": 0},
        "none",
        [1],
        None,
    ],
)
async def test_a_reply_never_fails_on_what_it_says_it_used(usage: Any) -> None:
    reply = await replied(completion({"content": "B"}, usage=usage))
    assert reply.text == "B" and (reply.usage.input_tokens, reply.usage.output_tokens) == (None, None)
    assert reply.usage.cost_usd is None


async def test_tokens_of_reasoning_and_of_the_cache_are_counted() -> None:
    details = {"completion_tokens_details": {"reasoning_tokens": 30}, "prompt_tokens_details": {"cached_tokens": 80}}
    beside = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 140, **details}
    reply = await replied(completion({"content": "B"}, usage=beside))
    assert reply.usage == Usage(100, 40, None, 30, 80), "reasoning beside the completion's tokens is part of the output"
    within = {"prompt_tokens": 100, "completion_tokens": 40, "total_tokens": 140, **details}
    assert (await replied(completion({"content": "B"}, usage=within))).usage == reply.usage


def test_prices_know_both() -> None:
    usage = Usage(1_000_000, 1_000_000, None, 500_000, 400_000)
    assert Prices(1.0, 10.0).cost(usage) == pytest.approx(11.0)
    assert Prices(1.0, 10.0, cached_input=0.5, reasoning=4.0).cost(usage) == pytest.approx(0.8 + 7.0)


@pytest.mark.parametrize("content", [5, {"text": "B"}, [1]])
async def test_a_content_of_another_kind_cannot_be_read(content: Any) -> None:
    assert type(await failed(completion({"content": content}))) is Unreadable
    assert text_of(content) is None


async def test_thinking_blocks_of_messages_are_reasoning() -> None:
    blocks = [
        {"type": "thinking", "thinking": "why"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "B"},
    ]
    body = {"content": blocks, "stop_reason": "end_turn", "usage": {"input_tokens": 5, "output_tokens": 2**70}}
    reply = await replied(json.dumps(body), "anthropic/m")
    assert (reply.text, reply.reasoning, reply.usage.input_tokens, reply.usage.output_tokens) == ("B", "why", 5, None)
    tool = {"content": [{"type": "tool_use", "id": "1"}], "stop_reason": "tool_use"}
    assert "called a tool" in str(await failed(json.dumps(tool), "anthropic/m"))
