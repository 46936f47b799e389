"""OpenAI's chat completions, and every server that speaks the format (vLLM, Ollama, llama.cpp), by `base_url`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from sparkles_eval.adapters.base import ModelOptions, Request
from sparkles_eval.adapters.image_encoding import EncodedImage
from sparkles_eval.adapters.options import Field
from sparkles_eval.adapters.remote.config import Provider, RemoteConfig, read_remote_config
from sparkles_eval.adapters.remote.endpoints import EndpointPool
from sparkles_eval.adapters.remote.errors import asks_for_other_name
from sparkles_eval.adapters.remote.http import IMAGE, EventStream, RemoteAdapter, sent
from sparkles_eval.adapters.remote.openai_replies import CompletionAccumulator, read_completion
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
        "detail": "how closely images are looked at: auto, low, high or original",
        "reasoning_effort": "how long a reasoning model may think, such as low or high",
        "token_field": "name of the token limit: max_tokens or max_completion_tokens",
    },
)
_TOKEN_FIELDS = ("max_tokens", "max_completion_tokens")
_DETAILS = ("auto", "low", "high", "original")
_NO_KEY = "none"


def make(model: Model, options: ModelOptions) -> OpenAIAdapter | EndpointPool:
    """The adapter factory of kind `openai`. Raises errors.UserError with the mend."""
    setup = read_remote_config(PROVIDER, model, options)
    for name, allowed in (("token_field", _TOKEN_FIELDS), ("detail", _DETAILS)):
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
        self._names: dict[Field, str] = {"temperature": "temperature", "top_p": "top_p", "stop": "stop", "seed": "seed"}
        self._names["max_tokens"] = tokens
        # A name that the user chose is not changed behind his back.
        others = [name for name in _TOKEN_FIELDS if name != tokens]
        self._other_name: str | None = None if settings.get("token_field") else others[0]
        if not setup.native:
            self._names["top_k"] = "top_k"
        self._extra: dict[str, JSON] = {k: settings[k] for k in ("reasoning_effort",) if k in settings}
        self._detail = settings.get("detail")
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

    def unsupported(self, generation: Generation) -> Sequence[Field]:
        return ("top_k",) if generation.top_k is not None and "top_k" not in self._names else ()

    def payload(self, request: Request, images: Sequence[EncodedImage]) -> dict[str, JSON]:
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
                parts.append({"type": "image_url", "image_url": url})
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
        """Leaves out what the SDK adds of its own: a stand-in for a key, the user's organisation at the provider."""
        import openai

        names = ["Authorization"] if self._setup.key is None else []
        names += [] if self._setup.native else ["OpenAI-Organization", "OpenAI-Project"]
        return dict.fromkeys(names, openai.Omit())

    def connect(self) -> None:
        """See http.RemoteAdapter."""
        _ = self._client

    async def aclose(self) -> None:
        if "_client" in self.__dict__:
            await self._client.close()
