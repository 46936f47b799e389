"""OpenAI chat completions as the loopback server reads and writes them. Knows nothing of what a model answers.

Field names, finish reasons and error shapes are those of the public API reference and of the openai package 3.54.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, ValidationError

from tests.loopback.personas import Answer, pieces
from tests.loopback.question import BadRequest, Question, bench_key, question_key, read_image
from tests.loopback.settings import Strict

PATH = "/v1/chat/completions"
HEADERS: tuple[str, ...] = ()
"""Headers that a request must have beside its key."""
_DATA_URL = "data:"
_FINISH = {"stop": "stop", "length": "length", "refusal": "stop", "filter": "content_filter"}


class _Text(Strict):
    type: Literal["text"]
    text: str


class _Url(Strict):
    url: str
    detail: Literal["auto", "low", "high", "original"] = "auto"


class _Picture(Strict):
    type: Literal["image_url"]
    image_url: _Url


class _Message(Strict):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Annotated[_Text | _Picture, Field(discriminator="type")]]
    name: str | None = None


class _Schema(Strict):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    body: dict[str, JsonValue] = Field(alias="schema")
    strict: bool | None = None
    description: str | None = None


class _Format(Strict):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _Schema | None = None


class _StreamOptions(Strict):
    include_usage: bool = False


class _Request(Strict):
    model: str = Field(min_length=1)
    messages: list[_Message] = Field(min_length=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_k: int | None = None
    """Not OpenAI's; servers such as vLLM take it."""
    min_p: float | None = Field(default=None, ge=0, le=1)
    repetition_penalty: float | None = Field(default=None, gt=0)
    chat_template_kwargs: dict[str, JsonValue] | None = None
    """Not OpenAI's either."""
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    seed: int | None = None
    stop: str | list[str] | None = None
    n: Literal[1] | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    response_format: _Format | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    user: str | None = None
    store: bool | None = None
    metadata: dict[str, str] | None = None


def read(body: bytes, *, bench: bool) -> Question:
    """The question in a request body. Raises BadRequest with the path of the first offending part."""
    try:
        request = _Request.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadRequest(first["msg"], ".".join(str(step) for step in first["loc"]) or None) from error
    if request.max_tokens is not None and request.max_completion_tokens is not None:
        raise BadRequest("max_tokens and max_completion_tokens were both sent", "max_tokens")
    texts: list[tuple[str, str]] = []
    images: list[str] = []
    for i, message in enumerate(request.messages):
        texts.append((message.role, _words(message)))
        images += _images(message, f"messages.{i}.content", bench=bench)
    if request.messages[-1].role != "user":
        raise BadRequest("the last message must be the user's", f"messages.{len(texts) - 1}.role")
    form = request.response_format
    if form is not None and form.type == "json_schema" and form.json_schema is None:
        raise BadRequest("json_schema is missing", "response_format.json_schema")
    stop = request.stop or ()
    sampling = ("temperature", "top_p", "max_tokens")
    return Question(
        model=request.model,
        texts=tuple(texts),
        images=tuple(images),
        key=bench_key(body) if bench else question_key(request.model, texts, images),
        schema=form.json_schema.body if form is not None and form.json_schema is not None else None,
        max_tokens=request.max_completion_tokens or request.max_tokens,
        stop=(stop,) if isinstance(stop, str) else tuple(stop),
        unsupported=tuple(name for name in sampling if getattr(request, name) is not None),
        stream=bool(request.stream),
    )


def _words(message: _Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "".join(part.text for part in message.content if isinstance(part, _Text))


def _images(message: _Message, where: str, *, bench: bool) -> list[str]:
    if isinstance(message.content, str):
        return []
    found: list[str] = []
    for j, part in enumerate(message.content):
        if not isinstance(part, _Picture):
            continue
        place = f"{where}.{j}.image_url.url"
        if message.role != "user":
            raise BadRequest("only user messages may hold images", place)
        url = part.image_url.url
        comma = url.find(",", 0, 64)
        head = url[len(_DATA_URL) : comma]
        if not url.startswith(_DATA_URL) or comma < 0 or not head.endswith(";base64"):
            raise BadRequest("an image must be a base64 data URL here: this server fetches nothing", place)
        found.append("" if bench else read_image(head.removesuffix(";base64"), url[comma + 1 :], place))
    return found


def reply(question: Question, answer: Answer, number: int) -> JsonValue:
    """The body of a 200: one choice, usage, and the dated name of the model that answered."""
    refused = answer.finish == "refusal"
    choice: JsonValue = {
        "index": 0,
        "message": {
            "role": "assistant",
            "content": None if refused else answer.text,
            "refusal": answer.detail if refused else None,
        },
        "logprobs": None,
        "finish_reason": _FINISH[answer.finish],
    }
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": f"{question.model}-2026-01-01",
        "choices": [choice],
        "usage": {
            "prompt_tokens": answer.input_tokens,
            "completion_tokens": answer.output_tokens,
            "total_tokens": answer.input_tokens + answer.output_tokens,
        },
        "system_fingerprint": "fp_loopback",
    }


def events(question: Question, answer: Answer, number: int) -> Iterator[tuple[str, JsonValue]]:
    """The same as a stream: (event's name, data). This format names no events; the last is [DONE]."""
    refused = answer.finish == "refusal"
    base: dict[str, JsonValue] = {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": f"{question.model}-2026-01-01",
        "system_fingerprint": "fp_loopback",
    }

    def chunk(delta: JsonValue, finish: str | None = None) -> tuple[str, JsonValue]:
        return "", {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    yield chunk({"role": "assistant", "content": ""})
    for word in pieces((answer.detail or "") if refused else answer.text):
        yield chunk({"refusal" if refused else "content": word})
    yield chunk({}, _FINISH[answer.finish])
    used = answer.input_tokens + answer.output_tokens
    usage: JsonValue = {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": used,
    }
    yield "", {**base, "choices": [], "usage": usage}
    yield "", "[DONE]"


_ERRORS = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


def error(status: int, message: str, param: str | None, number: int) -> JsonValue:
    """The body of an error."""
    kind, code = _ERRORS.get(status, ("server_error", None))
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
