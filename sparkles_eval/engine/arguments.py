"""Reads the `name=value` pairs of the command line: which model or judge each is for, and sampling settings."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from sparkles_eval.core import Generation
from sparkles_eval.core.errors import UserError
from sparkles_eval.tasks.spec import GenerationSpec


def scoped(option: str, pairs: Sequence[str], who: str | Sequence[str], everyone: Sequence[str]) -> dict[str, str]:
    """The pairs that are meant for `who`: `name=value` for everyone, `who:name=value` for one of several.

    `who` may have several names (a judge that asks a model: `sparkles` and `sparkles@openai/gpt-4o`). A pair for
    `who` goes over one for everyone. Raises errors.UserError for what is no pair.
    """
    names = {who} if isinstance(who, str) else set(who)
    general: dict[str, str] = {}
    own: dict[str, str] = {}
    for pair in pairs:
        # The longest, since a name may hold a colon: openai/llava:7b is not openai/llava.
        owner = max((name for name in {*everyone, *names} if pair.startswith(f"{name}:")), key=len, default=None)
        name, equals, value = pair[len(owner) + 1 if owner else 0 :].partition("=")
        if not equals or not name.strip():
            raise UserError(
                f"{option} {pair}: write {option} NAME=VALUE, or for one of several {option} WHO:NAME=VALUE"
            )
        if owner is None:
            general[name.strip()] = value
        elif owner in names:
            own[name.strip()] = value
    return general | own


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
