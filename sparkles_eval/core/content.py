"""Finds the content folders (tasks, judges, adapters, ...): in the wheel, in a checkout, or the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from sparkles_eval.core.errors import ContentError

ContentKind: TypeAlias = Literal["tasks", "judges", "adapters", "reports", "recipes", "dialogues", "sources"]

_PACKAGE = Path(__file__).resolve().parents[1]


def content_dir(kind: ContentKind) -> Path:
    """The folder that ships with sparkles-eval: `_content/<kind>` in an installed wheel, `<kind>` in a checkout."""
    packed = _PACKAGE / "_content" / kind
    beside = _PACKAGE.parent / kind
    for place in (packed, beside):
        if place.is_dir():
            return place
    raise ContentError(f"no {kind} folder: looked in {packed} and {beside}; reinstall sparkles-eval")


def overlay(kind: ContentKind, content: Sequence[Path] = ()) -> tuple[Path, ...]:
    """Folders to look in, first hit wins: the user's `--content` folders in order, then the shipped one."""
    own = [root / kind for root in content]
    return (*[folder for folder in own if folder.is_dir()], content_dir(kind))


def yaml_files(kind: ContentKind, content: Sequence[Path] = (), within: str = "") -> dict[str, Path]:
    """The YAML files of a content folder (or of the folder `within` it) by name, sorted; a user's own goes first."""
    found: dict[str, Path] = {}
    for folder in overlay(kind, content):
        for file in (folder / within).glob("*.yaml"):
            found.setdefault(file.stem, file)
    return dict(sorted(found.items()))


def find_file(kind: ContentKind, relative: str, content: Sequence[Path] = ()) -> Path | None:
    """First file of that relative path over the overlay, or None.

    A single file of a shipped folder can thus be replaced (a prompt, a rubric) without copying the folder.
    """
    for folder in overlay(kind, content):
        candidate = folder / relative
        if candidate.is_file():
            return candidate
    return None
