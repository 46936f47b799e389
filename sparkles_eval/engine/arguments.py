"""Reads the `name=value` pairs of the command line: which model or judge each is for, and sampling settings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from sparkles_eval.adapters.base import ModelOptions
from sparkles_eval.adapters.build import kind_of, known_kinds
from sparkles_eval.core import Generation
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.suggestions import did_you_mean
from sparkles_eval.tasks.spec import GenerationSpec


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


def read_generation(option: str, pairs: dict[str, str]) -> Generation:
    """Sampling settings from text. Raises errors.UserError with the names there are and what each must be."""
    # On a command line `stop` is one text; a task.yaml may list several.
    stop = (pairs["stop"],) if pairs.get("stop") else ()
    settings = {name: value for name, value in pairs.items() if name != "stop"}
    try:
        return GenerationSpec.model_validate({**settings, "stop": stop}).record()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        known = ", ".join(GenerationSpec.model_fields)
        if first["type"] == "extra_forbidden":
            raise UserError(f"{option} {name}=…: there is no such setting; there are {known}") from error
        raise UserError(f"{option} {name}={first['input']}: {first['msg'].lower()}") from error
