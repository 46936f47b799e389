"""The rule-based judge `reference`: compares an answer with its reference by ROUGE-L, or finds the nearest choice."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from sparkles_eval.core import Rating, Sample, Verdict, VerdictStatus
from sparkles_eval.core.errors import ContentError
from sparkles_eval.judges.base import AnsweredSample, JudgeCall, JudgeCard
from sparkles_eval.judges.spec import FILE, JudgeSpec, one_call, read_spec, rule_card

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_DIGIT_COMMA = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_PERIODS = 32
"""The published code passes a flag as a count, so that it removes at most 32 full stops."""
_WORD = re.compile(r"\b\w\w+\b")
_MOST_WORDS = 2_000
"""Words of one text that are compared; time grows with the product of both lengths."""


def plain(text: str) -> str:
    """A text as the published scripts compare it: lower case, without most punctuation and 32 of its full stops."""
    text = text.replace("\n", " ").replace("\t", " ").strip()
    drop_all = _DIGIT_COMMA.search(text) is not None
    kept = text
    for mark in _PUNCTUATION:
        alone = mark + " " in text or " " + mark in text
        kept = kept.replace(mark, "" if alone or drop_all else " ")
    kept = _PERIOD.sub("", kept, count=_PERIODS)
    return kept.strip("'").strip('"').strip().lower()


def rouge_l(answer: str, reference: str) -> float:
    """F1 of the longest common subsequence of words, from 0 to 1; texts as `plain` gives them.

    Sentences end at full stops. The score counts distinct words: those of the union of the common subsequences over
    all pairs of sentences of reference and answer (summary level, exclusive; Lin 2004). Only the first 2,000 words of
    a text are read.
    """
    answers, references = _sentences(answer), _sentences(reference)
    said = {word for sentence in answers for word in sentence}
    wanted = {word for sentence in references for word in sentence}
    if not said or not wanted:
        return 0.0
    shared: set[str] = set()
    for sentence in references:
        for other in answers:
            shared |= _common(sentence, other)
    precision, recall = len(shared) / len(said), len(shared) / len(wanted)
    return 2 * precision * recall / (precision + recall + 1e-8)


def _sentences(text: str) -> list[list[str]]:
    left = _MOST_WORDS
    found: list[list[str]] = []
    for sentence in text.split("."):
        words = sentence.split()[:left]
        left -= len(words)
        if words:
            found.append(words)
    return found


def _common(first: Sequence[str], second: Sequence[str]) -> set[str]:
    """The words of one longest common subsequence; of equally long ones, the one that steps back in `second` first."""
    lengths = [[0] * (len(second) + 1)]
    for word in first:
        before, row = lengths[-1], [0]
        for place, other in enumerate(second, 1):
            row.append(before[place - 1] + 1 if word == other else max(before[place], row[place - 1]))
        lengths.append(row)
    words: set[str] = set()
    i, j = len(first), len(second)
    while i and j:
        if first[i - 1] == second[j - 1]:
            words.add(first[i - 1])
            i, j = i - 1, j - 1
        elif lengths[i - 1][j] > lengths[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return words


def likenesses(answer: str, choices: Sequence[str]) -> list[float] | None:
    """Cosine similarity of the answer to each choice, with tf-idf weights over all these texts; None without words.

    Words have two letters or digits at least; idf = ln((1 + n) / (1 + df)) + 1 (scikit-learn's smoothed form).
    """
    counts = [Counter(_WORD.findall(text.lower())) for text in (answer, *choices)]
    spread = Counter(word for count in counts for word in count)
    if not spread:
        return None
    weights = {word: math.log((1 + len(counts)) / (1 + df)) + 1 for word, df in spread.items()}
    vectors = [_unit({word: times * weights[word] for word, times in count.items()}) for count in counts]
    return [sum(value * other.get(word, 0.0) for word, value in vectors[0].items()) for other in vectors[1:]]


def _unit(vector: Mapping[str, float]) -> dict[str, float]:
    length = math.sqrt(sum(value * value for value in vector.values()))
    return {word: value / length for word, value in vector.items()} if length else {}


FORMULA = 1
"""Increased when the formulas change so that older numbers are incomparable; part of the fingerprint."""
Reading: TypeAlias = Literal["strict", "paper"]
_IMAGE = re.compile(r"image [a-z]")


def choose(answer: str, choices: Sequence[str], reading: Reading) -> int | None:
    """Index of the choice nearest to an answer, or None; all texts as `plain` returns them."""
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
        """Why this judge cannot judge this sample, or None."""
        if sample.options:
            return None if len(sample.turns) == 1 else "choices are judged in the last of one turn, it has several"
        without = [number for number, turn in enumerate(sample.turns, 1) if not plain(turn.reference or "")]
        if without:
            return f"turn {', '.join(map(str, without))} has no reference answer; judge {self._card.name} needs it"
        return None

    def calls(self, dialogue: AnsweredSample) -> Sequence[JudgeCall]:
        """One call without a conversation, since no model is asked."""
        return one_call(dialogue, self._card)

    def read(self, call: JudgeCall, text: str) -> Verdict:  # noqa: ARG002 - the interface has it, a rule has no reply
        """The verdict by rule; `text` is ignored, since no model is asked."""
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
