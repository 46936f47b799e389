"""Anthropic's messages, and every server that speaks the format, by `base_url`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, JsonValue, ValidationError

from sparkles_eval.adapters.base import ModelOptions, Request
from sparkles_eval.adapters.image_encoding import EncodedImage
from sparkles_eval.adapters.options import Field, given
from sparkles_eval.adapters.remote.config import Provider, RemoteConfig, read_remote_config
from sparkles_eval.adapters.remote.endings import ANTHROPIC, ReplyBody, error_of, error_within, read_reply
from sparkles_eval.adapters.remote.endpoints import EndpointPool
from sparkles_eval.adapters.remote.http import IMAGE, EventStream, RemoteAdapter, sent
from sparkles_eval.core import JSON, Generation, Message, Model, Reply, Text, Usage
from sparkles_eval.core.amounts import TokenCount
from sparkles_eval.core.errors import AdapterError

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic, Omit

PROVIDER = Provider(
    kind="anthropic",
    base_url="https://api.anthropic.com",
    base_url_env="ANTHROPIC_BASE_URL",
    route="/messages",
    version="",
    key_env="ANTHROPIC_API_KEY",
    args={
        "api_version": "the `anthropic-version` to ask for; 2023-06-01 is the last that takes temperature",
        "effort": "how much effort the model may spend, such as low or high",
    },
)
DEFAULT_MAX_TOKENS = 4096
"""The format demands a limit: this one where neither task, user nor preset names any."""

_SAMPLED_VERSION = "2023-06-01"
_NO_KEY = "none"
_NAMES: Mapping[Field, str] = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_tokens": "max_tokens",
    "stop": "stop_sequences",
}


class _Block(BaseModel):
    type: str
    text: str = ""
    thinking: str = ""


class _Used(BaseModel):
    input_tokens: TokenCount = None
    output_tokens: TokenCount = None
    cache_creation_input_tokens: TokenCount = None
    cache_read_input_tokens: TokenCount = None

    def usage(self, text: str) -> Usage:
        """All input tokens count: what came from or went into a cache is not in `input_tokens`.

        Servers that count nothing say 0, which beside a text is no count.
        """
        asked = None if self.input_tokens is None else self.input_tokens + (self.cache_creation_input_tokens or 0)
        cached = self.cache_read_input_tokens
        written = None if self.output_tokens == 0 and text.strip() else self.output_tokens
        return Usage(asked + (cached or 0) or None if asked is not None else None, written, cached_tokens=cached)


class _StopDetails(BaseModel):
    category: str | None = None
    explanation: str | None = None


class _Reply(BaseModel):
    """The part of a reply that is used; new fields are let through unread."""

    content: tuple[_Block, ...]
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None
    model: str | None = None
    usage: JsonValue = None


class _Delta(BaseModel):
    text: str = ""
    thinking: str = ""
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None


class _Event(BaseModel):
    """The part of a stream's event that is used: each type has some of the fields."""

    type: str
    message: _Reply | None = None
    content_block: _Block | None = None
    delta: _Delta = _Delta()
    usage: JsonValue = None


def make(model: Model, options: ModelOptions) -> AnthropicAdapter | EndpointPool:
    """The adapter factory of kind `anthropic`. Raises errors.UserError with the mend."""
    each = [AnthropicAdapter(one) for one in read_remote_config(PROVIDER, model, options).each()]
    return each[0] if len(each) == 1 else EndpointPool(each)


class AnthropicAdapter(RemoteAdapter):
    """Asks one model through `anthropic.AsyncAnthropic` on its aiohttp transport."""

    streamed: ClassVar[Mapping[str, JSON]] = {"stream": True}

    def __init__(self, setup: RemoteConfig) -> None:
        super().__init__(setup)
        self._version = setup.model.settings.get("api_version")
        self._effort = setup.model.settings.get("effort")

    def effective(self, generation: Generation) -> Generation:
        settled = super().effective(generation)
        return settled if settled.max_tokens is not None else replace(settled, max_tokens=DEFAULT_MAX_TOKENS)

    @cached_property
    def _client(self) -> AsyncAnthropic:
        import anthropic

        return anthropic.AsyncAnthropic(
            api_key=self._setup.key or _NO_KEY,
            base_url=self._setup.endpoint,
            max_retries=0,
            timeout=self._setup.model.limits.timeout_s,
            http_client=anthropic.DefaultAioHttpClient(event_hooks={"response": [self.hear]}),
        )

    def unsupported(self, generation: Generation) -> Sequence[Field]:
        gone: list[Field] = ["seed"]
        if self._setup.native and self._version != _SAMPLED_VERSION:
            gone += ["temperature", "top_p", "top_k"]
        return [name for name in given(generation) if name in gone]

    def payload(self, request: Request, images: Sequence[EncodedImage]) -> dict[str, JSON]:
        pending = iter(images)
        messages: list[JSON] = [
            {"role": message.role, "content": _content(message, pending)} for message in request.conversation.messages
        ]
        body: dict[str, JSON] = {"model": self.model.model_id, "max_tokens": DEFAULT_MAX_TOKENS, "messages": messages}
        body.update(sent(request.generation, _NAMES))
        if request.conversation.system is not None:
            body["system"] = request.conversation.system
        output: dict[str, JSON] = {}
        if self._effort is not None:
            output["effort"] = self._effort
        if request.schema is not None:
            output["format"] = {"type": "json_schema", "schema": request.schema}
        if output:
            body["output_config"] = output
        return body

    def post(self, content: bytes | AsyncIterator[bytes], headers: Mapping[str, str]) -> Awaitable[bytes]:
        return self._client.post(
            "/v1/messages", cast_to=bytes, content=content, options={"headers": {**headers, **self._own_headers}}
        )

    def list_models(self) -> Awaitable[bytes]:
        return self._client.get("/v1/models", cast_to=bytes, options={"headers": self._own_headers})

    def read(self, body: bytes) -> Reply:
        try:
            reply = _Reply.model_validate_json(body)
        except ValidationError:
            text = body.decode(errors="replace")
            if (error := error_of(text)) is not None:
                raise error_within(error, self._reporter, text) from None
            raise self._reporter.malformed(self._reporter.words(text).message) from None
        return self.told(reply)

    def told(self, reply: _Reply) -> Reply:
        """What a message says, in our form."""
        text = "".join(block.text for block in reply.content if block.type == "text")
        reasoning = [block.thinking for block in reply.content if block.type == "thinking"]
        why = reply.stop_details or _StopDetails()
        said = ReplyBody(
            text,
            reasoning,
            reply.stop_reason,
            calls_tool=any(block.type == "tool_use" for block in reply.content),
            usage=_used(reply.usage).usage(text),
            model_version=reply.model,
            why=why.explanation or why.category,
        )
        return read_reply(said, ANTHROPIC, self._reporter)

    async def open(self, content: bytes | AsyncIterator[bytes], headers: Mapping[str, str]) -> EventStream:
        import anthropic

        return await self._client.post(
            "/v1/messages",
            cast_to=object,
            content=content,
            options={"headers": {**headers, **self._own_headers}},
            stream=True,
            stream_cls=anthropic.AsyncStream[object],
        )

    def accumulator(self) -> _Accumulator:
        return _Accumulator(self)

    def failure(self, error: Exception) -> AdapterError | Reply:
        import anthropic

        if not isinstance(error, anthropic.APIStatusError):
            return self._reporter.lost(error, self.model.limits.timeout_s)
        text = error.response.text
        if (refused := self.refused(error.status_code, self._reporter.words(text))) is not None:
            return refused
        return self._reporter.status(error.status_code, error.response.headers, text)

    @property
    def _own_headers(self) -> dict[str, str | Omit]:
        """The version that is asked for, without what the SDK would add of its own: a stand-in for a key."""
        import anthropic

        own: dict[str, str | Omit] = {} if self._version is None else {"anthropic-version": self._version}
        return own | (
            {"X-Api-Key": anthropic.Omit(), "Authorization": anthropic.Omit()} if self._setup.key is None else {}
        )

    def connect(self) -> None:
        """See http.RemoteAdapter."""
        _ = self._client

    async def aclose(self) -> None:
        if "_client" in self.__dict__:
            await self._client.close()


def _content(message: Message, pending: Iterator[EncodedImage]) -> JSON:
    parts: list[JSON] = []
    for part in message.parts:
        if isinstance(part, Text):
            if part.text.strip():  # the format refuses blank text blocks, which stand between adjacent images
                parts.append({"type": "text", "text": part.text})
        else:
            source: JSON = {"type": "base64", "media_type": next(pending).media_type, "data": IMAGE}
            parts.append({"type": "image", "source": source})
    return parts


def _used(raw: JsonValue) -> _Used:
    return _Used.model_validate(raw) if isinstance(raw, dict) else _Used()


class _Accumulator:
    """A message put together from its events."""

    def __init__(self, adapter: AnthropicAdapter) -> None:
        self._adapter = adapter
        self._begun = _Reply(content=())
        self._last = _Delta()
        self._used: dict[str, JsonValue] = {}
        self._reasoning = ""
        self._calls_tool = False
        self.text = ""

    def take(self, event: object) -> None:
        told = _Event.model_validate(event)
        if told.type == "message_start" and told.message is not None:
            self._begun = told.message
        elif told.type == "content_block_start" and told.content_block is not None:
            self._calls_tool = self._calls_tool or told.content_block.type == "tool_use"
        elif told.type == "content_block_delta":
            self.text += told.delta.text
            self._reasoning += told.delta.thinking
        elif told.type == "message_delta":
            self._last = told.delta
            self._used = told.usage if isinstance(told.usage, dict) else {}

    def reply(self) -> Reply:
        if self._last.stop_reason is None:
            raise self._adapter.reporter.malformed("its stream ended before the answer did")
        begun, last = self._begun, self._last
        used = begun.usage if isinstance(begun.usage, dict) else {}
        blocks = [_Block(type="thinking", thinking=self._reasoning), _Block(type="text", text=self.text)]
        blocks += [_Block(type="tool_use")] * self._calls_tool
        return self._adapter.told(
            _Reply(
                content=tuple(blocks),
                stop_reason=last.stop_reason,
                stop_details=last.stop_details,
                model=begun.model,
                usage={**used, **{name: value for name, value in self._used.items() if value is not None}},
            )
        )
