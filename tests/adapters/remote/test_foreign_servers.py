"""Servers that others wrote, run as they are installed: `transformers serve` with a tiny checkpoint, and fakellm.

Each is skipped where its library is not installed: `pip install 'transformers[serving]'`, `pip install fakellm`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from sparkles_eval.adapters.base import StreamingAdapter
from sparkles_eval.core import Generation, Status
from sparkles_eval.core.errors import AdapterError, RateLimited
from tests.adapters.making import build, image, image_bytes, request
from tests.end_to_end.running import cli

START_S = 120.0


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[str]:
    """The address of a server that is started by a command, which `{port}` stands in, and ended afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [part.replace("{port}", str(port)) for part in command]
    log = folder / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            words, cwd=folder, stdout=out, stderr=out, env={**os.environ, "HF_HUB_OFFLINE": "1"}, start_new_session=True
        )
    try:
        until = time.monotonic() + START_S
        while time.monotonic() < until and process.poll() is None:
            with socket.socket() as caller:
                if caller.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        assert process.poll() is None, log.read_text()[-2000:]
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("fastapi") is None, reason="needs transformers[serving]: fastapi is not installed")
async def test_transformers_serve_answers_about_pictures_and_runs_a_task(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'local'")
    from tests.adapters.tiny_llava import write_llava

    folder = write_llava(tmp_path / "llava-tiny")
    serve = [sys.executable, "-c", "from transformers.cli.transformers import main; main()", "serve", str(folder)]
    serve += ["--host", "127.0.0.1", "--port", "{port}", "--device", "cpu"]
    with running(serve, tmp_path) as url:
        pictures = [image(tmp_path, image_bytes(), "a.jpg"), image(tmp_path, image_bytes(kind="PNG"), "b.png")]
        adapter = build(f"openai/{folder}", base_url=url)
        ask = request("Which is brighter", *pictures, "?", generation=Generation(temperature=0, max_tokens=8))
        reply = await adapter.answer(ask)
        assert isinstance(adapter, StreamingAdapter)
        streamed = await adapter.stream(ask, lambda _: None)
        await adapter.aclose()
        assert reply.status in (Status.OK, Status.TRUNCATED) and reply.text == streamed.text
        assert (reply.usage.input_tokens or 0) > 8 and reply.usage.output_tokens
        server = ["--model-arg", f"base_url={url}", "--model-arg", "name=served", "--generation", "max_tokens=8"]
        store = str(tmp_path / "s.db")
        done = cli("run", "-t", "bison-mini", "--limit", "3", "-m", f"openai/{folder}", "--store", store, *server)
        assert done.code in (0, 3), done.err


@pytest.mark.slow
@pytest.mark.skipif(find_spec("fakellm") is None, reason="needs fakellm, an independent mock of both formats")
@pytest.mark.parametrize("kind", ["openai", "anthropic"])
async def test_an_independent_mock_of_both_formats_is_understood(kind: str, tmp_path: Path) -> None:
    (tmp_path / "fakellm.yaml").write_text(
        "version: 1\ndefaults: {fallback: deterministic_echo}\nrules:\n"
        '  - {name: hi, when: {messages_contain: "hello"}, respond: {content: "It is red."}}\n'
        '  - {name: busy, when: {messages_contain: "busy"}, respond: {status: 429, error: "Slow down (mock)"}}\n'
    )
    serve = [sys.executable, "-c", "from fakellm.cli import main; main()", "serve", "--port", "{port}"]
    picture = image(tmp_path, image_bytes(), "a.jpg")
    with running(serve, tmp_path) as url:
        adapter = build(f"{kind}/some-model", base_url=url)
        reply = await adapter.answer(request("hello", picture, generation=Generation(max_tokens=20)))
        assert (reply.text, reply.status) == ("It is red.", Status.OK) and reply.usage.output_tokens
        assert isinstance(adapter, StreamingAdapter)
        grown: list[str] = []
        streamed = await adapter.stream(request("hello"), grown.append)
        assert streamed.text == "It is red." and grown
        with pytest.raises(AdapterError) as caught:
            await adapter.answer(request("busy"))
        await adapter.aclose()
    assert isinstance(caught.value, RateLimited) and "Slow down" in str(caught.value)
