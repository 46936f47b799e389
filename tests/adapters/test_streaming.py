"""Answers that are shown while a provider sends them, through the real SDKs from real HTTP servers on loopback."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.adapters.base import Adapter, Request, StreamingAdapter
from sparkles_eval.core import Generation, Reply, Status
from sparkles_eval.core.errors import AdapterError, Denied, RateLimited, TimedOut, Transient
from tests.adapters.making import KEY, Scripted, build, image, image_bytes, request
from tests.server import Behaviour, LoopbackServer, Settings

KINDS = ("openai", "anthropic")


def at(server: LoopbackServer, kind: str, model: str = "good", **args: object) -> StreamingAdapter:
    url = server.openai_url if kind == "openai" else server.anthropic_url
    return streaming(build(f"{kind}/{model}", base_url=url, **args))


def streaming(adapter: Adapter) -> StreamingAdapter:
    assert isinstance(adapter, StreamingAdapter)
    return adapter


async def watched(adapter: StreamingAdapter, ask: Request) -> tuple[Reply, list[str]]:
    shown: list[str] = []
    try:
        return await adapter.stream(ask, shown.append), shown
    finally:
        await adapter.aclose()


def timeless(reply: Reply) -> Reply:
    return replace(reply, latency_s=None)


async def refused(adapter: StreamingAdapter, ask: Request) -> tuple[AdapterError, list[str]]:
    shown: list[str] = []
    try:
        with pytest.raises(AdapterError) as caught:
            await adapter.stream(ask, shown.append)
    finally:
        await adapter.aclose()
    return caught.value, shown


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stream_is_the_same_reply(server: LoopbackServer, tmp_path: Path, kind: str) -> None:
    picture = image(tmp_path, image_bytes())
    ask = request("Which is brighter, ", picture, " or the next?", generation=Generation(max_tokens=200))
    whole = at(server, kind, price_in=2, price_out=10)
    expected = await whole.answer(ask)
    await whole.aclose()
    reply, shown = await watched(at(server, kind, price_in=2, price_out=10), ask)
    assert timeless(reply) == timeless(expected) and reply.usage.cost_usd
    assert shown[-1] == reply.text and len(set(shown)) > 5
    assert all(after.startswith(before) for before, after in itertools.pairwise(shown))
    assert server.records()[-1].images == (picture.sha256,)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("model", "status"),
    [("refuser", Status.REFUSED), ("filtered", Status.REFUSED), ("truncated", Status.TRUNCATED), ("empty", Status.OK)],
)
async def test_how_it_ended_is_told_alike(server: LoopbackServer, kind: str, model: str, status: Status) -> None:
    whole = at(server, kind, model)
    expected = await whole.answer(request("Which?"))
    await whole.aclose()
    reply, _ = await watched(at(server, kind, model), request("Which?"))
    assert (timeless(reply), reply.status) == (timeless(expected), status)


@pytest.mark.parametrize("kind", KINDS)
async def test_words_arrive_before_the_answer_is_whole_and_who_leaves_ends_it(kind: str) -> None:
    slow = Behaviour(persona="good", pace_s=0.05)
    with LoopbackServer(Settings(models={"slow-words": slow})) as server:
        adapter = at(server, kind, "slow-words")
        first = asyncio.Event()

        def grown(text: str) -> None:
            if text:
                first.set()

        watching = asyncio.create_task(adapter.stream(request("Which?"), grown))
        await first.wait()
        assert not watching.done()
        watching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await watching
        await adapter.aclose()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_line_that_is_lost_half_way_is_an_error_and_no_answer(kind: str) -> None:
    cut = Behaviour(persona="good", faults={"cut": 1.0}, fault_limit=None)
    with LoopbackServer(Settings(models={"cut-off": cut})) as server:
        error, shown = await refused(at(server, kind, "cut-off"), request("Which?"))
    assert isinstance(error, Transient) and shown
    assert "lost" in str(error) or "ended before the answer did" in str(error)


async def test_errors_before_the_first_word_are_the_usual_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for status, kind in ((401, Denied), (429, RateLimited), (500, Transient)):
        async with Scripted(status=status, body=json.dumps({"error": {"message": f"key {KEY} is bad"}})) as scripted:
            adapter = build("openai/m", base_url=f"{scripted.url}/v1", api_key_env="OPENAI_API_KEY")
            error, shown = await refused(streaming(adapter), request("hello"))
        assert isinstance(error, kind) and shown == []
        assert KEY not in str(error)


async def test_a_server_without_streams_is_asked_for_the_whole(tmp_path: Path) -> None:
    body = json.dumps({"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]})
    async with Scripted(body=body) as scripted:
        reply, shown = await watched(streaming(build("openai/m", base_url=f"{scripted.url}/v1")), request("hello"))
    assert (reply.text, shown) == ("yes", [])
    sent = [json.loads(body) for body in scripted.bodies]
    assert [one.get("stream") for one in sent] == [True, None]
    async with Scripted(status=400, body=json.dumps({"error": {"message": "stream: not known"}})) as scripted:
        error, _ = await refused(streaming(build("openai/m", base_url=f"{scripted.url}/v1")), request("hello"))
    assert len(scripted.bodies) == 2 and "HTTP 400" in str(error)


async def test_an_error_inside_a_stream_and_an_unreadable_event_are_errors() -> None:
    word = json.dumps({"choices": [{"delta": {"content": "half"}, "finish_reason": None}]})
    for event in (json.dumps({"error": {"message": "overloaded"}}), json.dumps({"choices": "many"})):
        body = f"data: {word}\n\ndata: {event}\n\n"
        async with Scripted(body=body, content_type="text/event-stream") as scripted:
            error, shown = await refused(streaming(build("openai/m", base_url=f"{scripted.url}/v1")), request("hello"))
        assert isinstance(error, Transient) and shown == ["half"]


async def test_silence_times_out() -> None:
    async with Scripted(delay_s=5.0) as scripted:
        adapter = build("openai/m", base_url=f"{scripted.url}/v1", timeout=0.2)
        error, _ = await refused(streaming(adapter), request("hello"))
    assert isinstance(error, TimedOut)


async def test_what_a_model_cannot_take_is_refused_before_anything_is_sent(
    server: LoopbackServer, tmp_path: Path
) -> None:
    pictures = [image(tmp_path, image_bytes(), f"{n}.jpg") for n in range(2)]
    error, _ = await refused(at(server, "openai", max_images=1), request(*pictures))
    assert "2 images, the model takes 1" in str(error) and server.records() == []
