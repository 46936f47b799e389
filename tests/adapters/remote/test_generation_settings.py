"""What of `--generation` reaches the wire at each provider, and what is refused before it does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from sparkles_eval.core import JSON, Generation
from sparkles_eval.core.errors import Denied, Rejected
from sparkles_eval.engine.arguments import read_generation
from tests.adapters.making import KEY, Scripted, build, image, image_bytes, request
from tests.adapters.remote.test_openai import OK
from tests.server import LoopbackServer

CLAUDE = json.dumps({"content": [{"type": "text", "text": "yes"}], "stop_reason": "end_turn", "model": "m"})


async def sent(spec: str, pairs: dict[str, str], body: str = OK, **args: object) -> dict[str, JSON]:
    """The body that goes over the wire, without what every request has."""
    async with Scripted(body=body) as scripted:
        adapter = build(spec, read_generation("--generation", pairs), base_url=scripted.url, **args)
        await adapter.answer(request("hello", generation=adapter.effective(Generation(temperature=0, max_tokens=100))))
        await adapter.aclose()
    value = json.loads(scripted.bodies[0])
    return {name: field for name, field in value.items() if name not in ("model", "messages")}


async def test_a_published_recipe_reaches_a_server_of_ones_own(server: LoopbackServer) -> None:
    pairs = {"temperature": "0.7", "top_p": "0.8", "top_k": "20", "presence_penalty": "1.5", "repetition_penalty": "1"}
    pairs |= {"min_p": "0.01", "chat_template_kwargs.add_vision_id": "true", "frequency_penalty": "0.1"}
    assert await sent("openai/m", pairs) == {
        "temperature": 0.7,
        "top_p": 0.8,
        "top_k": 20,
        "max_tokens": 100,
        "presence_penalty": 1.5,
        "frequency_penalty": 0.1,
        "repetition_penalty": 1.0,
        "min_p": 0.01,
        "chat_template_kwargs": {"add_vision_id": True},
    }
    adapter = build("openai/good", read_generation("--generation", pairs), base_url=server.openai_url)
    answer = await adapter.answer(request("hello", generation=adapter.effective(Generation())))
    await adapter.aclose()
    assert answer.text, "the loopback server refuses fields that it does not know"


@pytest.mark.parametrize(
    ("pairs", "args", "fields"),
    [
        ({"reasoning": "off"}, {}, {"chat_template_kwargs": {"enable_thinking": False}}),
        ({"reasoning": "on"}, {}, {"chat_template_kwargs": {"enable_thinking": True}}),
        (
            {"reasoning": "off", "chat_template_kwargs.a": "1"},
            {},
            {"chat_template_kwargs": {"enable_thinking": False, "a": 1}},
        ),
        (
            {"reasoning": "off"},
            {"reasoning_off": '{"thinking": {"type": "disabled"}}'},
            {"thinking": {"type": "disabled"}},
        ),
        (
            {"reasoning_budget": "512"},
            {"reasoning_budget_field": "thinking_token_budget"},
            {"thinking_token_budget": 512, "max_tokens": 612},
        ),
        ({"reasoning_effort": "high"}, {"reasoning_effort": "low"}, {"reasoning_effort": "high"}),
        ({"extra_body.mm_processor_kwargs.max_pixels": "9"}, {}, {"mm_processor_kwargs": {"max_pixels": 9}}),
    ],
)
async def test_reasoning_is_said_in_the_fields_of_the_server(
    pairs: dict[str, str], args: dict[str, str], fields: Mapping[str, JSON]
) -> None:
    assert await sent("openai/m", pairs, **args) == {"temperature": 0, "max_tokens": 100, **fields}


@pytest.mark.parametrize(
    ("pairs", "fields"),
    [
        ({"reasoning": "on"}, {"max_tokens": 100, "thinking": {"type": "adaptive"}}),
        ({"reasoning": "off"}, {"max_tokens": 100, "temperature": 0, "thinking": {"type": "disabled"}}),
        ({"reasoning_budget": "2000"}, {"max_tokens": 2100, "thinking": {"type": "enabled", "budget_tokens": 2000}}),
        ({"reasoning_effort": "low"}, {"max_tokens": 100, "temperature": 0, "output_config": {"effort": "low"}}),
        ({"extra_body.metadata.user_id": "a"}, {"max_tokens": 100, "temperature": 0, "metadata": {"user_id": "a"}}),
    ],
)
async def test_claude_reasons_by_its_own_fields_and_then_takes_no_temperature(
    pairs: dict[str, str], fields: Mapping[str, JSON]
) -> None:
    assert await sent("anthropic/m", pairs, CLAUDE) == fields


@pytest.mark.parametrize(
    ("spec", "pairs", "told"),
    [
        ("openai/m", {"repetition_penalty": "1.1"}, "--model-arg drop=repetition_penalty"),
        ("openai/m", {"chat_template_kwargs.enable_thinking": "false"}, "leave out chat_template_kwargs.enable_think"),
        ("openai/m", {"reasoning": "on"}, "name reasoning_effort=low"),
        ("openai/m", {"reasoning_budget": "500"}, "OpenAI takes no budget"),
        ("anthropic/m", {"presence_penalty": "1"}, "presence_penalty is set"),
        ("anthropic/m", {"reasoning_budget": "500"}, "1,024 tokens are the least"),
        ("anthropic/m", {"reasoning_budget": "2000", "reasoning": "off"}, "reasoning is off"),
    ],
)
async def test_what_a_provider_has_no_field_for_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, spec: str, pairs: dict[str, str], told: str
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, KEY)
    adapter = build(spec, read_generation("--generation", pairs))
    problem = adapter.check(request("hello", generation=adapter.effective(Generation())))
    await adapter.aclose()
    assert problem is not None and told in problem


async def test_a_temperature_that_the_user_wants_beside_reasoning_is_refused_for_claude() -> None:
    generation = read_generation("--generation", {"reasoning": "on", "temperature": "0.5"})
    adapter = build("anthropic/m", generation, base_url="http://localhost:1")
    with pytest.raises(Rejected, match=r"temperature is set, .*\(leave it out, or reasoning\)"):
        await adapter.answer(request("hello", generation=adapter.effective(Generation())))
    await adapter.aclose()


async def test_a_model_that_takes_no_budget_says_what_to_name_instead() -> None:
    said = '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive".'
    body = json.dumps({"error": {"type": "invalid_request_error", "message": said}})
    async with Scripted(status=400, body=body) as scripted:
        generation = Generation(reasoning_budget=2000)
        adapter = build("anthropic/m", generation, base_url=scripted.url)
        with pytest.raises(Denied, match="name reasoning=on and reasoning_effort=low"):
            await adapter.answer(request("hello", generation=adapter.effective(Generation())))
        await adapter.aclose()


async def test_shared_beginnings_are_kept_in_the_providers_cache_and_priced(
    server: LoopbackServer, tmp_path: Path
) -> None:
    usage = {
        "input_tokens": 100,
        "cache_creation_input_tokens": 1000,
        "cache_read_input_tokens": 10000,
        "output_tokens": 0,
    }
    ask = request("Which", image(tmp_path, image_bytes()), "is it?", system="Be brief.")
    async with Scripted(body=json.dumps({**json.loads(CLAUDE), "content": [], "usage": usage})) as scripted:
        preset = tmp_path / "mine.yaml"
        prices = "{input: 4, output: 20, cached_input: 0.2, cache_write: 5, date: 2026-11-28, source: 'https://a.b'}"
        preset.write_text(
            f"kind: anthropic\nmodel: m\ntitle: T\nprices: {prices}\n"
            f"settings: {{base_url: '{scripted.url}', cache: true}}\n"
        )
        adapter = build(str(preset))
        reply = await adapter.answer(ask)
        await adapter.aclose()
    body = json.loads(scripted.bodies[0])
    mark = {"type": "ephemeral"}
    assert body["system"] == [{"type": "text", "text": "Be brief.", "cache_control": mark}]
    assert [block.get("cache_control") for block in body["messages"][0]["content"]] == [None, mark, mark]
    assert reply.usage.input_tokens == 11100
    assert reply.usage.cost_usd == pytest.approx((100 * 4 + 1000 * 5 + 10000 * 0.2) / 1e6)
    plain, kept = (build("anthropic/good", base_url=server.anthropic_url, **more) for more in ({}, {"cache": "true"}))
    assert plain.model.identity == kept.model.identity, "caching changes no answer"
    assert (await plain.answer(ask)).text == (await kept.answer(ask)).text
    for one in (plain, kept):
        await one.aclose()
