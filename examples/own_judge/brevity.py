"""A judge in Python that asks nobody: the fewer words above a limit, the better. Loaded with --plugin.

A rubric in words needs no Python (see plain-words/). This is for what can be counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sparkles_eval.core import Criterion, Model, Rating, Sample, Verdict, VerdictStatus, fingerprint
from sparkles_eval.core.errors import UserError
from sparkles_eval.judges.base import AnsweredSample, JudgeCall, JudgeCard

VERSION = 1
BREVITY = Criterion("words", "Brevity", "10 up to the limit, then falling to 1 at four times the limit.")


class Brevity:
    """Rates each answer by its number of words (sparkles_eval.judges.base.Judge)."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._card = JudgeCard(
            name="brevity",
            version=VERSION,
            title="Brevity",
            criteria=(BREVITY,),
            low=1,
            high=10,
            sees="text",
            # Whatever may change a verdict: scores of another limit are another judge's.
            fingerprint=fingerprint(["brevity", VERSION, limit]),
        )

    @property
    def card(self) -> JudgeCard:
        return self._card

    def check(self, sample: Sample) -> str | None:  # noqa: ARG002 - every answer has a length
        return None

    def calls(self, dialogue: AnsweredSample) -> Sequence[JudgeCall]:
        turns = range(1, len(dialogue.sample.turns) + 1)
        return [JudgeCall("dialogue", dialogue, tuple((turn, BREVITY.id) for turn in turns))]

    def read(self, call: JudgeCall, text: str) -> Verdict:  # noqa: ARG002 - nobody was asked
        counts = [len(answer.split()) for answer in call.dialogue.answers]
        ratings = tuple(
            Rating(turn, BREVITY.id, self._points(count), f"{count} words") for turn, count in enumerate(counts, 1)
        )
        return Verdict(VerdictStatus.GRADED, ratings)

    def _points(self, words: int) -> float:
        over = (words - self._limit) / (3 * self._limit)
        return 10 - 9 * min(1.0, max(0.0, over))


def make(args: Mapping[str, str], model: Model | None) -> Brevity:
    """The factory: `--judge brevity`, with `--judge-arg limit=30`."""
    unknown = sorted(set(args) - {"limit"})
    if unknown or model is not None:
        raise UserError(f"judge brevity: takes limit=WORDS and asks no model, not {unknown or model}")
    limit = args.get("limit", "60")
    if not limit.isdecimal() or int(limit) < 1:
        raise UserError(f"judge brevity: --judge-arg limit={limit}: a whole number of words is needed")
    return Brevity(int(limit))


JUDGES = {"brevity": make}
