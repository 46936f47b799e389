"""What a judge is: it turns an answered sample into calls, and each reply into a verdict.

Knows nothing of how a call is sent, repeated or stored: the engine does that.
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
    """Who judges, and everything that may change a verdict. Its `fingerprint` marks every score.

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
    """Replies asked for at the most until one can be read; then the sample stays unscored with the reason."""
    generation: Generation = Generation()
    reader: str = ""
    """How its replies are read, with the version ("strict@2"); "" for a rule."""
    canary: bool | None = None
    """Whether every rating must carry a random word that only the instructions name; None where nothing is read."""
    retries_with_reason: bool = True
    """Whether a reply that cannot be read is asked for again with the reason; else the same call is repeated."""


@dataclass(frozen=True, slots=True)
class AnsweredSample:
    """An answered sample as a judge reads it: `answers[i]` is the model's reply to `sample.turns[i]`."""

    sample: Sample
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JudgeCall:
    """One thing to ask a judge's model. `id` is stable ("dialogue", "turn-2", "C1") and unique in its dialogue.

    `conversation` is None for a rule: nobody has to be asked, `read(call, "")` gives the verdict.
    `delimiter` is the random fence that was put around the model's answers in this call; it is no part of any key.
    """

    id: str
    dialogue: AnsweredSample
    expects: tuple[tuple[int, str], ...]
    """(turn, criterion id) pairs that the verdict must rate, each exactly once."""
    conversation: Conversation | None = None
    schema: JSON = None
    delimiter: str = field(default="", compare=False)
    canary: str = field(default="", compare=False)
    """The random word that every rating must carry, "" where the rubric prints none; no part of any key."""
    cut_off: bool = field(default=False, compare=False)
    """Set before `Judge.read` where the reply that is read was stopped before its end."""


class Judge(Protocol):
    """Rates answered samples. Made by a factory of the entry-point group `sparkles_eval.judges` or a judge folder."""

    @property
    def card(self) -> JudgeCard: ...

    def check(self, sample: Sample) -> str | None:
        """Why this judge cannot judge this sample ("image 3 has no caption"), or None. Asks nobody."""
        ...

    def calls(self, dialogue: AnsweredSample) -> Sequence[JudgeCall]:
        """What to ask, one entry a request; a rule gives one call without a conversation."""
        ...

    def read(self, call: JudgeCall, text: str) -> Verdict:
        """The verdict in a reply: GRADED, exactly `call.expects` rated, or INVALID with the reason. Never raises.

        The reason is sent to the judge with the next attempt, so it must hold no words of the reply.
        """
        ...
