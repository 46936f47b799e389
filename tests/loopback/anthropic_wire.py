"""Anthropic messages as the loopback server reads and writes them. Knows nothing of what a model answers.

Field names, stop reasons and error shapes are those of the public API reference and of the anthropic package 2.12.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, JsonValue, ValidationError

from tests.loopback.personas import Answer, pieces
from tests.loopback.question import BadRequest, Question, bench_key, question_key, read_image
from tests.loopback.settings import Strict

PATH = "/v1/messages"
HEADERS = ("anthropic-version",)
"""Headers that a request must have beside its key."""
_STOP = {"stop": "end_turn", "length": "max_tokens", "refusal": "refusal", "filter": "refusal"}


class _Mark(Strict):
    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"] | None = None


class _Text(Strict):
    type: Literal["text"]
    text: str = Field(min_length=1)
    cache_control: _Mark | None = None


class _Source(Strict):
    type: Literal["base64"]
    media_type: Literal["image/jpeg", "image/png", "image/gif", "image/webp"]
    data: str


class _Picture(Strict):
    type: Literal["image"]
    source: _Source
    cache_control: _Mark | None = None


class _Message(Strict):
    role: Literal["user", "assistant"]
    content: str | list[Annotated[_Text | _Picture, Field(discriminator="type")]]


class _Format(Strict):
    type: Literal["json_schema"]
    body: dict[str, JsonValue] = Field(alias="schema")


class _Output(Strict):
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: _Format | None = None


class _Tool(Strict):
    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")
    description: str | None = None
    input_schema: dict[str, JsonValue]


class _Choice(Strict):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class _Request(Strict):
    model: str = Field(min_length=1)
    max_tokens: int = Field(ge=1)
    messages: list[_Message] = Field(min_length=1)
    system: str | list[_Text] | None = None
    temperature: float | None = Field(default=None, ge=0, le=1)
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_k: int | None = Field(default=None, ge=0)
    stop_sequences: list[str] | None = None
    stream: bool | None = None
    output_config: _Output | None = None
    tools: list[_Tool] | None = None
    tool_choice: _Choice | None = None
    thinking: dict[str, JsonValue] | None = None
    metadata: dict[str, str] | None = None


def read(body: bytes, *, bench: bool) -> Question:
    """The question in a request body. Raises BadRequest with the path of the first offending part."""
    try:
        request = _Request.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadRequest(first["msg"], ".".join(str(step) for step in first["loc"]) or None) from error
    texts: list[tuple[str, str]] = []
    if request.system is not None:
        system = request.system if isinstance(request.system, str) else "".join(t.text for t in request.system)
        texts.append(("system", system))
    images: list[str] = []
    for i, message in enumerate(request.messages):
        if i and message.role == request.messages[i - 1].role:
            raise BadRequest("the roles user and assistant must alternate", f"messages.{i}.role")
        texts.append((message.role, _words(message, f"messages.{i}.content")))
        images += _images(message, f"messages.{i}.content", bench=bench)
    if request.messages[0].role != "user" or request.messages[-1].role != "user":
        raise BadRequest("the first and the last message must be the user's", "messages")
    return Question(
        model=request.model,
        texts=tuple(texts),
        images=tuple(images),
        key=bench_key(body) if bench else question_key(request.model, texts, images),
        schema=_schema(request),
        max_tokens=request.max_tokens,
        stop=tuple(request.stop_sequences or ()),
        unsupported=tuple(n for n in ("temperature", "top_p", "top_k") if getattr(request, n) is not None),
        stream=bool(request.stream),
    )


def _schema(request: _Request) -> JsonValue:
    if request.tools or request.tool_choice:
        raise BadRequest("this server speaks structured outputs (output_config.format), not tools", "tools")
    return request.output_config.format.body if request.output_config and request.output_config.format else None


def _words(message: _Message, where: str) -> str:
    if isinstance(message.content, str):
        if not message.content:
            raise BadRequest("a message must not be empty", where)
        return message.content
    if not message.content:
        raise BadRequest("a message must not be empty", where)
    return "".join(part.text for part in message.content if isinstance(part, _Text))


def _images(message: _Message, where: str, *, bench: bool) -> list[str]:
    if isinstance(message.content, str):
        return []
    found: list[str] = []
    for j, part in enumerate(message.content):
        if not isinstance(part, _Picture):
            continue
        place = f"{where}.{j}.source"
        if message.role != "user":
            raise BadRequest("only user messages may hold images", place)
        found.append("" if bench else read_image(part.source.media_type, part.source.data, place))
    return found


def reply(question: Question, answer: Answer, number: int) -> JsonValue:
    """The body of a 200: one text block, usage, and the dated name of the model that answered."""
    refused = answer.finish in ("refusal", "filter")
    details: JsonValue = {"type": "refusal", "category": None, "explanation": answer.detail} if refused else None
    blocks: list[JsonValue] = [] if refused or not answer.text else [{"type": "text", "text": answer.text}]
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": f"{question.model}-20260101",
        "content": blocks,
        "stop_reason": _STOP[answer.finish],
        "stop_sequence": None,
        "stop_details": details,
        "usage": {"input_tokens": answer.input_tokens, "output_tokens": answer.output_tokens},
    }


def events(question: Question, answer: Answer, number: int) -> Iterator[tuple[str, JsonValue]]:
    """The same as a stream: (event's name, data)."""
    whole = reply(question, answer, number)
    assert isinstance(whole, dict)
    begun: dict[str, JsonValue] = {
        **whole,
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": answer.input_tokens, "output_tokens": 1},
    }

    def event(kind: str, **data: JsonValue) -> tuple[str, JsonValue]:
        return kind, {"type": kind, **data}

    yield event("message_start", message=begun)
    yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield event("ping")
    for word in pieces(answer.text if whole["content"] else ""):
        yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
    yield event("content_block_stop", index=0)
    ended: JsonValue = {"stop_reason": whole["stop_reason"], "stop_details": whole["stop_details"]}
    yield event("message_delta", delta=ended, usage={"output_tokens": answer.output_tokens})
    yield event("message_stop")


_ERRORS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


def error(status: int, message: str, param: str | None, number: int) -> JsonValue:
    """The body of an error."""
    text = f"{param}: {message}" if param else message
    kind = _ERRORS.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": text}, "request_id": f"req_{number}"}
