"""Finds the image placeholders of a text in every usual spelling, or says why they are ambiguous.

`<image>` is our own. Data of other tools has `<image 1>`, `<image_1>`, `<Image>`, `<|image|>`, `<|image_1|>`, `[IMG]`,
`[image 1]`, `{image}`, `<ImageHere>` and the like. A placeholder that stays in the text would reach the model as words,
with the image somewhere else, and the answer would say nothing about the question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

PLACEHOLDER = "<image>"

_NAME = r"(?:image|img|picture|photo)(?:[ _-]?(?:token|pad|placeholder|here|context))?"
_NUMBER = r"(?:[ _#:-]?[ ]?(?P<{}>\d{{1,3}}))?"
_SURE = re.compile(
    r"<Img>\s*<ImageHere>\s*</Img>"
    rf"|<\|\s*{_NAME}{_NUMBER.format('piped')}\s*\|>"
    rf"|<\s*{_NAME}{_NUMBER.format('angled')}\s*/?>",
    re.IGNORECASE,
)
"""Placeholders in angle brackets, which do not occur in normal text."""
_LIKELY = re.compile(
    rf"\[\s*{_NAME}{_NUMBER.format('squared')}\s*\]|\{{{{?\s*{_NAME}{_NUMBER.format('curled')}\s*\}}?\}}", re.IGNORECASE
)
"""Placeholders in square or curly brackets; next to ones in angle brackets, or without images, they are plain text."""


@dataclass(frozen=True, slots=True)
class Places:
    """A text split at its placeholders: `images` are indices into the list of images; `words` has one piece more."""

    words: tuple[str, ...]
    images: tuple[int, ...]


def places(text: str, count: int) -> Places:
    """Find the place of each of `count` images in a text. In a text without placeholders, the images come first.

    Raises ValueError, with the fix, unless there is one placeholder for each image.
    """
    ours = text.count(PLACEHOLDER)
    if ours:
        if ours != count:
            raise ValueError(f"{ours} {PLACEHOLDER} in the text for {count} images")
        other = left_over([text.replace(PLACEHOLDER, "")])
        if other:
            raise ValueError(f"{other} stands beside {PLACEHOLDER} in the text; write {PLACEHOLDER} at each image")
        return Places(tuple(text.split(PLACEHOLDER)), tuple(range(count)))
    marks = list(_SURE.finditer(text)) or (list(_LIKELY.finditer(text)) if count else [])
    if not marks:
        return Places(("",) * count + (text,), tuple(range(count)))
    order = _order(marks, count)
    ends = [0, *(mark.end() for mark in marks)]
    starts = [*(mark.start() for mark in marks), len(text)]
    return Places(tuple(text[end:start] for end, start in zip(ends, starts, strict=True)), order)


def _order(marks: list[re.Match[str]], count: int) -> tuple[int, ...]:
    shown = ", ".join(dict.fromkeys(mark[0] for mark in marks))
    fix = f"write {PLACEHOLDER} once where each image stands"
    numbers = [next((int(n) for n in mark.groups() if n is not None), None) for mark in marks]
    if len(marks) != count:
        raise ValueError(f"{len(marks)} marks ({shown}) in the text for {count} images; {fix}")
    if all(number is None for number in numbers):
        return tuple(range(count))
    given = [number for number in numbers if number is not None]
    for first in (1, 0):
        if sorted(given) == list(range(first, first + count)):
            return tuple(number - first for number in given)
    raise ValueError(f"the marks {shown} do not name each of {count} images once; {fix}")


def left_over(texts: Iterable[str]) -> str | None:
    """The first image placeholder in these texts, as it is written there, or None."""
    return next((found[0] for text in texts if "<" in text and (found := _SURE.search(text))), None)


def count_marks(text: str) -> int:
    """How many placeholders in angle brackets a text has, in any spelling."""
    return sum(1 for _ in _SURE.finditer(text)) if "<" in text else 0
