"""The generation settings of a task, a judge, a style or a command line: which there are, and what each must be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from pydantic import Field, JsonValue, field_validator

from sparkles_eval.core import Generation
from sparkles_eval.core.strict_record import Strict

_STEP = re.compile(r"[A-Za-z0-9_-]+")
_FIXED = ("model", "messages", "system", "stream", "stream_options", "n", "tools", "tool_choice", "response_format")
"""Fields of a request's body that are not the user's: they say what is asked, or change what a reply looks like."""
_SECRET = re.compile(
    r"(api[_-]?)?key|((access|api|auth|bearer|hf)[_-])?token|((api|client)[_-])?secret|password|authorization",
    re.IGNORECASE,
)
"""Names of fields that hold a key; `bos_token` and `stop_token` are none."""
_ELSEWHERE = {
    "max_completion_tokens": "max_tokens",
    "max_tokens": "max_tokens",
    "stop_sequences": "stop",
    "chat_template_kwargs": "chat_template_kwargs.NAME",
}


class GenerationSpec(Strict):
    """Generation settings; what is left out is not sent to the model."""

    temperature: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    top_p: float | None = Field(default=None, gt=0, le=1)
    top_k: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    seed: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    """Taken once from the score of every token that the answer has."""
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    """Taken from the score of a token as often as the answer has it."""
    repetition_penalty: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Divides the scores of tokens that prompt or answer have; 1 changes nothing."""
    min_p: float | None = Field(default=None, ge=0, le=1)
    """Leaves out tokens whose probability is below this share of the likeliest one's."""
    reasoning: bool | None = None
    """Whether the model reasons before it answers: on or off."""
    reasoning_effort: str | None = Field(default=None, min_length=1)
    """How long it reasons, in the provider's words, such as low or high."""
    reasoning_budget: int | None = Field(default=None, ge=1)
    """Tokens of reasoning at the most; they go on top of `max_tokens`."""
    chat_template_kwargs: dict[str, JsonValue] = Field(default_factory=dict)
    """Arguments of the model's chat template, such as `enable_thinking: false`."""
    extra_body: dict[str, JsonValue] = Field(default_factory=dict)
    """Fields of the request's body that have no setting here."""

    @field_validator("chat_template_kwargs", "extra_body")
    @classmethod
    def _plain_names(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for path, leaf in leaves(value):
            bad = next((step for step in path if not _STEP.fullmatch(step)), None)
            if bad is not None:
                raise ValueError(f"{bad!r} is no name of a field; letters, digits, '_' and '-' are")
            if _SECRET.fullmatch(path[-1]) and isinstance(leaf, str):
                raise ValueError(f"{'.'.join(path)} looks like a key, and settings are stored; name a variable instead")
            try:
                json.dumps(leaf, allow_nan=False)
            except ValueError:
                raise ValueError(f"{'.'.join(path)} is no finite number") from None
        return value

    @field_validator("extra_body")
    @classmethod
    def _not_known(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for name in value:
            if name in _FIXED:
                raise ValueError(f"{name} is part of every request and no setting")
            if name in cls.model_fields or name in _ELSEWHERE:
                raise ValueError(f"{name} is written {_ELSEWHERE.get(name, name)}, without extra_body")
        return value

    def record(self) -> Generation:
        """The settings as they travel."""
        further = {"chat_template_kwargs": self.chat_template_kwargs, "extra_body": self.extra_body}
        extra = [
            (".".join((top, *path)), json.dumps(leaf, sort_keys=True, ensure_ascii=False))
            for top, value in further.items()
            for path, leaf in leaves(value)
        ]
        known = self.model_dump(exclude={"chat_template_kwargs", "extra_body"})
        return Generation(**known, extra=tuple(sorted(extra)))


def leaves(value: Mapping[str, JsonValue]) -> Iterator[tuple[tuple[str, ...], JsonValue]]:
    """(path, value) of everything within nested objects that is no object with fields itself."""
    for name, within in value.items():
        if isinstance(within, dict) and within:
            for path, leaf in leaves(within):
                yield (name, *path), leaf
        else:
            yield (name,), within
