"""Reads the generation settings that open models' makers recommend, `adapters/cards/NAME.yaml`: `--settings card`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import Field

from sparkles_eval.adapters.options import override
from sparkles_eval.adapters.preset_parts import read_yaml
from sparkles_eval.core import Generation, Model
from sparkles_eval.core.content import yaml_files
from sparkles_eval.core.errors import ContentError, UserError
from sparkles_eval.core.generation_spec import GenerationSpec
from sparkles_eval.core.strict_record import Strict

CARD = "settings"
"""The key of a model's settings that names the card whose settings it was asked with."""
SUFFIX = "+card"
"""What such a model's name in tables ends with, so that its rows stand apart from those under a protocol's settings."""


class Card(Strict):
    """What the makers of a family of models recommend, or evaluate it with."""

    models: tuple[str, ...] = Field(min_length=1)
    """Patterns of the models' names in lower case, without what stands before the last "/"."""
    generation: GenerationSpec
    """The settings."""
    source: str = Field(pattern=r"^https://")
    """Where they were read."""
    date: dt.date
    """On which day."""
    note: str = ""
    """What is not among them, or where sources differ."""


def card_files(content: Sequence[Path] = ()) -> dict[str, Path]:
    """Every card by name, sorted; a user's own of the same name goes before the shipped one."""
    return yaml_files("adapters", content, "cards")


def read_card(file: Path) -> Card:
    """The card in a file. Raises errors.ContentError naming the file, the field and what is wrong with it."""
    return read_yaml(file, Card)


def with_card(model: Model, asked: Generation, content: Sequence[Path] = ()) -> tuple[Model, Generation]:
    """The model, named for its card, and the card's settings with the user's own over them.

    Raises errors.UserError where no card is for it, or several are.
    """
    wanted = model.model_id.rstrip("/").rpartition("/")[2].partition(":")[0].lower()
    cards = {name: read_card(file) for name, file in card_files(content).items()}
    found = [name for name, card in cards.items() if any(fnmatchcase(wanted, pattern) for pattern in card.models)]
    if not found:
        raise UserError(
            f"--settings card: there is none for {model.model_id}; there are {', '.join(cards)}. "
            "Name its settings with --generation, or leave --settings out"
        )
    if len(found) > 1:
        raise ContentError(f"--settings card: {' and '.join(found)} are both for {model.model_id}")
    name = found[0]
    generation = override(cards[name].generation.record(), asked)
    return replace(model, name=model.name + SUFFIX, settings={**model.settings, CARD: name}), generation
