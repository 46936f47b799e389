"""Settles which sampling settings a model is really sent. Knows nothing of providers or requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from sparkles_eval.errors import UserError
from sparkles_eval.records import Generation

Field: TypeAlias = Literal["temperature", "top_p", "top_k", "max_tokens", "seed", "stop"]
FIELDS: tuple[Field, ...] = get_args(Field)
"""The names of `Generation`, in order."""


def given(generation: Generation) -> tuple[Field, ...]:
    """Names of the settings that are set."""
    return tuple(name for name in FIELDS if getattr(generation, name) not in (None, ()))


def override(base: Generation, over: Generation, names: Sequence[Field] | None = None) -> Generation:
    """`base` with what `over` sets (or only those `names` of it)."""
    return replace(base, **{name: getattr(over, name) for name in (given(over) if names is None else names)})


def read_fields(who: str, text: str) -> frozenset[Field]:
    """The setting names in a comma-separated list. Raises errors.UserError on a name that is none."""
    names = {part.strip() for part in text.split(",") if part.strip()}
    unknown = sorted(names - set(FIELDS))
    if unknown:
        raise UserError(f"{who}: {unknown[0]!r} is no generation setting; there are {', '.join(FIELDS)}")
    return frozenset(name for name in FIELDS if name in names)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one model's wishes become what is sent.

    `not_sent` are settings that the model does not take: its preset leaves them out, and the model's settings say so.
    `max_tokens` is the limit where nobody names one. `reasoning_tokens` is added to a task's limit, because models
    that think before they answer spend the same allowance on both, and the task's limit means the answer.
    """

    asked: Generation = Generation()
    not_sent: frozenset[Field] = frozenset()
    max_tokens: int | None = None
    reasoning_tokens: int = 0

    def effective(self, generation: Generation) -> Generation:
        """What is sent when a protocol asks for `generation`; the user's own settings go over it."""
        merged = override(generation, self.asked)
        limit = merged.max_tokens
        if limit is None:
            limit = self.max_tokens
        elif self.asked.max_tokens is None:
            limit += self.reasoning_tokens
        settled = replace(merged, max_tokens=limit)
        return override(Generation(), settled, [name for name in given(settled) if name not in self.not_sent])


def read_sampling(who: str, settings: Mapping[str, str], asked: Generation) -> Sampling:
    """From a model's settings: `not_sent`, `max_tokens`, `reasoning_tokens`.

    Raises errors.UserError when the user asks for a setting that the model does not take.
    """
    not_sent = read_fields(who, settings.get("not_sent", ""))
    clash = [name for name in given(asked) if name in not_sent]
    if clash:
        raise UserError(f"{who} does not take {clash[0]}: leave out --generation {clash[0]}=…")
    limit = settings.get("max_tokens")
    return Sampling(asked, not_sent, int(limit) if limit else None, int(settings.get("reasoning_tokens", "0")))
