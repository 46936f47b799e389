"""Chat completions of OpenAI and of every server that speaks its format (vLLM, Ollama, llama.cpp), by `base_url`.

Knows nothing of tasks or retries. Format: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ValidationError

from sparkles_eval.adapters.base import ModelOptions, Request
from sparkles_eval.adapters.failures import asks_for_other_name
from sparkles_eval.adapters.images import Encoded
from sparkles_eval.adapters.remote import IMAGE, Events, Remote, sent
from sparkles_eval.adapters.sampling import Field
from sparkles_eval.adapters.setup import Provider, Setup, read_setup
from sparkles_eval.errors import AdapterError, Adjusted, UserError
from sparkles_eval.records import JSON, Generation, Image, Message, Model, Reply, Status, Text, Usage

if TYPE_CHECKING:
    from openai import AsyncOpenAI

PROVIDER = Provider(
    kind="openai",
    base_url="https://api.openai.com/v1",
    base_url_env="OPENAI_BASE_URL",
    key_env="OPENAI_API_KEY",
    args={
        "detail": "how closely images are looked at: auto, low, high or original",
        "reasoning_effort": "how long a reasoning model may think, such as low or high",
        "token_field": "name of the token limit: max_tokens or max_completion_tokens",
    },
)
_TOKEN_FIELDS = ("max_tokens", "max_completion_tokens")
_DETAILS = ("auto", "low", "high", "original")
_NO_KEY = "none"


class _Said(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Said
    finish_reason: str | None = None


class _Used(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Step(BaseModel):
    delta: _Said = _Said()
    finish_reason: str | None = None


class _Chunk(BaseModel):
    """The part of a stream's event that is used."""

    choices: tuple[_Step, ...] = ()
    model: str | None = None
    usage: _Used | None = None


class _Completion(BaseModel):
    """The part of a reply that is used; servers add fields of their own, which are let through unread."""

    choices: tuple[_Choice, ...]
    model: str | None = None
    usage: _Used | None = None


def make(model: Model, options: ModelOptions) -> OpenAIAdapter:
    """The adapter factory of kind `openai`. Raises errors.UserError with the mend."""
    setup = read_setup(PROVIDER, model, options)
    for name, allowed in (("token_field", _TOKEN_FIELDS), ("detail", _DETAILS)):
        value = setup.model.settings.get(name)
        if value is not None and value not in allowed:
            raise UserError(f"{model.name}: {name}={value}: one of {', '.join(allowed)} is needed")
    return OpenAIAdapter(setup)


class OpenAIAdapter(Remote):
    """Asks one model through `openai.AsyncOpenAI` on its aiohttp transport."""

    library = "openai"
    streamed: ClassVar[Mapping[str, JSON]] = {"stream": True, "stream_options": {"include_usage": True}}

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        settings = setup.model.settings
        # `max_tokens` is deprecated at the provider, and the only name that other servers are sure to know.
        tokens = settings.get("token_field") or ("max_completion_tokens" if setup.native else "max_tokens")
        self._names: dict[Field, str] = {"temperature": "temperature", "top_p": "top_p", "stop": "stop", "seed": "seed"}
        self._names["max_tokens"] = tokens
        # A name that the user chose is not changed behind his back.
        others = [name for name in _TOKEN_FIELDS if name != tokens]
        self._other_name: str | None = None if settings.get("token_field") else others[0]
        if not setup.native:
            self._names["top_k"] = "top_k"
        self._extra: dict[str, JSON] = {k: settings[k] for k in ("reasoning_effort",) if k in settings}
        self._detail = settings.get("detail")

    @cached_property
    def _client(self) -> AsyncOpenAI:
        import openai

        return openai.AsyncOpenAI(
            api_key=self._setup.key or _NO_KEY,
            base_url=self._setup.endpoint,
            max_retries=0,
            timeout=self._setup.model.limits.timeout_s,
            http_client=openai.DefaultAioHttpClient(event_hooks={"response": [self.hear]}),
        )

    def untaken(self, generation: Generation) -> Sequence[Field]:
        return ("top_k",) if generation.top_k is not None and "top_k" not in self._names else ()

    def payload(self, request: Request, images: Sequence[Encoded]) -> dict[str, JSON]:
        pending = iter(images)
        messages: list[JSON] = []
        if request.conversation.system is not None:
            messages.append({"role": "system", "content": request.conversation.system})
        messages += [{"role": m.role, "content": self._content(m, pending)} for m in request.conversation.messages]
        body: dict[str, JSON] = {"model": self.model.model_id, "messages": messages, **self._extra}
        body.update(sent(request.generation, self._names))
        if request.schema is not None:
            schema: JSON = {"name": "reply", "strict": True, "schema": request.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    def _content(self, message: Message, pending: Iterator[Encoded]) -> JSON:
        if not any(isinstance(part, Image) for part in message.parts):
            return message.text  # a plain text: servers without vision know no parts
        parts: list[JSON] = []
        for part in message.parts:
            if isinstance(part, Text):
                parts.append({"type": "text", "text": part.text})
            else:
                url: dict[str, JSON] = {"url": f"data:{next(pending).media_type};base64,{IMAGE}"}
                if self._detail is not None:
                    url["detail"] = self._detail
                parts.append({"type": "image_url", "image_url": url})
        return parts

    def post(self, content: bytes | AsyncIterator[bytes], headers: Mapping[str, str]) -> Awaitable[bytes]:
        return self._client.post(
            "/chat/completions", cast_to=bytes, content=content, options={"headers": dict(headers)}
        )

    def read(self, body: bytes) -> Reply:
        try:
            completion = _Completion.model_validate_json(body)
        except ValidationError:
            raise self._reporter.malformed(self._reporter.words(body.decode(errors="replace")).message) from None
        if not completion.choices:
            raise self._reporter.malformed("it holds no choice")
        return self.told(completion)

    def told(self, completion: _Completion) -> Reply:
        """The reply in a completion with a choice."""
        choice, used = completion.choices[0], completion.usage or _Used()
        said = choice.message
        status, detail = Status.OK, None
        if said.refusal:
            status, detail = Status.REFUSED, self._reporter.clean(said.refusal)
        elif choice.finish_reason == "content_filter":
            status, detail = Status.REFUSED, "content_filter"
        elif choice.finish_reason == "length":
            status, detail = Status.TRUNCATED, "length"
        usage = Usage(used.prompt_tokens, used.completion_tokens)
        return Reply(said.content or said.refusal or "", status, usage, completion.model, detail)

    async def open(self, content: bytes | AsyncIterator[bytes], headers: Mapping[str, str]) -> Events:
        import openai

        return await self._client.post(
            "/chat/completions",
            cast_to=object,
            content=content,
            options={"headers": dict(headers)},
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )

    def gathering(self) -> _Gathered:
        return _Gathered(self)

    def failure(self, error: Exception) -> AdapterError | Reply:
        import openai

        if not isinstance(error, openai.APIStatusError):
            return self._reporter.lost(error, self.model.limits.timeout_s)
        text = error.response.text
        words = self._reporter.words(text)
        if error.status_code == 400 and words.refusal:
            return Reply("", Status.REFUSED, detail=words.message)
        if error.status_code in (400, 422) and (adjusted := self._renamed(text)):
            return adjusted
        return self._reporter.status(error.status_code, error.response.headers, text)

    def _renamed(self, text: str) -> Adjusted | None:
        """The token limit under its other name, once, where the provider's words ask for that: it is the same limit."""
        now, other = self._names["max_tokens"], self._other_name
        if other is None or not asks_for_other_name(text, now, other):
            return None
        self._names["max_tokens"], self._other_name = other, None
        return Adjusted(f"{self.model.name} takes the token limit as {other} and not as {now}: sent so from now on")

    async def aclose(self) -> None:
        if "_client" in self.__dict__:
            await self._client.close()


class _Gathered:
    """A completion put together from its chunks."""

    def __init__(self, adapter: OpenAIAdapter) -> None:
        self._adapter = adapter
        self._refusal = ""
        self._finish: str | None = None
        self._model: str | None = None
        self._used: _Used | None = None
        self.text = ""

    def take(self, event: object) -> None:
        chunk = _Chunk.model_validate(event)
        self._model = chunk.model or self._model
        self._used = chunk.usage or self._used
        for choice in chunk.choices[:1]:
            self.text += choice.delta.content or ""
            self._refusal += choice.delta.refusal or ""
            self._finish = choice.finish_reason or self._finish

    def reply(self) -> Reply:
        if self._finish is None:
            raise self._adapter.reporter.malformed("its stream ended before the answer did")
        said = _Said(content=self.text or None, refusal=self._refusal or None)
        choice = _Choice(message=said, finish_reason=self._finish)
        return self._adapter.told(_Completion(choices=(choice,), model=self._model, usage=self._used))
