"""Collects what the sentences of a reply state, and decides: an option, or none with the reason."""

from __future__ import annotations

from dataclasses import dataclass, field

from sparkles_eval.tasks.scorers.strict_grammar import BASE, StatedOption, Strength
from sparkles_eval.tasks.scorers.strict_options import Forms

Read = tuple[int | None, str]
"""(index of the option that is read, or None; why none is)."""

NOTHING_STATED = "no statement of an answer"
UNNAMED = "names no option"
TWO_ANSWERS = "states two different answers"
TAKEN_BACK = "takes its answer back, or says that it cannot tell"
ALIKE = "two options of the task read alike"


@dataclass(slots=True)
class AnswerPart:
    """What one part of a reply states. A part begins with the reply, or where the model corrects itself."""

    retracts: bool = False
    """True where earlier statements no longer count, whatever follows."""
    by_strength: dict[Strength, set[int | None]] = field(default_factory=dict)

    def add(self, option: int | None, strength: Strength) -> None:
        self.by_strength.setdefault(strength, set()).add(option)

    @property
    def strongest(self) -> Strength | None:
        return max(self.by_strength, default=None)


@dataclass(slots=True)
class OptionReading:
    """What has been read from a reply so far."""

    forms: Forms
    count: int
    parts: list[AnswerPart] = field(default_factory=lambda: [AnswerPart()])
    named: bool = False
    labels: set[int] = field(default_factory=set)
    """Options at the start of a line with more text: several are a list, one is an answer."""
    sentences: int = 0
    lone: StatedOption | None = None
    """The option with which the only sentence of the reply ends."""
    asked: bool = False
    """True after a question that the model asks itself: an option alone may answer that question instead."""

    @property
    def settled(self) -> bool:
        """True once an answer has been stated plainly."""
        return any(part.strongest is not None and part.strongest >= Strength.STATED for part in self.parts)


def decide(reading: OptionReading, boxed: set[int | None], *, cut: bool) -> Read:
    """The option that the parts of a reply state, after its corrections, or None with the reason."""
    least = Strength.STATED if cut else Strength.IMPLIED
    if boxed - {None}:
        return (next(iter(boxed)), "") if len(boxed) == 1 else (None, TWO_ANSWERS)
    if len(reading.labels) == 1 and not cut:
        reading.parts[0].add(next(iter(reading.labels)), Strength.CALLED)
    answer: int | None = None
    reason = NOTHING_STATED if reading.named else UNNAMED
    for part in reading.parts:
        if part.retracts:
            answer, reason = None, TAKEN_BACK
        strongest = part.strongest
        if strongest is None or strongest < least:
            continue
        options = part.by_strength[strongest]
        if len(options) > 1:
            answer, reason = None, TWO_ANSWERS
        elif answer is None or strongest >= Strength.STATED or options == {answer}:
            answer, reason = next(iter(options)), ""
        else:
            answer, reason = None, TWO_ANSWERS
    if answer is None and reason == NOTHING_STATED and reading.lone is not None and reading.sentences == 1 and not cut:
        return ord(reading.lone.option) - BASE, ""
    return (answer, "") if answer is not None else (None, reason)
