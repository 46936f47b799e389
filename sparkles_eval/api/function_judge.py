"""A Python function as a judge that asks no model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from sparkles_eval.core import Criterion, Model, Rating, Sample, Verdict, VerdictStatus, fingerprint
from sparkles_eval.core.errors import UserError
from sparkles_eval.judges.base import AnsweredSample, JudgeCall, JudgeCard

_CRITERION = Criterion("rating", "Rating", "What the function gives.")


class FunctionJudge:
    """Rates with `rate(sample, answers)` (sparkles_eval.judges.base.Judge)."""

    def __init__(
        self, rate: Callable[..., object], name: str, version: int, low: float, high: float, code: str
    ) -> None:
        """`code` is a hash of the function: a changed one is another judge, whose scores are its own."""
        self._rate = rate
        identity = fingerprint(["function", name, version, low, high, code])
        self._card = JudgeCard(name, version, name, (_CRITERION,), low, high, "text", identity)

    @property
    def card(self) -> JudgeCard:
        return self._card

    def for_arguments(self, args: Mapping[str, str], model: Model | None) -> FunctionJudge:
        """The judge's factory: it takes no arguments. Raises errors.UserError for any."""
        if args or model is not None:
            raise UserError(f"judge {self._card.name}: a function takes no arguments and asks no model")
        return self

    def check(self, sample: Sample) -> str | None:  # noqa: ARG002 - it sees every answer
        return None

    def calls(self, dialogue: AnsweredSample) -> Sequence[JudgeCall]:
        turns = range(1, len(dialogue.sample.turns) + 1)
        return [JudgeCall("dialogue", dialogue, tuple((turn, _CRITERION.id) for turn in turns))]

    def read(self, call: JudgeCall, text: str) -> Verdict:  # noqa: ARG002 - nobody was asked
        answers = call.dialogue.answers
        try:
            said = self._rate(call.dialogue.sample, answers)
        except Exception as error:  # noqa: BLE001 - a user's function: the item is unscored, with the reason
            return _invalid(f"{self._card.name} raised {type(error).__name__}: {error}")
        found = list(said) if isinstance(said, list | tuple) else [said]
        if len(found) != len(answers):
            return _invalid(f"{self._card.name} gave {len(found)} ratings for {len(answers)} answers")
        ratings = []
        for turn, value in enumerate(found, 1):
            number = None if value is None or isinstance(value, str) else float(value)  # type: ignore[arg-type]
            if number is None or not math.isfinite(number) or not self._card.low <= number <= self._card.high:
                scale = f"{self._card.low:g} to {self._card.high:g}"
                return _invalid(f"{self._card.name} gave {value!r}, no number from {scale}")
            ratings.append(Rating(turn, _CRITERION.id, number, ""))
        return Verdict(VerdictStatus.GRADED, tuple(ratings))


def _invalid(reason: str) -> Verdict:
    return Verdict(VerdictStatus.INVALID, (), reason=reason)
