"""Reads a model's `--model-arg` pairs, and settles which sampling settings it is sent."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from sparkles_eval.adapters.base import ModelOptions
from sparkles_eval.core import JSON, Generation
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.suggestions import did_you_mean

TRUST = "trust_remote_code"
"""The argument that runs a checkpoint's own code: only a command line may give it, never a file that travels."""
EXTRA_BODY, TEMPLATE_KWARGS = "extra_body.", "chat_template_kwargs."
"""How the names of further generation settings begin."""
_SECRET = ("api_key", "key", "token", "password", "auth_token")


class ModelArguments:
    """Checked names, typed values. `known` maps each name to one line of help.

    Raises errors.UserError for an unknown name (with those that are known), a name given twice, a value that cannot
    be read, and for anything that looks like a key: a command line ends up in logs and in the store.
    """

    def __init__(self, who: str, options: ModelOptions, known: Mapping[str, str]) -> None:
        self._who = who
        self._values: dict[str, str] = {}
        for name, value in options.args:
            if name in _SECRET and name not in known:
                raise UserError(
                    f"{who}: --model-arg {name}=… is not accepted, a key on the command line ends up in logs; "
                    "set an environment variable and name it with --model-arg api_key_env=NAME"
                )
            if name not in known:
                listed = ", ".join(sorted(known)) or "none"
                hint = did_you_mean(name, known)
                only = ""
                if name == "base_url":  # it is said for one model of several that have no server
                    only = "; write openai:base_url=… where it is for the models of a kind"
                raise UserError(f"{who}: unknown --model-arg {name!r}{hint}; this model knows {listed}{only}")
            if name in self._values:
                raise UserError(f"{who}: --model-arg {name} is given twice; name it once")
            self._values[name] = value

    def text(self, name: str) -> str | None:
        """The value, or None where it was not given. An empty value counts as given."""
        return self._values.get(name)

    def integer(self, name: str, low: int = 1) -> int | None:
        """A whole number of at least `low`."""
        raw = self._values.get(name)
        if raw is None:
            return None
        try:
            value = int(raw)
        except ValueError:
            value = low - 1
        if value < low:
            raise UserError(f"{self._who}: --model-arg {name}={raw}: a whole number of at least {low} is needed")
        return value

    def number(self, name: str, *, positive: bool = False) -> float | None:
        """A finite number that is not negative (or, with `positive`, above zero)."""
        raw = self._values.get(name)
        if raw is None:
            return None
        try:
            value = float(raw)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf") or (positive and value == 0):
            kind = "above 0" if positive else "of 0 or more"
            raise UserError(f"{self._who}: --model-arg {name}={raw}: a number {kind} is needed")
        return value

    def flag(self, name: str) -> bool | None:
        """true/false (also yes/no, 1/0)."""
        raw = self._values.get(name)
        if raw is None:
            return None
        value = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(raw.lower())
        if value is None:
            raise UserError(f"{self._who}: --model-arg {name}={raw}: true or false is needed")
        return value

    def choice(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """One of a few words."""
        raw = self._values.get(name)
        if raw is not None and raw not in allowed:
            raise UserError(f"{self._who}: --model-arg {name}={raw}: one of {', '.join(allowed)} is needed")
        return raw


Field: TypeAlias = Literal[
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "repetition_penalty",
    "min_p",
    "reasoning",
    "reasoning_effort",
    "reasoning_budget",
]
FIELDS: tuple[Field, ...] = get_args(Field)
"""The names of `Generation`'s known settings, in order; what is `extra` in it has names of its own."""
BASIC_FIELDS: tuple[Field, ...] = FIELDS[: FIELDS.index("presence_penalty")]
"""What any model heeds that samples at all."""
_NONE = Generation()


def given(generation: Generation) -> tuple[Field, ...]:
    """Names of the known settings that are set."""
    return tuple(name for name in FIELDS if getattr(generation, name) not in (None, ()))


def override(base: Generation, over: Generation) -> Generation:
    """`base` with what `over` sets; a field of `over.extra` replaces what lies at its name or within."""
    kept = [pair for pair in base.extra if not any(_overlap(pair[0], name) for name, _ in over.extra)]
    fields = {name: getattr(over, name) for name in given(over)}
    return replace(base, **fields, extra=tuple(sorted([*kept, *over.extra])))


def _overlap(one: str, other: str) -> bool:
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def without(generation: Generation, names: Collection[Field]) -> Generation:
    """The settings but for those of `names`."""
    return replace(generation, **{name: getattr(_NONE, name) for name in names})


def merge_fields(body: dict[str, JSON], extra: Sequence[tuple[str, str]]) -> None:
    """Put further fields into a request's body: `extra_body.a.b` at body["a"]["b"], others at their own name."""
    for name, value in extra:
        merge(body, nested(name.removeprefix(EXTRA_BODY), json.loads(value)))


def nested(path: str, value: JSON) -> dict[str, JSON]:
    """A value below the steps of a path: `a.b` gives {"a": {"b": value}}."""
    for step in reversed(path.split(".")):
        value = {step: value}
    assert isinstance(value, dict)
    return value


def merge(body: dict[str, JSON], more: Mapping[str, JSON]) -> None:
    """Put the fields of `more` into `body`, into its objects where both have one."""
    for name, value in more.items():
        there = body.get(name)
        if isinstance(there, dict) and isinstance(value, dict):
            merge(there, value)
        else:
            body[name] = dict(value) if isinstance(value, dict) else value


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
    that reason before they answer spend the same allowance on both, and the task's limit means the answer.
    """

    asked: Generation = Generation()
    not_sent: frozenset[Field] = frozenset()
    max_tokens: int | None = None
    reasoning_tokens: int = 0
    asks_room: bool = False
    """True where the user named `reasoning_tokens`: they then go on top of the user's own limit, too."""

    def effective(self, generation: Generation) -> Generation:
        """What is sent when a protocol asks for `generation`; the user's own settings go over it."""
        merged = override(generation, self.asked)
        limit, budget = merged.max_tokens, merged.reasoning_budget
        if limit is None:
            limit = self.max_tokens
            limit = limit + budget if limit is not None and budget is not None else limit
        elif budget is not None:
            limit += budget
        elif merged.reasoning is not False and (self.asks_room or self.asked.max_tokens is None):
            limit += self.reasoning_tokens
        return without(replace(merged, max_tokens=limit), self.not_sent)


def read_sampling(who: str, settings: Mapping[str, str], asked: Generation, *, asks_room: bool = False) -> Sampling:
    """From a model's settings: `not_sent`, `max_tokens`, `reasoning_tokens`.

    Raises errors.UserError when the user asks for a setting that the model does not take.
    """
    not_sent = read_fields(who, settings.get("not_sent", ""))
    clash = [name for name in given(asked) if name in not_sent]
    if clash:
        raise UserError(f"{who} does not take {clash[0]}: leave out --generation {clash[0]}=…")
    limit = settings.get("max_tokens")
    room = int(settings.get("reasoning_tokens", "0"))
    return Sampling(asked, not_sent, int(limit) if limit else None, room, asks_room)


def untaken(generation: Generation, taken: Collection[Field], prefixes: Sequence[str] = ()) -> list[str]:
    """Names of the settings that are set and not taken; further fields are where they begin with one of `prefixes`."""
    names: list[str] = [name for name in given(generation) if name not in taken]
    return names + [name for name, _ in generation.extra if not name.startswith(tuple(prefixes))]


def untaken_words(gone: Mapping[str, str]) -> str | None:
    """Why a request with settings that are not taken (each with what to do instead) is refused, or None."""
    for name, fix in gone.items():
        return f"{name} is set, which the model does not take ({fix or f'leave out {name}=…'})"
    return None
