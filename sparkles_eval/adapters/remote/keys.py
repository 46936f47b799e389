"""Reads keys from the environment, and keeps each to the server that it belongs to."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence

from sparkles_eval.adapters.providers import other_owner
from sparkles_eval.core import Model
from sparkles_eval.core.errors import UserError

_BLANK = re.compile(r"\{([A-Z][A-Z0-9_]*)\}")
_PLACE = re.compile(r"(?:^|_)(?:RESOURCE|REGION|PROJECT|LOCATION)$")
"""How variables end that may be part of an address; anything else could be a secret."""
_HEADER = re.compile(r"[A-Za-z0-9-]+")
_SECRET = re.compile(r"authoriz|auth(?!or)|key|token|secret|cookie", re.IGNORECASE)
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def read_key(who: str, env: str, *, needed: bool) -> str | None:
    """The key in a variable, or None where it holds none. Raises errors.UserError for one that is needed or odd."""
    key = os.environ.get(env, "").strip()
    if needed and not key:
        raise UserError(f"{who}: no key; set {env} (or name another variable with --model-arg api_key_env=NAME)")
    odd = next((i for i, letter in enumerate(key) if not "!" <= letter <= "~"), None)
    if odd is not None:  # said before anything is sent; the key itself is shown nowhere
        raise UserError(f"{who}: {env} is no key: its character {odd + 1} can stand in no HTTP header; set it anew")
    return key or None


def preset_key(model: Model, endpoints: Sequence[str]) -> str | None:
    """The key's variable that a preset names for its server.

    Raises errors.UserError for one that belongs to a known provider elsewhere: a file from somewhere else would carry
    that key away.
    """
    env = model.settings.get("api_key_env")
    for endpoint in endpoints if env is not None else ():
        owner = other_owner(env or "", endpoint)
        if owner is not None:
            raise UserError(
                f"{model.name}: its preset sends {env}, a key for {owner}, to another server ({endpoint}); name a "
                f"variable of that server's own, or say --model-arg api_key_env={env}"
            )
    return env


def fill_address(model: Model) -> str | None:
    """The address of a preset or provider file, the variables in its braces filled in; None where it names none."""
    said = model.settings.get("base_url")
    return None if said is None else _BLANK.sub(lambda blank: _place(model.name, blank.group(1)), said)


def _place(who: str, env: str) -> str:
    if not _PLACE.search(env):
        raise UserError(
            f"{who}: its base_url holds {{{env}}}; only names that end in RESOURCE, REGION, PROJECT or "
            "LOCATION may stand there, since an address is no place for a secret"
        )
    value = os.environ.get(env, "").strip()
    if not _LABEL.fullmatch(value):
        raise UserError(f"{who}: set {env} to the name that stands in the address: letters, digits and hyphens")
    return value


def read_headers(who: str, text: str | None) -> dict[str, str]:
    """Headers in a JSON object. Raises errors.UserError for what is none, and for one that carries a key."""
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise UserError(f"{who}: headers={text}: a JSON object of names and texts is needed")
    for name, content in value.items():
        if (
            not _HEADER.fullmatch(name)
            or not isinstance(content, str)
            or not content.isascii()
            or not content.isprintable()
        ):
            raise UserError(f"{who}: headers: {name!r} is no header with a plain text")
        if _SECRET.search(name):
            raise UserError(
                f"{who}: headers: {name} carries a key, and settings are stored; name its variable with api_key_env, "
                "and the header with key_header"
            )
    return value
