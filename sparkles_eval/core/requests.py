"""Records of a model's requests and replies, with the JSON type and the fingerprint that they use."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from sparkles_eval.core.samples import Image, Part, Text

Role: TypeAlias = Literal["system", "user", "assistant"]
JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
"""Any JSON value; used only where foreign data (a JSON schema, a provider's extra field) passes through."""


def fingerprint(value: object, length: int = 64) -> str:
    """Hex SHA-256 (first `length` digits) of a value's canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a request to a model."""

    role: Role
    parts: tuple[Part, ...]

    @property
    def text(self) -> str:
        """The message's text without its images."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages of one request: an optional system text, then user and assistant messages, a user's last."""

    messages: tuple[Message, ...]
    system: str | None = None

    @property
    def images(self) -> tuple[Image, ...]:
        return tuple(p for message in self.messages for p in message.parts if isinstance(p, Image))


@dataclass(frozen=True, slots=True)
class Generation:
    """Generation settings. None means "not sent": the model's own default applies. All are part of the request key.

    What is not set is left out of `json`, so that settings of later versions change no key of before.
    """

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    repetition_penalty: float | None = None
    min_p: float | None = None
    reasoning: bool | None = None
    """Whether the model reasons before it answers, where it can be switched."""
    reasoning_effort: str | None = None
    """How long it reasons, in the provider's words, such as "low"."""
    reasoning_budget: int | None = None
    """Tokens of reasoning at the most, as the provider is asked; `max_tokens` has room for them."""
    extra: tuple[tuple[str, str], ...] = ()
    """Further fields as (name, value as JSON text), sorted by name, such as `chat_template_kwargs.enable_thinking`
    or `extra_body.provider.order`: the steps of a name lead into the request's body."""

    def json(self) -> dict[str, JSON]:
        """The settings that are set, by name, as keys and the store hold them."""
        settings: dict[str, JSON] = {
            "temperature": self.temperature,
            "top_p": self.top_p,
            "top_k": self.top_k,
            "max_tokens": self.max_tokens,
            "seed": self.seed,
            "stop": list(self.stop) or None,
            "presence_penalty": self.presence_penalty,
            "frequency_penalty": self.frequency_penalty,
            "repetition_penalty": self.repetition_penalty,
            "min_p": self.min_p,
            "reasoning": self.reasoning,
            "reasoning_effort": self.reasoning_effort,
            "reasoning_budget": self.reasoning_budget,
        }
        known = {name: value for name, value in settings.items() if value is not None}
        return known | {name: json.loads(value) for name, value in self.extra}


class Status(StrEnum):
    """How one attempt at a request ended."""

    OK = "ok"
    REFUSED = "refused"
    TRUNCATED = "truncated"
    API_ERROR = "api_error"
    TIMEOUT = "timeout"

    @property
    def settled(self) -> bool:
        """True when the model itself replied, so that there is nothing to retry."""
        return self not in (Status.API_ERROR, Status.TIMEOUT)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a request used. None means unknown, which is never the same as 0."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    """All tokens that the model wrote and bills, reasoning included."""
    cost_usd: float | None = None
    reasoning_tokens: int | None = None
    """How many of the output tokens were reasoning."""
    cached_tokens: int | None = None
    """How many of the input tokens the provider had in its cache."""
    cache_write_tokens: int | None = None
    """How many of the input tokens the provider wrote into its cache; they are priced, and not stored."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an adapter returns when the model replied."""

    text: str
    """The answer without its reasoning (core.reply_parts)."""
    status: Status = Status.OK
    """OK, REFUSED or TRUNCATED; anything else is raised as errors.AdapterError."""
    usage: Usage = Usage()
    model_version: str | None = None
    """The snapshot name that the provider reports, such as "gpt-4o-2024-08-06"."""
    detail: str | None = None
    """Why it was refused or truncated, in the provider's words."""
    reasoning: str | None = None
    """The model's reasoning before its answer; None where it shows none."""
    finish: str | None = None
    """The provider's name for how the reply ended, such as "stop" or "length"."""
    latency_s: float | None = None
    """Seconds that the model took, where measuring the whole request would include time in a queue."""
    fingerprint: str | None = None
    """The server's name for what exactly it runs (`system_fingerprint`), where it has one."""


@dataclass(frozen=True, slots=True)
class Response:
    """One attempt at a request, as the store keeps it. `key` covers everything that was asked."""

    key: str
    attempt: int
    status: Status
    text: str | None
    error: str | None
    usage: Usage
    latency_s: float
    model_version: str | None
    created_at: str
    """UTC, ISO 8601."""
    id: int | None = None
    """Row id, once stored."""
    reasoning: str | None = None
    finish: str | None = None
    address: str | None = None
    """Where it was asked; None for what runs in this process, and for what was stored before addresses were."""
