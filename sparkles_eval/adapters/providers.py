"""Reads the provider files `adapters/providers/NAME.yaml`: servers in OpenAI's format, described by data alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field

from sparkles_eval.adapters.preset_parts import PresetGeneration, PresetLimits, Settings, read_yaml
from sparkles_eval.core.content import yaml_files
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.strict_record import Strict

KIND = "openai"
"""The adapter kind of every provider that a file describes."""
_BUILT_IN = {"OPENAI_API_KEY": "api.openai.com", "ANTHROPIC_API_KEY": "api.anthropic.com"}


class ProviderFile(Strict):
    """A provider whose server speaks OpenAI's chat completions, as its file describes it."""

    title: str = Field(min_length=1)
    """As people call it."""
    base_url: str = Field(pattern=r"^https?://")
    """Its address. `{NAME_RESOURCE}` in it stands for that environment variable."""
    api_key_env: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    """The environment variable with its key, which is sent to this address alone."""
    source: str = Field(pattern=r"^https://")
    """Where these facts were read."""
    date: dt.date
    """On which day."""
    note: str = ""
    """What is worth knowing before it is used."""
    settings: Settings = Field(default_factory=dict)
    """Arguments of kind `openai`, as for --model-arg, that all of its models share."""
    limits: PresetLimits = PresetLimits()
    generation: PresetGeneration = PresetGeneration()

    def all_settings(self, name: str) -> dict[str, str]:
        """What a model of it has among its settings before its own preset's go over them."""
        own = {"provider": name, "base_url": self.base_url, "api_key_env": self.api_key_env}
        return {**self.settings, **self.generation.as_settings(), **own}


def provider_files(content: Sequence[Path] = ()) -> dict[str, Path]:
    """Every provider file by name, sorted; a user's own of the same name goes before the shipped one."""
    return yaml_files("adapters", content, "providers")


def read_provider(file: Path) -> ProviderFile:
    """The provider in a file. Raises errors.ContentError naming the file, the field and what is wrong with it."""
    return read_yaml(file, ProviderFile)


def find_provider(who: str, name: str, content: Sequence[Path] = ()) -> ProviderFile:
    """The provider of that name. Raises errors.UserError with those that there are."""
    files = provider_files(content)
    if name not in files:
        raise UserError(f"{who}: there is no provider {name!r}; there are {', '.join(files)}")
    return read_provider(files[name])


@cache
def key_owners() -> Mapping[str, str]:
    """Environment variable -> the host that its key belongs to, of every provider that ships ("*" for one label)."""
    owners = dict(_BUILT_IN)
    for file in provider_files().values():
        provider = read_provider(file)
        host = urlsplit(provider.base_url).netloc
        owners[provider.api_key_env] = "*." + host.partition(".")[2] if "{" in host else host
    return owners


def other_owner(env: str, address: str) -> str | None:
    """The host that a variable's key belongs to, where it may not be sent to `address`, or not in the clear."""
    owner = key_owners().get(env)
    where = urlsplit(address)
    theirs = owner in (where.netloc, f"*.{where.netloc.partition('.')[2]}")
    return None if owner is None or (theirs and where.scheme == "https") else owner
