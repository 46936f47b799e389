"""Anthropic's messages, and every server that speaks the format, by `base_url`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from sparkles_eval.adapters.base import ModelOptions, Request
from sparkles_eval.adapters.image_encoding import EncodedImage
from sparkles_eval.adapters.options import EXTRA_BODY, Field, given, merge_fields, untaken, without
from sparkles_eval.adapters.remote.anthropic_replies import MessageAccumulator, read_message
from sparkles_eval.adapters.remote.config import Provider, RemoteConfig, read_remote_config
from sparkles_eval.adapters.remote.endpoints import EndpointPool
from sparkles_eval.adapters.remote.http import IMAGE, EventStream, RemoteAdapter, sent
from sparkles_eval.core import JSON, Generation, Message, Model, Reply, Text
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
        "cache": "true keeps what requests begin with in the provider's cache; answers are the same",
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
_SAMPLING: tuple[Field, ...] = ("temperature", "top_p", "top_k")
_LEAST_BUDGET = 1024
"""https://platform.claude.com/docs/en/build-with-claude/extended-thinking"""


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
        if settled.max_tokens is None:
            settled = replace(settled, max_tokens=DEFAULT_MAX_TOKENS + (settled.reasoning_budget or 0))
        if _reasons(settled):  # the format takes no sampling settings beside it; the user's own are refused instead
            settled = without(settled, [name for name in _SAMPLING if name not in given(self._setup.sampling.asked)])
        return settled

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

    def unsupported(self, generation: Generation) -> Mapping[str, str]:
        taken: tuple[Field, ...] = (*_NAMES, "reasoning", "reasoning_effort", "reasoning_budget")
        gone = dict.fromkeys(untaken(generation, taken, (EXTRA_BODY,)), "")
        if self._setup.native and self._version != _SAMPLED_VERSION:
            gone |= dict.fromkeys((name for name in given(generation) if name in _SAMPLING), "")
        elif _reasons(generation):
            sampled = [name for name in given(generation) if name in _SAMPLING]
            gone |= dict.fromkeys(sampled, "leave it out, or reasoning")
        if (generation.reasoning_budget or _LEAST_BUDGET) < _LEAST_BUDGET:
            gone["reasoning_budget"] = f"{_LEAST_BUDGET:,} tokens are the least"
        if generation.reasoning_budget is not None and generation.reasoning is False:
            gone["reasoning_budget"] = "reasoning is off"
        return gone

    def payload(self, request: Request, images: Sequence[EncodedImage]) -> dict[str, JSON]:
        pending = iter(images)
        messages: list[JSON] = [
            {"role": message.role, "content": _content(message, pending)} for message in request.conversation.messages
        ]
        body: dict[str, JSON] = {"model": self.model.model_id, "max_tokens": DEFAULT_MAX_TOKENS, "messages": messages}
        body.update(sent(request.generation, _NAMES))
        if request.conversation.system is not None:
            body["system"] = request.conversation.system
        if self._setup.cache:
            _mark_for_cache(body)
        if (thinking := _thinking(request.generation)) is not None:
            body["thinking"] = thinking
        output: dict[str, JSON] = {}
        if effort := request.generation.reasoning_effort or self._effort:
            output["effort"] = effort
        if request.schema is not None:
            output["format"] = {"type": "json_schema", "schema": request.schema}
        if output:
            body["output_config"] = output
        merge_fields(body, request.generation.extra)
        return body

    def post(self, content: bytes | AsyncIterator[bytes], headers: Mapping[str, str]) -> Awaitable[bytes]:
        return self._client.post(
            "/v1/messages", cast_to=bytes, content=content, options={"headers": {**headers, **self._own_headers}}
        )

    def list_models(self) -> Awaitable[bytes]:
        return self._client.get("/v1/models", cast_to=bytes, options={"headers": self._own_headers})

    def read(self, body: bytes) -> Reply:
        return read_message(body, self._reporter)

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

    def accumulator(self) -> MessageAccumulator:
        return MessageAccumulator(self._reporter)

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


def _reasons(generation: Generation) -> bool:
    return bool(generation.reasoning) or generation.reasoning_budget is not None


def _thinking(generation: Generation) -> JSON:
    """The `thinking` of a request. A budget is for models up to 4.6; newer ones reason as they see fit, by `effort`."""
    if generation.reasoning_budget is not None:
        return {"type": "enabled", "budget_tokens": generation.reasoning_budget}
    if generation.reasoning is None:
        return None
    return {"type": "adaptive"} if generation.reasoning else {"type": "disabled"}


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


def _mark_for_cache(body: dict[str, JSON]) -> None:
    """Marks where beginnings that requests share end: the system text, the last picture, and the last block.

    https://platform.claude.com/docs/en/build-with-claude/prompt-caching
    """
    mark: JSON = {"type": "ephemeral"}
    if "system" in body:
        body["system"] = [{"type": "text", "text": body["system"], "cache_control": mark}]
    messages = body["messages"]
    assert isinstance(messages, list)
    blocks: list[dict[str, JSON]] = []
    for message in messages:
        content = message["content"] if isinstance(message, dict) else None
        blocks += [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    pictures = [block for block in blocks if block["type"] == "image"]
    for block in (*pictures[-1:], *blocks[-1:]):
        block["cache_control"] = mark
