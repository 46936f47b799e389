"""Makes a reply out of what a provider's body says: which endings are answers, and what the others mean.

The endings are a closed list for each format. One that is not in it is named and never graded, because nobody knows
what such a reply is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import JsonValue

from sparkles_eval.adapters.remote.errors import ErrorMapper
from sparkles_eval.core import Reply, Status, Usage
from sparkles_eval.core.errors import AdapterError, Rejected, Transient
from sparkles_eval.core.reply_parts import Ended, take_apart

OPENAI: Mapping[str, Ended] = MappingProxyType(
    {
        **dict.fromkeys(("stop", "eos", "eos_token", "stop_sequence", "end_turn", "complete"), Ended.WHOLE),
        **dict.fromkeys(("length", "max_tokens", "model_length", "model_context_window_exceeded"), Ended.CUT),
        **dict.fromkeys(("content_filter", "safety", "sensitive", "recitation", "error_toxic"), Ended.FILTERED),
        "refusal": Ended.REFUSED,
        **dict.fromkeys(
            ("error", "abort", "aborted", "cancelled", "timeout", "network_error", "insufficient_system_resource"),
            Ended.FAILED,
        ),
    }
)
"""`finish_reason` of chat completions: the provider's own words and those of servers that speak its format."""
ANTHROPIC: Mapping[str, Ended] = MappingProxyType(
    {
        **dict.fromkeys(("end_turn", "stop_sequence"), Ended.WHOLE),
        **dict.fromkeys(("max_tokens", "model_context_window_exceeded"), Ended.CUT),
        "refusal": Ended.REFUSED,
    }
)
"""`stop_reason` of messages. https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons"""
_TOOLS = ("tool_calls", "tool_use", "function_call")


@dataclass(frozen=True, slots=True)
class ReplyBody:
    """What a body says: the text, the fields of reasoning, the name of its ending, and what was used."""

    text: str
    reasoning: Sequence[str | None] = ()
    finish: str | None = None
    refusal: str | None = None
    calls_tool: bool = False
    usage: Usage = Usage()
    model_version: str | None = None
    why: str | None = None
    """The provider's words for a refusal, where it has more than the name of the ending."""


def read_reply(said: ReplyBody, endings: Mapping[str, Ended], reporter: ErrorMapper) -> Reply:
    """The reply that a body holds.

    Raises errors.Transient where the server gave it up on the way, errors.Rejected where it is no answer at all.
    """
    ended = _ending(said, endings)
    if ended is Ended.FAILED:
        raise Transient(f"{reporter.who}: {_failed(said, reporter)}").with_usage(said.usage)
    if ended is Ended.OTHER:
        raise Rejected(f"{reporter.who}: {_other(said, reporter)}").with_usage(said.usage)
    status, detail = Status.OK, None
    if ended in (Ended.REFUSED, Ended.FILTERED):
        status, detail = Status.REFUSED, reporter.clean(said.why or said.refusal or said.finish or "refused")
    elif ended is Ended.CUT:
        status, detail = Status.TRUNCATED, reporter.clean(said.finish or "the server does not say that it is whole")
    parts = take_apart(said.text or said.refusal or "", said.reasoning)
    finish = reporter.clean(said.finish)[:60] if said.finish else None
    return Reply(parts.answer, status, said.usage, said.model_version, detail, parts.reasoning, finish)


def refused_or_raise(error: object, reporter: ErrorMapper, body: str, usage: Usage | None = None) -> Reply:
    """What an `error` inside a body of status 200 means: a filter's is a refusal, as it is under its own status.

    Raises the error for the status that it names, errors.Denied for a used-up account, else errors.Transient.
    """
    words = reporter.words(body)
    if words.refusal:
        return Reply("", Status.REFUSED, usage or Usage(), detail=words.message)
    code = error.get("code") if isinstance(error, dict) else None
    status = int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdecimal()) else 200
    raised: AdapterError = Transient(reporter.clean(f"{reporter.who}: the server's reply is an error: {words.message}"))
    if 400 <= status < 600 or words.out_of_quota:
        raised = reporter.status(status, {}, body)
    raise raised if usage is None else raised.with_usage(usage)


def read_error_body(body: bytes, reporter: ErrorMapper) -> Reply:
    """What a body of status 200 that is no reply means: the `error` that it consists of, as `refused_or_raise` has it.

    Raises errors.Transient where it holds no error either.
    """
    text = body.decode(errors="replace")
    if (error := _error_of(text)) is not None:
        return refused_or_raise(error, reporter, text)
    raise reporter.malformed(reporter.words(text).message) from None


def _error_of(body: str) -> JsonValue:
    """The `error` that a body consists of, or None."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value.get("error") if isinstance(value, dict) else None


def text_of(content: JsonValue) -> tuple[str, list[str]] | None:
    """(text, pieces of reasoning) of a content: a text, a list of parts, or nothing. None where it is none of these."""
    if content is None or isinstance(content, str):
        return content or "", []
    if not isinstance(content, list):
        return None
    text: list[str] = []
    reasoning: list[str] = []
    for part in content:
        if isinstance(part, str):
            text.append(part)
        elif isinstance(part, dict):
            kind = part.get("type", "text")
            thinking = part.get("thinking") or part.get("reasoning") or part.get("summary")
            if kind in ("thinking", "reasoning") or (thinking and "text" not in part):
                reasoning.append(words_of(thinking if thinking is not None else part.get("text")))
            elif kind in ("text", "output_text"):
                text.append(words_of(part.get("text")))
        else:
            return None
    return "".join(text), reasoning


def words_of(value: JsonValue) -> str:
    """The words of a value that is a text, or a list of parts with texts; "" for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return words_of(value.get("text") or value.get("summary") or value.get("content"))
    if isinstance(value, list):
        return "".join(part if isinstance(part, str) else words_of(part) for part in value)
    return ""


def _ending(said: ReplyBody, endings: Mapping[str, Ended]) -> Ended:
    if said.refusal:
        return Ended.REFUSED
    if said.finish is None:
        return Ended.CUT if said.text.strip() else Ended.FAILED
    if said.calls_tool and not said.text.strip():
        return Ended.OTHER
    return endings.get(said.finish.lower(), Ended.OTHER)


def _failed(said: ReplyBody, reporter: ErrorMapper) -> str:
    ended = f"finish reason {reporter.clean(said.finish)[:60]!r}" if said.finish else "no finish reason and no text"
    text = reporter.clean(said.text)[:80]
    return f"the server gave the reply up ({ended})" + (f" after {text!r}" if text else "")


def _other(said: ReplyBody, reporter: ErrorMapper) -> str:
    finish = reporter.clean(said.finish or "")[:60]
    if said.calls_tool or finish in _TOOLS:
        return f"the model called a tool instead of answering (finish reason {finish!r})"
    return f"the reply ended with finish reason {finish!r}, which is not known to be an answer"
