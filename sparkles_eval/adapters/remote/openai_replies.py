"""Reads chat completions in OpenAI's format: the reply in a body, or in the chunks of a stream, with what was used."""

from __future__ import annotations

import json
from dataclasses import replace

from pydantic import BaseModel, JsonValue, ValidationError

from sparkles_eval.adapters.remote.endings import (
    OPENAI,
    ReplyBody,
    read_error_body,
    read_reply,
    refused_or_raise,
    text_of,
    words_of,
)
from sparkles_eval.adapters.remote.errors import ErrorMapper
from sparkles_eval.core import Reply, Usage
from sparkles_eval.core.amounts import tokens


class _Message(BaseModel):
    """A message, or a piece of one in a stream. Reasoning has a name of its own at every provider."""

    content: JsonValue = None
    refusal: JsonValue = None
    reasoning: JsonValue = None
    reasoning_content: JsonValue = None
    reasoning_details: JsonValue = None
    tool_calls: JsonValue = None
    function_call: JsonValue = None

    @property
    def calls_tool(self) -> bool:
        return bool(self.tool_calls or self.function_call)

    @property
    def reasoning_text(self) -> str:
        """The first field of reasoning that says something: several names may hold the same."""
        return next(filter(None, map(words_of, (self.reasoning_content, self.reasoning, self.reasoning_details))), "")


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    error: JsonValue = None


class _Step(BaseModel):
    delta: _Message = _Message()
    finish_reason: str | None = None
    error: JsonValue = None


class _Chunk(BaseModel):
    choices: tuple[_Step, ...] = ()
    model: JsonValue = None
    system_fingerprint: JsonValue = None
    usage: JsonValue = None


class _Completion(BaseModel):
    """The part of a reply that is used; servers add fields of their own, which are let through unread."""

    choices: tuple[_Choice, ...]
    model: JsonValue = None
    system_fingerprint: JsonValue = None
    usage: JsonValue = None


def read_completion(body: bytes, reporter: ErrorMapper) -> Reply:
    """The reply in a body of status 200. Raises errors.Transient where it is malformed or an error."""
    try:
        completion = _Completion.model_validate_json(body)
    except ValidationError:
        return read_error_body(body, reporter)
    if not completion.choices:
        raise reporter.malformed("it holds no choice")
    choice = completion.choices[0]
    message = choice.message
    if choice.error:
        return refused_or_raise(
            choice.error, reporter, json.dumps({"error": choice.error}), _usage(completion.usage, "")
        )
    content = text_of(message.content)
    if content is None:
        raise reporter.malformed("its content is neither a text nor a list of parts")
    text, reasoning = content
    said = ReplyBody(
        text,
        (message.reasoning_text, *reasoning),
        choice.finish_reason,
        words_of(message.refusal),
        message.calls_tool,
        _usage(completion.usage, text),
        completion.model if isinstance(completion.model, str) else None,
    )
    return replace(read_reply(said, OPENAI, reporter), fingerprint=_name(completion.system_fingerprint))


class CompletionAccumulator:
    """A completion put together from its chunks."""

    def __init__(self, reporter: ErrorMapper) -> None:
        self._reporter = reporter
        self._refusal = self._reasoning = ""
        self._finish: str | None = None
        self._model: str | None = None
        self._fingerprint: str | None = None
        self._used: JsonValue = None
        self._calls_tool = False
        self.text = ""

    def take(self, event: object) -> None:
        chunk = _Chunk.model_validate(event)
        self._model = chunk.model if isinstance(chunk.model, str) else self._model
        self._fingerprint = _name(chunk.system_fingerprint) or self._fingerprint
        self._used = chunk.usage or self._used
        for choice in chunk.choices[:1]:
            if choice.error:
                refused = refused_or_raise(choice.error, self._reporter, json.dumps({"error": choice.error}))
                self._refusal += refused.detail or "refused"
                self._finish = "content_filter"
            text, reasoning = text_of(choice.delta.content) or ("", [])
            self.text += text
            self._reasoning += "".join(reasoning) or choice.delta.reasoning_text
            self._refusal += words_of(choice.delta.refusal)
            self._calls_tool = self._calls_tool or choice.delta.calls_tool
            self._finish = choice.finish_reason or self._finish

    def reply(self, *, closed: bool) -> Reply:
        # Some servers name no reason and end with the format's mark: that is an end, where a lost connection has none.
        finish = "stop" if closed and self.text else None
        if self._finish is None and finish is None:
            raise self._reporter.malformed("its stream ended before the answer did")
        usage = _usage(self._used, self.text)
        said = ReplyBody(
            self.text, (self._reasoning,), self._finish or finish, self._refusal, self._calls_tool, usage, self._model
        )
        reply = read_reply(said, OPENAI, self._reporter)
        return replace(reply, fingerprint=self._fingerprint, finish=self._finish and reply.finish)


def _name(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value else None


def _usage(raw: JsonValue, text: str) -> Usage:
    """What was used, as far as it can be believed: a count that makes no sense is unknown, never a failure.

    Servers that count nothing say 0, which beside a text is no count. Some leave reasoning out of the completion's
    tokens; where the total shows it, it is added.
    """
    used = raw if isinstance(raw, dict) else {}
    asked, written = tokens(used.get("prompt_tokens")), tokens(used.get("completion_tokens"))
    reasoning_tokens = tokens(_within(used.get("completion_tokens_details"), "reasoning_tokens"))
    cached = tokens(_within(used.get("prompt_tokens_details"), "cached_tokens"))
    if cached is None:
        cached = tokens(used.get("prompt_cache_hit_tokens"))
    if written == 0 and text.strip():
        written = None
    total = tokens(used.get("total_tokens"))
    if asked and written is not None and reasoning_tokens and total == asked + written + reasoning_tokens:
        written += reasoning_tokens
    return Usage(asked or None, written, None, reasoning_tokens, cached)


def _within(value: JsonValue, name: str) -> JsonValue:
    return value.get(name) if isinstance(value, dict) else None
