"""Names as people and addresses use them: one style for a judge in tables, one for commands, one slug for addresses."""

from __future__ import annotations

import re
from typing import Protocol

from sparkles_eval.core import fingerprint

_PLAIN = re.compile(r"[a-z0-9][a-z0-9._-]*")


class NamedJudge(Protocol):
    """A judge that has a name and, where it asks one, a model."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str | None: ...


def judge_name(judge: NamedJudge) -> str:
    """A judge in tables and texts: NAME (MODEL), or NAME where it asks no model."""
    return f"{judge.name} ({judge.model})" if judge.model else judge.name


def judge_label(judge: NamedJudge) -> str:
    """A judge as options take it: NAME@MODEL, or NAME where it asks no model."""
    return f"{judge.name}@{judge.model}" if judge.model else judge.name


def slug(name: str) -> str:
    """A name as part of an address: 'openai/gpt-4o' is 'openai--gpt-4o'. The same name always gives the same slug.

    Where characters are lost (or case, which some file systems do not keep apart) six digits of a hash tell names
    apart.
    """
    made = name.replace("/", "--")
    if _PLAIN.fullmatch(made) and "--" not in name and len(made) <= 80 and not made.endswith("."):
        return made
    plain = re.sub(r"[^a-z0-9._]+", "-", made.lower()).strip("-._")[:60].rstrip("-._")
    return f"{plain or 'x'}-{fingerprint([name])[:6]}"
