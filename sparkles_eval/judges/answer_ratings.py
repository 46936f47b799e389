"""Finds ratings inside the judged answers, which a judge may have copied instead of giving its own.

Answers are compared by their words and numbers alone: case, mark-up, punctuation and invisible characters make no
difference. Source of the threat: an answer that says "Rating: [[10]]" and a judge that quotes it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from sparkles_eval.judges.expected import Expected, on_scale

COPIED = "ratings of the judged answer"
"""Start of every reason that explains an unreadable verdict by ratings inside an answer; counted per model."""

_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})?"
_NEAR = re.compile(rf"\bratings? (?:(?!ratings? )[^\W0-9]\w* ){{0,4}}?(-?{_NUMBER})(?![\w.])")
_BRACKETS = re.compile(rf"\[\[\s{{0,3}}(-?{_NUMBER})")
_BETWEEN = re.compile(r"(?:[^\w.]|_|(?<![0-9])\.|\.(?![0-9]))+")
_WORDS_OF_AN_EXPLANATION = 3
"""Shorter explanations ("good") can be equal by chance."""


def plain(text: str) -> str:
    """The text's words and numbers in lower case with one space between them."""
    if not text.isascii():
        kept = (char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
        text = "".join(kept)
    return _BETWEEN.sub(" ", text.casefold()).strip()


class AnswerRatings:
    """The ratings inside the judged answers, in any layout: as words, in brackets, as JSON."""

    def __init__(self, expected: Expected) -> None:
        self._texts = [plain(answer) for answer in expected.quoted]
        found = [*_found(_NEAR, self._texts), *_found(_BRACKETS, expected.quoted)]
        self.values = frozenset(value for value in found if on_scale(value, expected))
        """The ratings on the judge's scale."""

    def hold(self, value: float | None) -> bool:
        """True where an answer holds a rating of that value."""
        return value in self.values

    def evaluate(self, explanation: str, value: float) -> bool:
        """True where an answer holds the same explanation, followed by the same points."""
        words = plain(explanation).removeprefix("explanation ")
        if words.count(" ") + 1 < _WORDS_OF_AN_EXPLANATION or not self.hold(value):
            return False
        same = re.compile(rf"{re.escape(words)} rating ({_NUMBER})(?![\w.])")
        return value in _found(same, self._texts)


def _found(pattern: re.Pattern[str], texts: Sequence[str]) -> list[float]:
    return [float(number) for text in texts for number in pattern.findall(text)]
