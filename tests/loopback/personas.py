"""What the loopback models say: a fixed function of the question. Knows no right answers beyond the rules it is given.

A persona is a model's character: `good` always names an option or rates everything, `weak` names none one time in
five and rates low, `echo` repeats the user, `garbled-judge` replies unreadably in two of three attempts, `refuser` and
`filtered` decline, `truncated` stops in the middle, `empty` says nothing. Only `garbled-judge` says something else
when it is asked the same again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from tests.loopback import dialogues
from tests.loopback.question import Question
from tests.loopback.ratings import fill, garbled, rated
from tests.loopback.settings import Persona, Rule

Finish: TypeAlias = Literal["stop", "length", "refusal", "filter"]

_PAIR = re.compile(r"answer\s*\(([^\s()]+) or ([^\s()]+)\)", re.IGNORECASE)
_KNOWN_PAIRS = (("TRUE", "FALSE"), ("YES", "NO"), ("IMAGE#1", "IMAGE#2"), ("A", "B"))
_WORD = re.compile(r"\S+\s*")
_IMAGE_TOKENS = 85
"""Input tokens charged for an image; any number above 0 would do."""

_DETAILS = (
    "Both pictures are well lit and nothing is cut off.",
    "The first one shows the objects from the left, the second one from above.",
    "I compare the colours first and count the objects after that.",
    "The background is plain in one picture and busy in the other.",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model says, how it ended, and what it used. `detail` says why it declined."""

    text: str
    finish: Finish = "stop"
    detail: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0


def pieces(text: str) -> list[str]:
    """A text as a stream writes it: word by word, each with the blanks behind it."""
    return _WORD.findall(text)


def draw(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:7]) / 2**56


def input_tokens(question: Question) -> int:
    """What a question is charged for: its words and its images."""
    return sum(len(_WORD.findall(text)) for _, text in question.texts) + _IMAGE_TOKENS * len(question.images)


def answer(question: Question, persona: Persona, rules: Sequence[Rule], attempt: int) -> Answer:
    """What the model says when it is asked this for the `attempt`-th time (counted from 1), cut to `max_tokens`."""
    said = _by_rule(question, rules) or _by_persona(question, persona, attempt)
    asked = input_tokens(question)
    words = _WORD.findall(said.text)
    limit = question.max_tokens
    if limit is not None and len(words) > limit and said.finish == "stop":
        said = replace(said, text="".join(words[:limit]).rstrip(), finish="length")
    for stop in question.stop:
        said = replace(said, text=said.text.split(stop)[0])
    return replace(said, input_tokens=asked, output_tokens=min(len(words), limit or len(words)))


def _by_rule(question: Question, rules: Sequence[Rule]) -> Answer | None:
    for rule in rules:
        found = re.search(rule.pattern, question.last, re.DOTALL)
        if found:
            return Answer(found.expand(rule.reply))
    return None


def _by_persona(question: Question, persona: Persona, attempt: int) -> Answer:
    if persona == "refuser":
        return Answer("", "refusal", "I cannot help with these pictures.")
    if persona == "filtered":
        return Answer("", "filter", "The reply was held back by the content filter.")
    if persona == "empty":
        return Answer("")
    if persona == "echo":
        return Answer(question.last)
    text = dialogues.written(question) or _judgement(question, persona, attempt)
    if text is None:
        text = _choice(question, persona, attempt)
    if persona == "truncated":
        return Answer(text[: len(text) // 2], "length")
    return Answer(text)


def _judgement(question: Question, persona: Persona, attempt: int) -> str | None:
    """Ratings, where the question asks for them by a schema or by the bracket layout; else None."""
    low = 0.0 if persona == "weak" else 0.6

    def quality(name: str) -> float:
        return low + 0.4 * draw(persona, question.key, name)

    if question.schema is not None:
        text = fill(question.schema, quality, question.last)
    else:
        brackets = rated(question.last, quality)
        if brackets is None:
            return None
        text = brackets
    chance = draw("garbled", question.key, attempt)
    return garbled(text, chance * 1.5) if persona == "garbled-judge" and chance < 2 / 3 else text


def options(text: str) -> tuple[str, str] | None:
    """The two options between which a prompt lets choose, as it writes them; None where it asks for free words."""
    named = _PAIR.search(text)
    if named:
        return named[1], named[2]
    for pair in _KNOWN_PAIRS[:3]:
        if all(re.search(rf"(?<!\w){re.escape(option)}(?!\w)", text, re.IGNORECASE) for option in pair):
            return pair
    return ("A", "B") if re.search(r"\bA or B\b", text) else None


def _choice(question: Question, persona: Persona, attempt: int) -> str:
    detail = _DETAILS[int(draw("detail", question.key) * len(_DETAILS))]
    pair = options(question.last)
    if pair is None:
        turn = sum(role == "user" for role, _ in question.texts)
        return f"Answer {turn}: I see {len(question.images)} pictures so far. {detail}"
    unsure = (persona == "weak" and draw("none", question.key) < 0.2) or (
        persona == "garbled-judge" and draw("garbled", question.key, attempt) < 2 / 3
    )
    if unsure:
        return f"Let's think step by step. {detail} It could be either of them."
    picked = pair[draw(persona, question.key) < 0.5]
    return f"Let's think step by step. {detail} Therefore, the answer is {picked}."
