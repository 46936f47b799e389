"""Reads messages in Anthropic's format: the reply in a body, or in the events of a stream, with what was used."""

from __future__ import annotations

from pydantic import BaseModel, JsonValue, ValidationError

from sparkles_eval.adapters.remote.endings import ANTHROPIC, ReplyBody, read_error_body, read_reply
from sparkles_eval.adapters.remote.errors import ErrorMapper
from sparkles_eval.core import Reply, Usage
from sparkles_eval.core.amounts import TokenCount


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
        asked = asked + (cached or 0) or None if asked is not None else None
        kept = self.cache_creation_input_tokens
        return Usage(asked, written, cached_tokens=cached, cache_write_tokens=kept)


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


def read_message(body: bytes, reporter: ErrorMapper) -> Reply:
    """The reply in a body of status 200. Raises errors.Transient where it is malformed or an error."""
    try:
        reply = _Reply.model_validate_json(body)
    except ValidationError:
        return read_error_body(body, reporter)
    return _as_reply(reply, reporter)


def _as_reply(reply: _Reply, reporter: ErrorMapper) -> Reply:
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
    return read_reply(said, ANTHROPIC, reporter)


def _used(raw: JsonValue) -> _Used:
    return _Used.model_validate(raw) if isinstance(raw, dict) else _Used()


class MessageAccumulator:
    """A message put together from its events."""

    def __init__(self, reporter: ErrorMapper) -> None:
        self._reporter = reporter
        self._begun = _Reply(content=())
        self._last = _Delta()
        self._used: dict[str, JsonValue] = {}
        self._reasoning = ""
        self._calls_tool = False
        self.text = ""

    def take(self, event: object) -> None:
        step = _Event.model_validate(event)
        if step.type == "message_start" and step.message is not None:
            self._begun = step.message
        elif step.type == "content_block_start" and step.content_block is not None:
            self._calls_tool = self._calls_tool or step.content_block.type == "tool_use"
        elif step.type == "content_block_delta":
            self.text += step.delta.text
            self._reasoning += step.delta.thinking
        elif step.type == "message_delta":
            self._last = step.delta
            self._used = step.usage if isinstance(step.usage, dict) else {}

    def reply(self, *, closed: bool) -> Reply:  # noqa: ARG002 - this format's last event is its mark
        if self._last.stop_reason is None:
            raise self._reporter.malformed("its stream ended before the answer did")
        begun, last = self._begun, self._last
        used = begun.usage if isinstance(begun.usage, dict) else {}
        blocks = [_Block(type="thinking", thinking=self._reasoning), _Block(type="text", text=self.text)]
        blocks += [_Block(type="tool_use")] * self._calls_tool
        return _as_reply(
            _Reply(
                content=tuple(blocks),
                stop_reason=last.stop_reason,
                stop_details=last.stop_details,
                model=begun.model,
                usage={**used, **{name: value for name, value in self._used.items() if value is not None}},
            ),
            self._reporter,
        )
