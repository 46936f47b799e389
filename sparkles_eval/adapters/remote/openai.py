"""OpenAI's chat completions, and every server that speaks the format (vLLM, Ollama, llama.cpp), by `base_url`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from sparkles_eval.adapters.base import ModelOptions, Request
from sparkles_eval.adapters.image_encoding import EncodedImage
from sparkles_eval.adapters.options import EXTRA_BODY, TEMPLATE_KWARGS, Field, merge, merge_fields, untaken
from sparkles_eval.adapters.remote.config import Provider, RemoteConfig, read_remote_config
from sparkles_eval.adapters.remote.endpoints import EndpointPool
from sparkles_eval.adapters.remote.errors import asks_for_other_name
from sparkles_eval.adapters.remote.http import IMAGE, EventStream, RemoteAdapter, sent
from sparkles_eval.adapters.remote.keys import read_headers
from sparkles_eval.adapters.remote.openai_replies import CompletionAccumulator, read_completion
from sparkles_eval.adapters.remote.reasoning_fields import REASONING_ARGS, read_reasoning_fields
from sparkles_eval.core import JSON, Generation, Image, Message, Model, Reply, Text
from sparkles_eval.core.errors import AdapterError, RequestAdjusted, UserError

if TYPE_CHECKING:
    from openai import AsyncOpenAI, Omit

PROVIDER = Provider(
    kind="openai",
    base_url="https://api.openai.com/v1",
    base_url_env="OPENAI_BASE_URL",
    route="/chat/completions",
    version="/v1",
    key_env="OPENAI_API_KEY",
    args={
        "keep_reasoning": "true sends earlier answers back with the reasoning that stood before them",
        **REASONING_ARGS,
        "detail": "how closely images are looked at: auto, low, high or original",
        "headers": "further headers of every request, as JSON; none of them a key",
        "image_url": 'object for {"url": …}, or text for the bare address, around an image',
        "key_header": "name of the header that carries the key alone, where it is not Authorization: Bearer",
        "reasoning_effort": "how long a reasoning model may think, such as low or high",
        "seed_field": "name of the seed's field, where it is not seed",
        "system": "message, or first_user where the server takes no system message: the words then go before the first",
        "token_field": "name of the token limit: max_tokens or max_completion_tokens",
    },
)
_TOKEN_FIELDS = ("max_tokens", "max_completion_tokens")
_CHOICES = {
    "token_field": _TOKEN_FIELDS,
    "detail": ("auto", "low", "high", "original"),
    "image_url": ("object", "text"),
    "system": ("message", "first_user"),
}
_NO_KEY = "none"
_TAKEN: tuple[Field, ...] = (
    "temperature",
    "top_p",
    "stop",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "reasoning_effort",
)
_TAKEN_BY_SERVERS: tuple[Field, ...] = ("top_k", "min_p", "repetition_penalty")
"""What OpenAI itself has no field for, and vLLM, SGLang, llama.cpp and others have."""


def make(model: Model, options: ModelOptions) -> OpenAIAdapter | EndpointPool:
    """The adapter factory of kind `openai`. Raises errors.UserError with the mend."""
    setup = read_remote_config(PROVIDER, model, options)
    for name, allowed in _CHOICES.items():
        value = setup.model.settings.get(name)
        if value is not None and value not in allowed:
            raise UserError(f"{model.name}: {name}={value}: one of {', '.join(allowed)} is needed")
    each = [OpenAIAdapter(one) for one in setup.each()]
    return each[0] if len(each) == 1 else EndpointPool(each)


class OpenAIAdapter(RemoteAdapter):
    """Asks one model through `openai.AsyncOpenAI` on its aiohttp transport."""

    streamed: ClassVar[Mapping[str, JSON]] = {"stream": True, "stream_options": {"include_usage": True}}

    def __init__(self, setup: RemoteConfig) -> None:
        super().__init__(setup)
        settings = setup.model.settings
        # `max_tokens` is deprecated at the provider, and the only name that other servers are sure to know.
        tokens = settings.get("token_field") or ("max_completion_tokens" if setup.native else "max_tokens")
        taken = _TAKEN if setup.native else (*_TAKEN, *_TAKEN_BY_SERVERS)
        self._names: dict[Field, str] = {**dict(zip(taken, taken, strict=True)), "max_tokens": tokens}
        self._names["seed"] = settings.get("seed_field") or "seed"
        self._extra_prefixes = (EXTRA_BODY,) if setup.native else (EXTRA_BODY, TEMPLATE_KWARGS)
        self._reasoning = read_reasoning_fields(setup.model.name, settings, native=setup.native, hosted=setup.hosted)
        # A name that the user chose is not changed behind his back.
        others = [name for name in _TOKEN_FIELDS if name != tokens]
        self._other_name: str | None = None if settings.get("token_field") else others[0]
        self._extra: dict[str, JSON] = {k: settings[k] for k in ("reasoning_effort",) if k in settings}
        self._detail = settings.get("detail")
        self._bare_url = settings.get("image_url") == "text"
        self._system_first = settings.get("system") == "first_user"
        self._headers = read_headers(setup.model.name, settings.get("headers"))
        self._root = setup.endpoint
        self._other_root = setup.other_roots.get(setup.endpoint)

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

    def unsupported(self, generation: Generation) -> Mapping[str, str]:
        names = (*self._names, "reasoning", "reasoning_budget")
        gone = dict.fromkeys(untaken(generation, names, self._extra_prefixes), "")
        return gone | self._reasoning.untaken(generation)

    def payload(self, request: Request, images: Sequence[EncodedImage]) -> dict[str, JSON]:
        pending = iter(images)
        messages: list[JSON] = []
        said, system = list(request.conversation.messages), request.conversation.system
        if system is not None and self._system_first:
            said[0] = replace(said[0], parts=(Text(f"{system}\n\n"), *said[0].parts))
        elif system is not None:
            messages.append({"role": "system", "content": system})
        messages += [{"role": m.role, "content": self._content(m, pending)} for m in said]
        body: dict[str, JSON] = {"model": self.model.model_id, "messages": messages, **self._extra}
        body.update(sent(request.generation, self._names))
        merge(body, self._reasoning.body(request.generation))
        merge_fields(body, request.generation.extra)
        if request.schema is not None:
            schema: JSON = {"name": "reply", "strict": True, "schema": request.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        return body

    def _content(self, message: Message, pending: Iterator[EncodedImage]) -> JSON:
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
                parts.append({"type": "image_url", "image_url": url["url"] if self._bare_url else url})
        return parts

    def post(self, content: bytes | AsyncIterator[bytes], headers: Mapping[str, str]) -> Awaitable[bytes]:
        return self._client.post(
            f"{self._root}/chat/completions",
            cast_to=bytes,
            content=content,
            options={"headers": {**headers, **self._own_headers}},
        )

    def list_models(self) -> Awaitable[bytes]:
        return self._client.get(f"{self._root}/models", cast_to=bytes, options={"headers": self._own_headers})

    def read(self, body: bytes) -> Reply:
        return read_completion(body, self._reporter)

    async def open(self, content: bytes | AsyncIterator[bytes], headers: Mapping[str, str]) -> EventStream:
        import openai

        return await self._client.post(
            f"{self._root}/chat/completions",
            cast_to=object,
            content=content,
            options={"headers": {**headers, **self._own_headers}},
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )

    def accumulator(self) -> CompletionAccumulator:
        return CompletionAccumulator(self._reporter)

    def failure(self, error: Exception) -> AdapterError | Reply:
        import openai

        if not isinstance(error, openai.APIStatusError):
            return self._reporter.lost(error, self.model.limits.timeout_s)
        text = error.response.text
        words = self._reporter.words(text)
        if (refused := self.refused(error.status_code, words)) is not None:
            return refused
        if error.status_code == 404 and not words.is_about_model and (moved := self._moved()):
            return moved
        if error.status_code in (400, 422) and (adjusted := self._renamed(text)):
            return adjusted
        return self._reporter.status(error.status_code, error.response.headers, text)

    def _renamed(self, text: str) -> RequestAdjusted | None:
        """The token limit under its other name, once, where the provider's words ask for that."""
        now, other = self._names["max_tokens"], self._other_name
        if other is None or not asks_for_other_name(text, now, other):
            return None
        self._names["max_tokens"], self._other_name = other, None
        return RequestAdjusted(
            f"{self.model.name} takes the token limit as {other} and not as {now}: sent so from now on"
        )

    def _moved(self) -> RequestAdjusted | None:
        """The other way to read an address that was written without a path, once."""
        other, self._other_root = self._other_root, None
        if other is None:
            return None
        self._root = other
        return RequestAdjusted(f"{self.model.name} is not at {self._setup.endpoint}: asked at {other} from now on")

    @property
    def _own_headers(self) -> dict[str, str | Omit]:
        """The server's own headers, without what the SDK adds: a stand-in for a key, the user's organisation."""
        import openai

        key, header = self._setup.key, self._setup.key_header
        names = ["Authorization"] if key is None or header else []
        names += [] if self._setup.native else ["OpenAI-Organization", "OpenAI-Project"]
        own: dict[str, str | Omit] = {**self._headers, **dict.fromkeys(names, openai.Omit())}
        return own | ({header: key} if header and key is not None else {})

    def connect(self) -> None:
        """See http.RemoteAdapter."""
        _ = self._client

    async def aclose(self) -> None:
        if "_client" in self.__dict__:
            await self._client.close()
