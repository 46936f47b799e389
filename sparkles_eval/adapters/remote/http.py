"""Base class of models behind HTTP: checks, images, one attempt, streaming."""

from __future__ import annotations

import asyncio
import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import ClassVar, Protocol

from pydantic import ValidationError

from sparkles_eval.adapters.base import Request
from sparkles_eval.adapters.image_encoding import EncodedImage, encode_image
from sparkles_eval.adapters.options import FIELDS, Field, given, untaken_words
from sparkles_eval.adapters.remote.config import RemoteConfig
from sparkles_eval.adapters.remote.endpoints import listed_model
from sparkles_eval.adapters.remote.errors import ErrorMapper, ErrorReply
from sparkles_eval.adapters.remote.rate_headers import RateLimits, read_rate_limits
from sparkles_eval.adapters.remote.reply_bounds import HookedResponse, bound_reply, refuse_other_hosts
from sparkles_eval.core import JSON, Generation, Model, Reply, Status, Usage
from sparkles_eval.core.errors import AdapterError, Rejected
from sparkles_eval.core.long_texts import read_aside

IMAGE = f"[image {secrets.token_hex(16)}]"
"""Stands for an image's base64 while a body is made; random, so that no text of a task or model can hold it."""

_STREAMED = 2**20
_DONE = b"[DONE]"
_LISTING_S = 10.0


class EventStream(Protocol):
    """A provider's stream, as its SDK reads it."""

    @property
    def response(self) -> object: ...

    def __aiter__(self) -> AsyncIterator[object]: ...

    async def close(self) -> None: ...


class StreamAccumulator(Protocol):
    """Puts a reply together from the events of its stream."""

    @property
    def text(self) -> str:
        """So far."""
        ...

    def take(self, event: object) -> None:
        """The next event. Raises pydantic.ValidationError where it is malformed."""
        ...

    def reply(self, *, closed: bool) -> Reply:
        """The reply, after the last event; `closed` says that the server marked its end.

        Raises errors.Transient where the stream ended before it did.
        """
        ...


class RemoteAdapter(ABC):
    """One model behind an SDK's client: checks, encodes, asks once, and words what went wrong.

    A subclass says how a request is written (`payload`), what is not taken (`untaken`), how it is posted and how a
    reply is read. The SDK's client is used for connections, headers, authorisation and errors; the body is made
    here, because its own transforms walk through every character of the images.
    """

    streamed: ClassVar[Mapping[str, JSON]]
    """What a body says that asks for a stream."""

    def __init__(self, setup: RemoteConfig) -> None:
        self._setup = setup
        self._reporter = setup.reporter
        self._rate_listener: Callable[[RateLimits], None] = lambda _: None
        self._ready = False

    @property
    def model(self) -> Model:
        return self._setup.model

    @property
    def endpoints(self) -> Sequence[RemoteAdapter]:
        """See base.AddressedAdapter."""
        return (self,)

    @property
    def address(self) -> str:
        """See base.AddressedAdapter."""
        return self._setup.endpoint

    @property
    def same_model(self) -> bool:
        """See base.AddressedAdapter."""
        return self._setup.same_model

    def identify(self, model: Model) -> None:
        """See base.AddressedAdapter."""
        self._setup = replace(self._setup, model=model)

    async def listing(self) -> str | None:
        """See base.AddressedAdapter."""
        try:
            await self._load()
            async with asyncio.timeout(_LISTING_S):
                body = await self.list_models()
        except Exception:  # noqa: BLE001 - whatever went wrong, the server says nothing
            return None
        return listed_model(body, self.model.model_id)

    @property
    def reporter(self) -> ErrorMapper:
        """Words this model's errors."""
        return self._reporter

    @property
    def structured(self) -> bool:
        return self._setup.structured

    def on_rate_limits(self, listener: Callable[[RateLimits], None]) -> None:
        """See base.AnnouncedLimits."""
        self._rate_listener = listener

    async def hear(self, response: HookedResponse) -> None:
        """Hook of the SDK's HTTP client: sees every reply's headers before its body is read."""
        refuse_other_hosts(response, self._reporter)
        bound_reply(response, self.model.limits.max_reply_bytes, self._reporter)
        limits = read_rate_limits(response.headers)
        if limits is not None:
            self._rate_listener(limits)

    def effective(self, generation: Generation) -> Generation:
        return self._setup.sampling.effective(generation)

    @abstractmethod
    def unsupported(self, generation: Generation) -> Mapping[str, str]:
        """The settings among those given that this provider has no field for, each with what to do instead."""

    @abstractmethod
    def payload(self, request: Request, images: Sequence[EncodedImage]) -> dict[str, JSON]:
        """The body, with `IMAGE` where the base64 of each image goes, in order."""

    @abstractmethod
    def post(self, content: bytes | AsyncIterator[bytes], headers: Mapping[str, str]) -> Awaitable[bytes]:
        """Sends a body and gives the reply's."""

    @abstractmethod
    def list_models(self) -> Awaitable[bytes]:
        """The server's list of models."""

    @abstractmethod
    def read(self, body: bytes) -> Reply:
        """The reply in a body of status 200. Raises errors.Transient where it is malformed."""

    @abstractmethod
    def open(self, content: bytes | AsyncIterator[bytes], headers: Mapping[str, str]) -> Awaitable[EventStream]:
        """Sends a body that asks for a stream, and gives its events as parsed JSON."""

    @abstractmethod
    def accumulator(self) -> StreamAccumulator:
        """Takes the events of one stream."""

    @abstractmethod
    def failure(self, error: Exception) -> AdapterError | Reply:
        """What an exception of the SDK means; a refusal by the provider's filter is a reply."""

    @abstractmethod
    def connect(self) -> None:
        """Import the SDK and make its client, where that has not been done. Opens no connection."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connections."""

    def check(self, request: Request) -> str | None:
        return self._misshapen(request) or self._beyond(request)

    def _misshapen(self, request: Request) -> str | None:
        messages = request.conversation.messages
        roles = [message.role for message in messages]
        if not roles or roles[-1] != "user" or "system" in roles:
            return "a conversation is user and assistant messages, a user's last"
        if any(message.role == "assistant" and not message.text for message in messages):
            return "an earlier answer of the model is empty, and providers do not take an empty message back"
        missing = next((image for image in request.conversation.images if image.path is None), None)
        return f"image {missing.relpath}: its bytes are not here" if missing is not None else None

    def _beyond(self, request: Request) -> str | None:
        count, most = len(request.conversation.images), self.model.limits.max_images
        if most is not None and count > most:
            return f"{count} images, the model takes {most}"
        if request.schema is not None and not self.structured:
            return "a JSON schema for the reply, which this server is not known to take (--model-arg structured=true)"
        gone = self.unsupported(request.generation)
        if set(gone) <= set(FIELDS):
            names = [name for name in FIELDS if name in gone]
            gone = {name: gone[name] or f"--model-arg drop={','.join(names)}" for name in names}
        return untaken_words(gone)

    async def answer(self, request: Request) -> Reply:
        content, headers = await self._written(request)
        seconds = self.model.limits.timeout_s
        began = monotonic()
        try:
            async with asyncio.timeout(seconds):
                body = await self.post(content, headers)
        except TimeoutError:
            raise self._reporter.timed_out(seconds) from None
        except Exception as error:  # noqa: BLE001 - the SDKs pass on errors of three libraries below them
            return self._failed(error)
        took = monotonic() - began
        self._accepted()
        read = partial(self._priced, partial(self.read, body))
        return replace(await read_aside(len(body), read), latency_s=took)

    async def stream(self, request: Request, grown: Callable[[str], None]) -> Reply:
        """See base.StreamingAdapter. A server that takes no streams is asked for the whole; silence times out."""
        content, headers = await self._written(request, self.streamed)
        seconds, gathered = self.model.limits.timeout_s, self.accumulator()
        events: EventStream | None = None
        told, began = False, monotonic()
        try:
            async with asyncio.timeout(seconds) as clock:
                events = await self.open(content, headers)
                async for event in events:
                    told = True
                    self._accepted()
                    gathered.take(event)
                    grown(gathered.text)
                    clock.reschedule(asyncio.get_running_loop().time() + seconds)
        except TimeoutError:
            raise self._reporter.timed_out(seconds) from None
        except ValidationError:
            raise self._reporter.malformed("an event of its stream cannot be read") from None
        except Exception as error:  # noqa: BLE001 - as above
            try:
                return self._failed(error)
            except Rejected:
                return await self.answer(request)
        finally:
            if events is not None:
                await events.close()
        # A simple server answers in one piece whatever it was asked for.
        if not told:
            return await self.answer(request)
        closed = _DONE in getattr(events.response, "last_read", b"")
        return replace(self._priced(partial(gathered.reply, closed=closed)), latency_s=monotonic() - began)

    async def _written(
        self, request: Request, more: Mapping[str, JSON] | None = None
    ) -> tuple[bytes | AsyncIterator[bytes], dict[str, str]]:
        """The body of a request and its headers. Raises errors.Rejected for what the model cannot take."""
        problem = self.check(request)
        if problem is not None:
            raise Rejected(f"{self.model.name}: {problem}")
        pictures = [await encode_image(image, self.model.limits) for image in request.conversation.images]
        content, headers = _body(splice({**self.payload(request, pictures), **(more or {})}, pictures))
        await self._load()
        return content, headers

    async def _load(self) -> None:
        """Import the SDK and make its client in a thread, and before a clock runs: the loop goes on meanwhile."""
        if not self._ready:
            await asyncio.to_thread(self.connect)
            self._ready = True

    def _accepted(self) -> None:
        """A server that replied takes requests as they are, without a key or with it."""
        if self._reporter.keyless:
            self._reporter = replace(self._reporter, keyless=False)

    def refused(self, status: int, words: ErrorReply) -> Reply | None:
        """The reply that a 4xx of a filter is, or None where the error is another one."""
        return Reply("", Status.REFUSED, detail=words.message) if 400 <= status < 500 and words.refusal else None

    def _failed(self, error: Exception) -> Reply:
        """A refusal by the provider's filter is a reply; anything else is raised."""
        outcome = self.failure(error)
        if isinstance(outcome, Reply):
            return outcome
        raise outcome from None

    def _priced(self, read: Callable[[], Reply]) -> Reply:
        """What is read, with its cost; a failure that says what it used has one too."""
        try:
            reply = read()
        except AdapterError as error:
            if error.usage is not None:
                error.usage = self._billed(error.usage)
            raise
        return replace(reply, usage=self._billed(reply.usage))

    def _billed(self, usage: Usage) -> Usage:
        cost = 0.0 if self.model.free else self.model.prices.cost(usage)
        return replace(usage, cost_usd=cost)


def splice(payload: JSON, images: Sequence[EncodedImage]) -> list[bytes]:
    """The body in pieces: JSON written once, base64 put in between as it is (it needs no escaping)."""
    rest = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode().split(IMAGE.encode())
    if len(rest) != len(images) + 1:
        raise Rejected("a text of the conversation holds the random mark that stands for images; run again")
    pieces = [rest[0]]
    for image, text in zip(images, rest[1:], strict=True):
        pieces += (image.base64, text)
    return pieces


def _body(pieces: Sequence[bytes]) -> tuple[bytes | AsyncIterator[bytes], dict[str, str]]:
    size = sum(map(len, pieces))
    if size <= _STREAMED:
        return b"".join(pieces), {}
    # Above 1 MiB aiohttp wants a body in pieces, so that writing it does not hold up the event loop.
    return _stream(pieces), {"Content-Length": str(size)}


async def _stream(pieces: Sequence[bytes]) -> AsyncIterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), _STREAMED // 4):
            yield piece[start : start + _STREAMED // 4]


def sent(generation: Generation, names: Mapping[Field, str]) -> dict[str, JSON]:
    """The given settings under a provider's names; those without a name are the caller's matter."""
    values: dict[str, JSON] = {}
    for field in given(generation):
        if field in names:
            value = getattr(generation, field)
            values[names[field]] = list(value) if field == "stop" else value
    return values
