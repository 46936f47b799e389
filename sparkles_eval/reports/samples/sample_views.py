"""The content of one sample's page: the question, every model's answers, and how each was scored.

Hidden characters in its texts are written out (`core.text`); `reader` makes it from a store.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sparkles_eval.core.text import format_number, visible
from sparkles_eval.store.sample_flags import SampleMark

MOST_CHARACTERS = 20_000
"""Of one text; what is longer is cut, with its length beside it."""
FEW_SAMPLES = 12
"""Answers whose marks a list shows one by one."""
DISAGREEMENT_LEVELS = 8
"""Heights that a small bar of a mark may have, above none."""

_CODES: dict[SampleMark, str] = {"right": "r", "wrong": "w", "invalid": "i", "unscored": "u", "rated": "p"}


@dataclass(frozen=True, slots=True)
class CutText:
    """A text that may have been cut; `length` is the whole one's, in characters."""

    text: str
    length: int

    @property
    def note(self) -> str:
        """What was left out, or ""."""
        if self.length <= MOST_CHARACTERS:
            return ""
        return f"Cut here: {self.length:,} characters, the first {MOST_CHARACTERS:,} are shown."


def cut_text(text: str, length: int | None = None) -> CutText:
    """The text made visible, cut at MOST_CHARACTERS."""
    return CutText(visible(text[:MOST_CHARACTERS]), len(text) if length is None else length)


@dataclass(frozen=True, slots=True)
class ImageView:
    """An image at its word. `caption` is what the data says of it, "" where it says nothing."""

    sha256: str
    width: int
    height: int
    name: str
    alt: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class TurnView:
    """A user's message; `pieces` are texts and pictures in order."""

    number: int
    pieces: tuple[str | ImageView, ...]
    reference: CutText | None

    @property
    def pictures(self) -> tuple[ImageView, ...]:
        """The message's images in order."""
        return tuple(piece for piece in self.pieces if isinstance(piece, ImageView))


@dataclass(frozen=True, slots=True)
class AnswerTurn:
    """A model's answer to a turn. `note` says what was unusual about it."""

    number: int
    text: CutText
    note: str
    read: tuple[int, int] | None = None
    """Where in `text` the option stands that was read as the answer: start and end, in characters."""
    reasoning: CutText | None = None
    """The model's reasoning before its answer."""

    @property
    def parts(self) -> tuple[str, str, str]:
        """The text before, at and behind what was read."""
        start, end = self.read or (0, 0)
        return self.text.text[:start], self.text.text[start:end], self.text.text[end:]


@dataclass(frozen=True, slots=True)
class RatingView:
    """One rating with the judge's reason."""

    turn: int
    criterion: str
    value: str
    explanation: str
    number: float | None = None


@dataclass(frozen=True, slots=True)
class VerdictView:
    """How one judge or one person scored one answered sample, or why not.

    `raw` is the judge's reply, kept where no explanations could be read out of it.
    """

    judge: str
    score: str
    ratings: tuple[RatingView, ...]
    reason: str
    raw: CutText | None
    scale: tuple[float, float] = (1, 10)
    person: bool = False
    points: float | None = None
    """The number behind `score`."""


@dataclass(frozen=True, slots=True)
class CriterionMark:
    """What one judge or person gave for a criterion, and why."""

    judge: str
    person: bool
    value: str
    explanation: str


@dataclass(frozen=True, slots=True)
class CriterionView:
    """One criterion of one turn, with all ratings. `apart`: the largest difference between judges, in points."""

    name: str
    said: tuple[CriterionMark, ...]
    apart: float


@dataclass(frozen=True, slots=True)
class AnswerView:
    """One run's answers to a sample, with what was read out of them and how they were judged."""

    label: str
    detail: str
    mark: SampleMark
    said: str
    """The mark in words: "right", "wrong", "8.33", "unscored: timed out"."""
    extracted: str | None
    turns: tuple[AnswerTurn, ...]
    verdicts: tuple[VerdictView, ...]
    points: float | None = None
    """A judge's points, or 1 for right and 0 for wrong or invalid; None where it is unscored."""
    by: str = ""
    """The judge whose points these are, "" for a rule's mark: the first of the tables that gave any."""
    model: str = ""
    """The model's name alone: its answers of other epochs and protocols share it."""
    altered: str = ""
    """How the question was altered on purpose; "" as it is."""
    reference: bool = False
    """True for a baseline or a control."""

    def criteria(self, turn: int) -> tuple[CriterionView, ...]:
        """A turn's criteria in the order of their first rating, each as all judges and people rated it."""
        found: dict[str, list[tuple[VerdictView, RatingView]]] = {}
        for verdict in self.verdicts:
            for rating in verdict.ratings:
                if rating.turn == turn:
                    found.setdefault(rating.criterion, []).append((verdict, rating))
        return tuple(_criterion(name, given) for name, given in found.items())

    @property
    def apart(self) -> float:
        """The largest difference between two judges of one scale on one criterion of one turn, in points."""
        turns = {rating.turn for verdict in self.verdicts for rating in verdict.ratings}
        return max((view.apart for turn in turns for view in self.criteria(turn)), default=0.0)

    @property
    def level(self) -> int:
        """How high a small bar stands for this answer, from 0 (unscored) to LEVELS."""
        if self.points is None:
            return 0
        scales = (verdict.scale for verdict in self.verdicts if verdict.judge == self.by)
        low, high = next(scales, (1.0, 10.0)) if self.mark == "rated" else (0.0, 1.0)
        share = (self.points - low) / (high - low) if high > low else 0.0
        return 1 + round((DISAGREEMENT_LEVELS - 1) * min(1.0, max(0.0, share)))


def _criterion(name: str, given: Sequence[tuple[VerdictView, RatingView]]) -> CriterionView:
    """A judge that was asked several times counts with its mean."""
    scales: dict[tuple[float, float], dict[str, list[float]]] = {}
    for verdict, rating in given:
        if not verdict.person and rating.number is not None:
            scales.setdefault(verdict.scale, {}).setdefault(verdict.judge, []).append(rating.number)
    apart = 0.0
    for judges in scales.values():
        means = [sum(values) / len(values) for values in judges.values()]
        apart = max(apart, max(means) - min(means))
    said = tuple(CriterionMark(v.judge, v.person, r.value, r.explanation) for v, r in given)
    return CriterionView(name, said, apart)


@dataclass(frozen=True, slots=True)
class SampleView:
    """One sample with every run's answers."""

    id: str
    name: str
    position: int
    gist: str
    """What it asks, in a line."""
    turns: tuple[TurnView, ...]
    fields: tuple[tuple[str, str], ...]
    target: str | None
    tags: tuple[str, ...]
    answers: tuple[AnswerView, ...]

    @property
    def pictures(self) -> tuple[ImageView, ...]:
        """Every image of every turn, in order."""
        return tuple(picture for turn in self.turns for picture in turn.pictures)

    @property
    def judged(self) -> bool:
        """Whether any answer has a verdict."""
        return any(answer.verdicts for answer in self.answers)

    @property
    def tally(self) -> str:
        """The marks in words: "38 right, 10 wrong, 2 invalid"; points as each judge's range."""
        counts: dict[str, int] = {}
        rated: dict[str, list[float]] = {}
        for answer in self.answers:
            if answer.mark == "rated" and answer.points is not None:
                rated.setdefault(answer.by, []).append(answer.points)
            else:
                counts[answer.mark] = counts.get(answer.mark, 0) + 1
        parts = [_ranged(points, judge if self.several else "") for judge, points in rated.items()]
        return ", ".join([*parts, *(f"{count} {mark}" for mark, count in counts.items())])

    @property
    def several(self) -> bool:
        """Whether more than one judge has given points, so that points need their judge's name."""
        return len({verdict.judge for a in self.answers for verdict in a.verdicts if not verdict.person}) > 1

    @property
    def facets(self) -> str:
        """What filters read, as JSON: marks `m` (a letter an answer), a judge's points `p` and bars `l` (empty where
        there are none), how far judges lie apart `d`, whether people rated it `h`, images `n`, tags `t`."""
        answers = self.answers
        rated = any(answer.mark == "rated" for answer in answers)
        return json.dumps(
            {
                "m": "".join(_CODES[answer.mark] for answer in answers),
                "p": [None if a.points is None else round(a.points, 2) for a in answers] if rated else [],
                "l": "".join(str(answer.level) for answer in answers) if len(answers) > FEW_SAMPLES else "",
                "d": round(max((answer.apart for answer in answers), default=0.0), 2),
                "h": int(any(verdict.person for answer in answers for verdict in answer.verdicts)),
                "n": len(self.pictures),
                "t": list(self.tags),
            },
            separators=(",", ":"),
        )

    @property
    def few(self) -> bool:
        """Whether each answer's mark can stand in a list by itself; else they are drawn as bars."""
        return len(self.answers) <= FEW_SAMPLES


def _ranged(points: Sequence[float], judge: str) -> str:
    """ "20 rated 7.33 to 10.00 by facts"."""
    low, high = format_number(min(points), "points"), format_number(max(points), "points")
    return f"{len(points)} rated {low}" + (f" to {high}" if low != high else "") + (f" by {judge}" if judge else "")
