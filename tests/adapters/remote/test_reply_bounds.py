"""Huge and endless replies, compressed bombs and redirects, through the real SDKs from a real server."""

from __future__ import annotations

import gzip
import json
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from sparkles_eval.adapters.base import Adapter, StreamingAdapter
from sparkles_eval.core.errors import AdapterError, Denied, Unreadable
from tests.adapters.making import KEY, Scripted, build, request

Handler = Callable[[web.Request], object]

OPENAI = {"choices": [{"message": {"role": "assistant", "content": "x" * 100_000}, "finish_reason": "stop"}]}
ANTHROPIC = {"content": [{"type": "text", "text": "x" * 100_000}], "stop_reason": "end_turn"}
KINDS = {"openai": OPENAI, "anthropic": ANTHROPIC}


@asynccontextmanager
async def serving(handler: Callable[[web.Request], object]) -> AsyncIterator[str]:
    """A server that hands every request to the handler; gives its address."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


async def refused(adapter: Adapter) -> AdapterError:
    try:
        with pytest.raises(AdapterError) as caught:
            await adapter.answer(request("hello"))
    finally:
        await adapter.aclose()
    return caught.value


@pytest.mark.parametrize("kind", KINDS)
async def test_a_reply_above_the_bound_fails_and_one_below_is_read(kind: str) -> None:
    async with Scripted(body=json.dumps(KINDS[kind])) as scripted:
        error = await refused(build(f"{kind}/m", base_url=scripted.url, max_reply_mb="0.05"))
        assert isinstance(error, Unreadable)
        assert "larger than 0.05 MB" in str(error) and "max_reply_mb" in str(error)
        adapter = build(f"{kind}/m", base_url=scripted.url, max_reply_mb="0.2")
        assert len((await adapter.answer(request("hello"))).text) == 100_000
        await adapter.aclose()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [200, 500])
async def test_an_endless_body_ends_and_is_not_held(kind: str, status: int) -> None:
    async def endless(asked: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Type": "application/json"})
        await response.prepare(asked)
        while True:  # until the client hangs up
            await response.write(b" " * 65_536)

    async with serving(endless) as url:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        error = await refused(build(f"{kind}/m", base_url=url))
    assert isinstance(error, Unreadable) and "larger than 8 MB" in str(error)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000, "KiB: a few times the bound"


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_small_only_while_compressed_counts_as_it_is(kind: str) -> None:
    bomb = gzip.compress(b" " * 60_000_000)

    async def compressed(_asked: web.Request) -> web.Response:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})

    async with serving(compressed) as url:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        error = await refused(build(f"{kind}/m", base_url=url))
    assert isinstance(error, Unreadable) and "larger than 8 MB" in str(error)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


async def test_a_compressed_reply_of_usual_size_is_read() -> None:
    async def compressed(_asked: web.Request) -> web.Response:
        body = gzip.compress(json.dumps(OPENAI).encode())
        return web.Response(body=body, headers={"Content-Encoding": "gzip", "Content-Type": "application/json"})

    async with serving(compressed) as url:
        adapter = build("openai/m", base_url=url)
        assert len((await adapter.answer(request("hello"))).text) == 100_000
        await adapter.aclose()


async def test_an_endless_stream_ends() -> None:
    event = "data: " + json.dumps({"choices": [{"delta": {"content": "x" * 5_000}}]}) + "\n\n"

    async def endless(asked: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(asked)
        while True:
            await response.write(event.encode())

    async with serving(endless) as url:
        adapter = build("openai/m", base_url=url, max_reply_mb="0.05")
        assert isinstance(adapter, StreamingAdapter)
        with pytest.raises(Unreadable, match=r"larger than 0\.4 MB"):
            await adapter.stream(request("hello"), lambda _: None)
        await adapter.aclose()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_another_host_gets_neither_request_nor_key(
    kind: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", KEY)
    async with Scripted(body=json.dumps(KINDS[kind])) as other:
        location = {"Location": other.url.replace("127.0.0.1", "localhost") + "/elsewhere"}
        async with Scripted(status=status, headers=location) as scripted:
            error = await refused(build(f"{kind}/m", base_url=scripted.url, api_key_env="SOME_KEY"))
    assert isinstance(error, Denied) and "sends requests on to http://localhost:" in str(error)
    assert other.bodies == [] and KEY not in str(error)


async def test_another_port_and_what_is_no_address_are_not_followed() -> None:
    async with Scripted() as other, Scripted(status=307, headers={"Location": other.url}) as scripted:
        assert isinstance(await refused(build("openai/m", base_url=scripted.url)), Denied)
        assert other.bodies == []
    async with Scripted(status=307, headers={"Location": "http://[oops"}) as scripted:
        assert isinstance(await refused(build("openai/m", base_url=scripted.url)), AdapterError)


async def test_another_path_of_the_same_host_is_followed() -> None:
    async def moved(asked: web.Request) -> web.Response:
        if asked.path.startswith("/v2"):
            return web.json_response(OPENAI)
        return web.Response(status=307, headers={"Location": f"/v2{asked.path}"})

    async with serving(moved) as url:
        adapter = build("openai/m", base_url=url)
        assert len((await adapter.answer(request("hello"))).text) == 100_000
        await adapter.aclose()
