"""The rule-based judge of answers that have a reference: ROUGE-L, or which of the given choices was chosen.

Rates each answer from the lowest to the highest points of its scale: an open answer by the F1 of ROUGE-L with the
turn's reference, an answer to a choice by whether it comes closest to the right one. This is how the DEMON benchmark
is scored (Li et al. 2024, arXiv:2308.04152). Asks no model and sees no image.

A choice is read in two ways. `paper` is the published one: the choice of the highest tf-idf cosine, the first where
several are equally close, even where the answer shares no word with any; choices that are images ("image A") by the
first seven characters, unless the answer names several. `strict` asks for one closest choice that shares a word, and
for exactly one named image; anything else chooses nothing and gets the lowest points.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from sparkles_eval.errors import ContentError
from sparkles_eval.judges.base import Call, Dialogue, JudgeCard
from sparkles_eval.judges.likeness import likenesses, plain, rouge_l
from sparkles_eval.judges.rule import one_call, rule_card
from sparkles_eval.judges.spec import FILE, JudgeSpec, read_spec
from sparkles_eval.records import Rating, Sample, Verdict, VerdictStatus

FORMULA = 1
"""Raised when the formulas change so that older numbers are incomparable; part of the fingerprint."""
Reading: TypeAlias = Literal["strict", "paper"]
_IMAGE = re.compile(r"image [a-z]")


def choose(answer: str, choices: Sequence[str], reading: Reading) -> int | None:
    """Which of the choices an answer comes closest to, None for none; all as `likeness.plain` gives them."""
    if all(_IMAGE.fullmatch(choice) for choice in choices):
        return _image(answer, choices, reading)
    found = likenesses(answer, choices)
    if found is None:
        return next((place for place, choice in enumerate(choices) if answer == choice), None)
    best = max(found)
    if reading == "paper":
        return found.index(best)
    nearest = [place for place, value in enumerate(found) if value > best - 1e-12]
    return nearest[0] if best > 0 and len(nearest) == 1 else None


def _image(answer: str, choices: Sequence[str], reading: Reading) -> int | None:
    if reading == "paper":
        named = sum(f"image {letter}" in answer for letter in "abcd")
        return next((n for n, choice in enumerate(choices) if answer[:7] == choice), None) if named <= 1 else None
    words = [n for n, choice in enumerate(choices) if re.search(rf"\b{re.escape(choice)}\b", answer)]
    return words[0] if len(words) == 1 else None


class ReferenceJudge:
    """A judge of kind reference (judges.base.Judge). Made by `make_reference_judge`."""

    def __init__(self, spec: JudgeSpec, reading: Reading) -> None:
        self._reading = reading
        self._card = rule_card(spec, ["reference", FORMULA, reading])

    @property
    def card(self) -> JudgeCard:
        return self._card

    def check(self, sample: Sample) -> str | None:
        """Why this sample has not what the judge needs, or None."""
        if sample.options:
            return None if len(sample.turns) == 1 else "choices are judged in the last of one turn, it has several"
        without = [number for number, turn in enumerate(sample.turns, 1) if not plain(turn.reference or "")]
        if without:
            return f"turn {', '.join(map(str, without))} has no reference answer; judge {self._card.name} needs it"
        return None

    def calls(self, dialogue: Dialogue) -> Sequence[Call]:
        """One call, with nobody to ask."""
        return one_call(dialogue, self._card)

    def read(self, call: Call, text: str) -> Verdict:  # noqa: ARG002 - the interface has it, a rule has no reply
        """The verdict by rule; `text` is not looked at, since nobody was asked."""
        sample, answers = call.dialogue.sample, call.dialogue.answers
        if reason := self.check(sample):
            return Verdict(VerdictStatus.INVALID, reason=reason)
        rated = [self._share(sample, turn, answers[turn - 1]) for turn, _ in call.expects]
        span = self._card.high - self._card.low
        ratings = tuple(
            Rating(turn, criterion, round(self._card.low + span * share, 6), why)
            for (turn, criterion), (share, why) in zip(call.expects, rated, strict=True)
        )
        return Verdict(VerdictStatus.GRADED, ratings)

    def _share(self, sample: Sample, turn: int, answer: str) -> tuple[float, str]:
        if not sample.options:
            share = rouge_l(plain(answer), plain(sample.turns[turn - 1].reference or ""))
            return share, f"ROUGE-L {share:.3f}."
        chosen = choose(plain(answer), [plain(option) for option in sample.options], self._reading)
        if chosen is None:
            return 0.0, "Chooses none of the choices."
        right = sample.options[chosen] == sample.target
        return float(right), f"Closest to the {'right' if right else 'wrong'} choice {sample.options[chosen]!r}."


def make_reference_judge(folder: Path, protocol: str) -> ReferenceJudge:
    """The reference judge of a judge folder. Raises errors.ContentError when its judge.yaml is not of that kind."""
    path = folder / FILE
    spec = read_spec(path)
    if spec.kind != "reference":
        raise ContentError(f"{path}: kind: {spec.kind} is not reference")
    return ReferenceJudge(spec, "paper" if protocol == "paper" else "strict")
