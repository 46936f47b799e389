"""Puts an answered sample on the page that a judge reads: what a rubric template may use. Knows nothing of verdicts.

The model's answers stand between delimiters that are random for every call, so no answer can close its own fence; they
are values of the template, never its text. Images are markers (sparkles_eval.tasks.templates) for a judge that sees
them, and names with captions for one that does not.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sparkles_eval.judges.base import Dialogue
from sparkles_eval.records import Image, Sample, Text, Turn
from sparkles_eval.tasks.templates import Markers

_LETTERS = "bcdfghjklmnpqrstvwxz"
"""Of canaries: no vowels, so that none is a word; no digits, so that none reads like points."""

_NAMED = re.compile(r"IMAGE#\w+\Z")


@dataclass(frozen=True, slots=True)
class ShownImage:
    """One image: the name that the questions call it by, and its caption. `image` is where it stands itself."""

    name: str
    id: str
    """The name without "IMAGE#"."""
    turn: int
    caption: str
    image: str
    """Marker that becomes the picture; "" for a judge that does not see images."""


@dataclass(frozen=True, slots=True)
class ShownTurn:
    """One question and the answer that is judged. `name` is "A1", "A2", ..."""

    number: int
    name: str
    question: str
    """The user's words; images at their words, as pictures or by name."""
    answer: str
    """The model's answer between this call's delimiters."""
    bare_answer: str
    """The same without delimiters: only for a published prompt that must be reproduced to the letter."""
    reference: str | None
    """A good answer, where the data has one."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a rubric is rendered from, beside criteria and scale."""

    turns: tuple[ShownTurn, ...]
    images: tuple[ShownImage, ...]
    delimiter: str
    canary: str
    """The random word that marks the judge's own ratings; no answer holds it."""
    markers: Markers
    pictures: tuple[Image, ...]
    """What the markers stand for, by number."""

    @property
    def records(self) -> str:
        """The images as the published judge prompt lists them: a Python list of {'image_id', 'caption'}."""
        return repr([{"image_id": _number(image.id), "caption": image.caption} for image in self.images])


def lay_out(dialogue: Dialogue, turns: int, *, pictures: bool) -> Page:
    """The first `turns` turns of an answered sample; with `pictures`, images stand at their words."""
    sample = dialogue.sample
    delimiter = _unknown_to(dialogue, lambda: secrets.token_hex(8))
    canary = _unknown_to(dialogue, lambda: "".join(secrets.choice(_LETTERS) for _ in range(8)))
    markers = Markers.fresh()
    images: list[ShownImage] = []
    shown: list[ShownTurn] = []
    for number, (turn, answer) in enumerate(zip(sample.turns[:turns], dialogue.answers, strict=False), 1):
        question = _question(turn, number, images, markers if pictures else None)
        fenced = f"<answer {delimiter}>\n{answer}\n</answer {delimiter}>"
        shown.append(ShownTurn(number, f"A{number}", question, fenced, answer, turn.reference))
    placed = tuple(image for turn in sample.turns[:turns] for image in turn.images)
    return Page(tuple(shown), tuple(images), delimiter, canary, markers, placed)


def _unknown_to(dialogue: Dialogue, draw: Callable[[], str]) -> str:
    """A drawn word that stands in no answer."""
    while True:
        drawn = draw()
        if not any(drawn in answer.casefold() for answer in dialogue.answers):
            return drawn


def _question(turn: Turn, number: int, images: list[ShownImage], markers: Markers | None) -> str:
    """The words of a question; its images are added to `images`, named as the words before them name them."""
    text = ""
    for part in turn.content:
        if isinstance(part, Text):
            text += part.text
            continue
        count = len(images)
        called = _NAMED.search(text[-100:].rstrip())
        name = called.group() if called else f"IMAGE#{part.id or count + 1}"
        if not called:
            text += name if not text or text[-1].isspace() or text[-1] in "(\"'" else f" {name}"
        marker = markers.of(count) if markers else ""
        text += marker
        images.append(ShownImage(name, name.removeprefix("IMAGE#"), number, part.caption or "", marker))
    return text.strip()


def _number(name: str) -> int | str:
    return int(name) if name.isascii() and name.isdigit() and str(int(name[:18])) == name else name


def uncaptioned(sample: Sample) -> Sequence[int]:
    """Which images of a sample (1, 2, ...) have no caption."""
    return [number for number, image in enumerate(sample.images, 1) if not (image.caption or "").strip()]
