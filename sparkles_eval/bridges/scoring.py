"""Functions that exported lm-eval tasks call: a document's images, its score, and the share right in both orders."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from sparkles_eval.core.pictures import decode
from sparkles_eval.tasks.scorers.rules import extract

if TYPE_CHECKING:
    import PIL.Image

ROOT_ENV = "SPARKLES_IMAGE_ROOT"
"""Environment variable with the data root on this machine, where it differs from that of the export."""


class Document(TypedDict):
    """One item of an exported task. `paths` are absolute, `relpaths` relative to the data root."""

    id: str
    unit: str
    text: str
    paths: list[str]
    relpaths: list[str]
    options: list[str]
    target: str
    rule: str


def images(document: Document) -> list[PIL.Image.Image]:
    """The pictures in the order of their places, as a person sees them, RGB."""
    root = os.environ.get(ROOT_ENV)
    files = [Path(root) / name for name in document["relpaths"]] if root else [Path(p) for p in document["paths"]]
    return [decode(file.read_bytes()) for file in files]


def score(document: Document, results: Sequence[str]) -> Mapping[str, object]:
    """`acc` (an answer that names no option is wrong), `invalid` (it names none), `both_orders` for `all_right`."""
    found = extract(document["rule"], results[0], document["options"])
    right = float(found.option == document["target"])
    return {"acc": right, "invalid": float(found.option is None), "both_orders": (document["unit"], right)}


def all_right(items: Sequence[tuple[str, float]]) -> float:
    """The share of items that are answered right in every order of their images."""
    units: dict[str, bool] = {}
    for unit, right in items:
        units[unit] = units.get(unit, True) and right == 1.0
    return sum(units.values()) / len(units)
