"""Messages of Anthropic, and of servers that speak its format, by `base_url`.

Knows nothing of tasks or retries. Format: https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ValidationError

from sparkles_eval.adapters.base import ModelOptions, Request
from sparkles_eval.adapters.images import Encoded
from sparkles_eval.adapters.remote import IMAGE, Events, Remote, sent
from sparkles_eval.adapters.sampling import Field, given
from sparkles_eval.adapters.setup import Provider, Setup, read_setup
from sparkles_eval.errors import AdapterError
from sparkles_eval.records import JSON, Generation, Message, Model, Reply, Status, Text, Usage

if TYPE_CHECKING:
    from anthropic import AsyncAnthropic

PROVIDER = Provider(
    kind="anthropic",
    base_url="https://api.anthropic.com",
    base_url_env="ANTHROPIC_BASE_URL",
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


class _Used(BaseModel):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None

    @property
    def input(self) -> int | None:
        """All input tokens: what came from or went into a cache is not in `input_tokens`."""
        if self.input_tokens is None:
            return None
        return self.input_tokens + (self.cache_creation_input_tokens or 0) + (self.cache_read_input_tokens or 0)


class _StopDetails(BaseModel):
    category: str | None = None
    explanation: str | None = None


class _Reply(BaseModel):
    """The part of a reply that is used; thinking blocks and new fields are let through unread."""

    content: tuple[_Block, ...]
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None
    model: str | None = None
    usage: _Used | None = None


class _Delta(BaseModel):
    text: str = ""
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None


class _Event(BaseModel):
    """The part of a stream's event that is used: each type has some of the fields."""

    type: str
    message: _Reply | None = None
    delta: _Delta = _Delta()
    usage: _Used | None = None


def make(model: Model, options: ModelOptions) -> AnthropicAdapter:
    """The adapter factory of kind `anthropic`. Raises errors.UserError with the mend."""
    return AnthropicAdapter(read_setup(PROVIDER, model, options))


class AnthropicAdapter(Remote):
    """Asks one model through `anthropic.AsyncAnthropic` on its aiohttp transport."""

    library = "anthropic"
    streamed: ClassVar[Mapping[str, JSON]] = {"stream": True}

    def __init__(self, setup: Setup) -> None:
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

    def untaken(self, generation: Generation) -> Sequence[Field]:
        gone: list[Field] = ["seed"]
        if self._setup.native and self._version != _SAMPLED_VERSION:
            gone += ["temperature", "top_p", "top_k"]
        return [name for name in given(generation) if name in gone]

    def payload(self, request: Request, images: Sequence[Encoded]) -> dict[str, JSON]:
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
        extra = {"anthropic-version": self._version} if self._version is not None else {}
        return self._client.post(
            "/v1/messages", cast_to=bytes, content=content, options={"headers": {**headers, **extra}}
        )

    def read(self, body: bytes) -> Reply:
        try:
            reply = _Reply.model_validate_json(body)
        except ValidationError:
            raise self._reporter.malformed(self._reporter.words(body.decode(errors="replace")).message) from None
        return self.told(reply)

    def told(self, reply: _Reply) -> Reply:
        """What a message says, in our form."""
        text = "".join(block.text for block in reply.content if block.type == "text")
        used = reply.usage or _Used()
        usage = Usage(used.input, used.output_tokens)
        status, detail = Status.OK, None
        if reply.stop_reason == "refusal":
            why = reply.stop_details or _StopDetails()
            status, detail = Status.REFUSED, self._reporter.clean(why.explanation or why.category or "refusal")
        elif reply.stop_reason in ("max_tokens", "model_context_window_exceeded"):
            status, detail = Status.TRUNCATED, reply.stop_reason
        return Reply(text, status, usage, reply.model, detail)

    async def open(self, content: bytes | AsyncIterator[bytes], headers: Mapping[str, str]) -> Events:
        import anthropic

        extra = {"anthropic-version": self._version} if self._version is not None else {}
        return await self._client.post(
            "/v1/messages",
            cast_to=object,
            content=content,
            options={"headers": {**headers, **extra}},
            stream=True,
            stream_cls=anthropic.AsyncStream[object],
        )

    def gathering(self) -> _Gathered:
        return _Gathered(self)

    def failure(self, error: Exception) -> AdapterError | Reply:
        import anthropic

        if not isinstance(error, anthropic.APIStatusError):
            return self._reporter.lost(error, self.model.limits.timeout_s)
        return self._reporter.status(error.status_code, error.response.headers, error.response.text)

    async def aclose(self) -> None:
        if "_client" in self.__dict__:
            await self._client.close()


def _content(message: Message, pending: Iterator[Encoded]) -> JSON:
    parts: list[JSON] = []
    for part in message.parts:
        if isinstance(part, Text):
            if part.text.strip():  # the format refuses blank text blocks, which stand between adjacent images
                parts.append({"type": "text", "text": part.text})
        else:
            source: JSON = {"type": "base64", "media_type": next(pending).media_type, "data": IMAGE}
            parts.append({"type": "image", "source": source})
    return parts


class _Gathered:
    """A message put together from its events."""

    def __init__(self, adapter: AnthropicAdapter) -> None:
        self._adapter = adapter
        self._begun = _Reply(content=())
        self._last = _Delta()
        self._used: _Used | None = None
        self.text = ""

    def take(self, event: object) -> None:
        told = _Event.model_validate(event)
        if told.type == "message_start" and told.message is not None:
            self._begun = told.message
        elif told.type == "content_block_delta":
            self.text += told.delta.text
        elif told.type == "message_delta":
            self._last, self._used = told.delta, told.usage

    def reply(self) -> Reply:
        if self._last.stop_reason is None:
            raise self._adapter.reporter.malformed("its stream ended before the answer did")
        begun, last, used = self._begun, self._last, self._begun.usage or _Used()
        if self._used is not None:
            used = used.model_copy(update=self._used.model_dump(exclude_none=True))
        block = _Block(type="text", text=self.text)
        return self._adapter.told(
            _Reply(
                content=(block,),
                stop_reason=last.stop_reason,
                stop_details=last.stop_details,
                model=begun.model,
                usage=used,
            )
        )
