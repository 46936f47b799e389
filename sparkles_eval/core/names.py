"""Writes the name of a judge for tables and for commands, and any name as part of an address (a slug)."""

from __future__ import annotations

import re
from typing import Protocol

from sparkles_eval.core import fingerprint

_PLAIN = re.compile(r"[a-z0-9][a-z0-9._-]*")


class NamedJudge(Protocol):
    """A judge's name, and its model where it asks one."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str | None: ...


def judge_name(judge: NamedJudge) -> str:
    """The judge's name in tables and texts: NAME (MODEL), or NAME where it asks no model."""
    return f"{judge.name} ({judge.model})" if judge.model else judge.name


def judge_label(judge: NamedJudge) -> str:
    """The judge's name in options: NAME@MODEL, or NAME where it asks no model."""
    return f"{judge.name}@{judge.model}" if judge.model else judge.name


def slug(name: str) -> str:
    """A name as part of an address: 'openai/gpt-4o' is 'openai--gpt-4o'. The same name always gives the same slug.

    Where characters are lost (or upper case, which some file systems ignore), six digits of a hash keep the names
    distinct.
    """
    made = name.replace("/", "--")
    if _PLAIN.fullmatch(made) and "--" not in name and len(made) <= 80 and not made.endswith("."):
        return made
    plain = re.sub(r"[^a-z0-9._]+", "-", made.lower()).strip("-._")[:60].rstrip("-._")
    return f"{plain or 'x'}-{fingerprint([name])[:6]}"
