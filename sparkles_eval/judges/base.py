"""The interface of judges: a judge turns an answered sample into calls, and each reply into a verdict.

The engine sends, repeats and stores the calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from sparkles_eval.core import JSON, Conversation, Criterion, Generation, Sample, Verdict

Sees: TypeAlias = Literal["captions", "images", "facts", "text"]
"""What a judge knows of the images: their captions, their pixels, their exact facts, or only the words."""


@dataclass(frozen=True, slots=True)
class JudgeCard:
    """A judge's identity: everything that may change a verdict. Every score carries its `fingerprint`.

    `fingerprint` covers name, version, criteria, scale, rubric text, what it sees, scope, parser, generation
    settings and the identity of the model that is asked ("" for a rule); not prices, limits or retries.
    """

    name: str
    version: int
    title: str
    criteria: tuple[Criterion, ...]
    low: float
    high: float
    sees: Sees
    fingerprint: str
    model: str | None = None
    """Name of the model that is asked, or None for a rule."""
    repeats: int = 1
    attempts: int = 3
    """Attempts until a reply can be read; after the last one the sample stays unscored with the reason."""
    generation: Generation = Generation()
    reader: str = ""
    """How its replies are read, with the version ("strict@2"); "" for a rule."""
    canary: bool | None = None
    """True where every rating must carry a random word from the instructions; None for a rule, which reads no reply."""
    retries_with_reason: bool = True
    """True: the next attempt tells the judge why its reply could not be read; False: the same call is repeated."""


@dataclass(frozen=True, slots=True)
class AnsweredSample:
    """A sample with its answers: `answers[i]` is the model's reply to `sample.turns[i]`."""

    sample: Sample
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JudgeCall:
    """One request to a judge's model. `id` is stable ("dialogue", "turn-2", "C1") and unique in its dialogue.

    `conversation` is None for a rule, which asks no model: `read(call, "")` gives the verdict.
    `delimiter` is the random word around the model's answers in this call; it is not part of any key.
    """

    id: str
    dialogue: AnsweredSample
    expects: tuple[tuple[int, str], ...]
    """(turn, criterion id) pairs that the verdict must rate, each exactly once."""
    conversation: Conversation | None = None
    schema: JSON = None
    delimiter: str = field(default="", compare=False)
    canary: str = field(default="", compare=False)
    """The random word that every rating must carry, "" where the rubric prints none; not part of any key."""
    cut_off: bool = field(default=False, compare=False)
    """True where the reply was cut off; set before `Judge.read`."""


class Judge(Protocol):
    """Rates answered samples. Made by a factory of the entry-point group `sparkles_eval.judges` or a judge folder."""

    @property
    def card(self) -> JudgeCard: ...

    def check(self, sample: Sample) -> str | None:
        """Why this judge cannot judge this sample ("image 3 has no caption"), or None. Sends no request."""
        ...

    def calls(self, dialogue: AnsweredSample) -> Sequence[JudgeCall]:
        """The requests to send; a rule gives one call without a conversation."""
        ...

    def read(self, call: JudgeCall, text: str) -> Verdict:
        """Read a reply: GRADED with exactly the ratings of `call.expects`, or INVALID with the reason. Never raises.

        The reason is sent to the judge with the next attempt, so it must not contain words of the reply.
        """
        ...
