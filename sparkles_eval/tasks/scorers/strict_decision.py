"""What a reader has gathered from a reply, and what that amounts to: an option, or none and why."""

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
    """What one stretch of a reply states: it begins with the reply, or where the model corrects itself."""

    retracts: bool = False
    """True where what was said before falls, whatever follows."""
    by_strength: dict[Strength, set[int | None]] = field(default_factory=dict)

    def add(self, option: int | None, strength: Strength) -> None:
        self.by_strength.setdefault(strength, set()).add(option)

    @property
    def strongest(self) -> Strength | None:
        return max(self.by_strength, default=None)


@dataclass(slots=True)
class OptionReading:
    """What has been read of a reply so far."""

    forms: Forms
    count: int
    parts: list[AnswerPart] = field(default_factory=lambda: [AnswerPart()])
    named: bool = False
    labels: set[int] = field(default_factory=set)
    """Options that begin a line with more behind them: several are a list, one is an answer."""
    sentences: int = 0
    lone: StatedOption | None = None
    """What the only sentence of the reply ends on."""
    asked: bool = False
    """True behind a question of the model's own: an option alone answers that, and perhaps not ours."""

    @property
    def settled(self) -> bool:
        """True once an answer has been stated plainly."""
        return any(part.strongest is not None and part.strongest >= Strength.STATED for part in self.parts)


def decide(reading: OptionReading, boxed: set[int | None], *, cut: bool) -> Read:
    """What the parts of a reply amount to, the corrections among them minded."""
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
