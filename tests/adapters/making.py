"""Small real things for adapter tests: images on disk, requests, and an HTTP server that says what it is told."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import PIL.Image
from aiohttp import web

from sparkles_eval.adapters.base import Adapter, ModelOptions, Request
from sparkles_eval.adapters.build import build_adapter
from sparkles_eval.core import JSON, Conversation, Generation, Image, Message, Part, Sample, Text, Turn

KEY = "sk-test-0123456789abcdef"


def image_bytes(width: int = 40, height: int = 30, kind: str = "JPEG", mode: str = "RGB") -> bytes:
    """A picture whose pixels differ with place, so that it cannot shrink to nothing."""
    picture = PIL.Image.effect_noise((width, height), 80).convert(mode)
    out = io.BytesIO()
    picture.save(out, kind)
    return out.getvalue()


def image(folder: Path, data: bytes, name: str = "a.jpg") -> Image:
    """The record of a picture, as a loader would make it."""
    path = folder / name
    path.write_bytes(data)
    with PIL.Image.open(io.BytesIO(data)) as opened:
        media_type = PIL.Image.MIME[opened.format or ""]
        size = opened.size
    return Image(hashlib.sha256(data).hexdigest(), media_type, *size, len(data), name, name, path=path)


def request(
    *parts: Part | str,
    history: Sequence[tuple[Sequence[Part | str], str]] = (),
    generation: Generation | None = None,
    system: str | None = None,
    schema: JSON = None,
    sample: Sample | None = None,
    epoch: int = 0,
    draw: int = 0,
) -> Request:
    """A request for the last turn of a dialogue; earlier turns come with their answers."""

    def message(content: Sequence[Part | str]) -> Message:
        return Message("user", tuple(Text(p) if isinstance(p, str) else p for p in content))

    messages: list[Message] = []
    for asked, answered in history:
        messages += [message(asked), Message("assistant", (Text(answered),))]
    messages.append(message(parts))
    turns = tuple(Turn(m.parts) for m in messages if m.role == "user")
    return Request(
        Conversation(tuple(messages), system),
        generation or Generation(),
        sample or Sample("s1", turns),
        len(turns),
        epoch,
        draw,
        schema,
    )


def build(spec: str, generation: Generation | None = None, /, **args: object) -> Adapter:
    """An adapter with `--model-arg`s."""
    pairs = tuple((name, str(value)) for name, value in args.items())
    return build_adapter(spec, ModelOptions(pairs, generation or Generation()))


@dataclass
class Scripted:
    """A real HTTP server on loopback that gives one reply to everything and keeps what it was sent."""

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay_s: float = 0.0
    trickle_s: float = 0.0
    """Seconds between the bytes of the reply, for clients that only time each read."""
    hang_up: bool = False
    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    seen: list[Mapping[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2**28)
        app.router.add_route("*", "/{tail:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.read())
        self.seen.append({name.lower(): value for name, value in request.headers.items()})
        self.paths.append(request.path)
        await asyncio.sleep(self.delay_s)
        if self.hang_up and request.transport is not None:
            request.transport.close()
        if not self.trickle_s:
            return web.Response(
                text=self.body, status=self.status, headers=self.headers, content_type=self.content_type
            )
        response = web.StreamResponse(status=self.status, headers={"Content-Type": self.content_type})
        await response.prepare(request)
        for character in self.body:
            await response.write(character.encode())
            await asyncio.sleep(self.trickle_s)
        return response
