"""Reads the `name=value` pairs of the command line: which model or judge each is for, and sampling settings."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from sparkles_eval.adapters.base import ModelOptions
from sparkles_eval.adapters.build import kind_of, known_kinds
from sparkles_eval.core import JSON, Generation
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.generation_spec import GenerationSpec
from sparkles_eval.core.suggestions import did_you_mean


def scoped(
    option: str,
    pairs: Sequence[str],
    who: str | Sequence[str],
    everyone: Sequence[str],
    *,
    kind: str = "",
    kinds: Collection[str] = (),
) -> dict[str, str]:
    """The pairs that are meant for `who`: `name=value` for everyone, `who:name=value` for one of several.

    `who` may have several names (a judge that asks a model: `sparkles` and `sparkles@openai/gpt-4o`), and a `kind` of
    all `kinds` that there are: `openai:name=value` is for every model of that kind, and for no other. A pair for `who`
    goes over one for its kind, and that over one for everyone. Raises errors.UserError for what is no pair, and for a
    pair of someone who is not among them.
    """
    names = {who} if isinstance(who, str) else set(who)
    general: dict[str, str] = {}
    of_kind: dict[str, str] = {}
    own: dict[str, str] = {}
    known = {*everyone, *names, *kinds}
    for pair in pairs:
        # The longest, since a name may hold a colon: openai/llava:7b is not openai/llava.
        owner = max((name for name in known if pair.startswith(f"{name}:")), key=len, default=None)
        name, equals, value = pair[len(owner) + 1 if owner else 0 :].partition("=")
        if not equals or not name.strip():
            raise UserError(
                f"{option} {pair}: write {option} NAME=VALUE, or for one of several {option} WHO:NAME=VALUE"
            )
        if owner is None and ":" in name:
            stranger = name.rpartition(":")[0]
            there = ", ".join(sorted({*everyone, *names})) or "none"
            hint = did_you_mean(stranger, known)
            raise UserError(f"{option} {pair}: {stranger} is not among those that it can be for{hint}: {there}")
        if owner is None:
            general[name.strip()] = value
        elif owner in names:
            own[name.strip()] = value
        elif owner == kind:
            of_kind[name.strip()] = value
    return general | of_kind | own


class ModelPairs(Protocol):
    """What a command says of its models: `--model-arg`, `--generation`, and where kinds may come from."""

    @property
    def model_args(self) -> Sequence[str]: ...

    @property
    def generation(self) -> Sequence[str]: ...

    @property
    def content(self) -> Sequence[Path]: ...

    @property
    def plugins(self) -> Sequence[Path]: ...


def model_options(
    name: str, everyone: Sequence[str], pairs: ModelPairs, *, protocol: str = "strict", sends: bool = True
) -> ModelOptions:
    """The options of the model `name` among `everyone` that a command names. Raises errors.UserError as `scoped`."""
    kind = kind_of(name, content=pairs.content, plugins=pairs.plugins)
    own = partial(scoped, who=name, everyone=everyone, kind=kind, kinds=known_kinds(pairs.plugins))
    return ModelOptions(
        args=tuple(own("--model-arg", pairs.model_args).items()),
        generation=read_generation("--generation", own("--generation", pairs.generation)),
        protocol=protocol,
        sends=sends,
    )


_OPEN = ("chat_template_kwargs", "extra_body")
"""Settings with names of their own within."""
_OTHER_WORDS = {
    "thinking": "reasoning",
    "enable_thinking": "reasoning",
    "thinking_budget": "reasoning_budget",
    "budget_tokens": "reasoning_budget",
    "max_new_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "stop_sequences": "stop",
}


def _stops(text: str) -> tuple[str, ...]:
    """Stop texts: a JSON list of them, or one text as it stands."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    return (text,) if text else ()


def read_generation(option: str, pairs: dict[str, str]) -> Generation:
    """Generation settings from text. Raises errors.UserError with the names there are and what each must be."""
    settings: dict[str, object] = {"stop": _stops(pairs.get("stop", ""))}
    for name, value in pairs.items():
        top, _, path = name.partition(".")
        if top in _OPEN and path:
            _put(option, name, settings.setdefault(top, {}), path.split("."), _value(option, name, value))
        elif top in _OPEN:
            raise UserError(f"{option} {name}=…: name one field of it, such as {top}.NAME={value or 'VALUE'}")
        elif name != "stop":
            settings[name] = value
    try:
        return GenerationSpec.model_validate(settings).record()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise UserError(_unknown(option, name)) from error
        said = first["msg"].removeprefix("Value error, ")
        if first["loc"][0] in _OPEN:
            raise UserError(f"{option} {name}.…: {said}") from error
        raise UserError(f"{option} {name}={first['input']}: {said.lower()}") from error


def _unknown(option: str, name: str) -> str:
    if name in _OTHER_WORDS:
        return f"{option} {name}=…: there is no such setting; it is called {_OTHER_WORDS[name]}"
    known = [f"{field}.NAME" if field in _OPEN else field for field in GenerationSpec.model_fields]
    return f"{option} {name}=…: there is no such setting; there are {', '.join(known)}"


def _value(option: str, name: str, text: str) -> JSON:
    """What is written after the "=": JSON where it is some, else text; true and false in any case."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        value: JSON = json.loads(text, parse_constant=lambda constant: _infinite(option, name, constant))
    except ValueError:
        return text
    return value


def _infinite(option: str, name: str, constant: str) -> JSON:
    raise UserError(f"{option} {name}={constant}: a finite number is needed")


def _put(option: str, name: str, within: object, steps: Sequence[str], value: JSON) -> None:
    """Lay a value at the end of the steps. Raises errors.UserError where another setting lies on the way."""
    assert isinstance(within, dict)
    here = within
    for step in steps[:-1]:
        here = here.setdefault(step, {})
        if not isinstance(here, dict):
            raise UserError(f"{option} {name}=…: {step} is given a value of its own, too")
    if steps[-1] in here:
        raise UserError(f"{option} {name}=…: fields within {steps[-1]} are given, too")
    here[steps[-1]] = value
