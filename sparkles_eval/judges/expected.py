"""Records of the ratings that a judge's reply must contain, and of those that were read from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sparkles_eval.core import Rating

LONGEST = 100_000
"""Characters of a reply that are read; no judgement is longer."""

CANARY = "canary"
"""Name of the canary in rubric templates and in JSON replies."""

CUT_OFF = "the reply was cut off"
"""Reason for a reply that was cut off and is not complete."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a reply must contain: each (turn, criterion id) once, on the scale. `quoted` are the judged answers.

    `canary` is the random word that every rating of this reply must carry, "" where its rubric prints none.
    `cut_off`: the reply was cut off before its end.
    """

    pairs: tuple[tuple[int, str], ...]
    low: float
    high: float
    quoted: tuple[str, ...] = ()
    canary: str = ""
    cut_off: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """All expected ratings, or none and the reason. `overall` holds the judge's overall rating of each turn.

    A reason of `strict` contains no words of the reply: it is sent to the judge again, and must not carry an answer's
    text outside of its delimiters.
    """

    ratings: tuple[Rating, ...] = ()
    overall: Mapping[int, float] = field(default_factory=dict)
    reason: str | None = None


def on_scale(value: float, expected: Expected) -> bool:
    """True for a number from the lowest to the highest points, both included."""
    return expected.low <= value <= expected.high


def complete(ratings: Sequence[Rating], overall: Mapping[int, float], expected: Expected) -> Parsed:
    """Check that every expected pair is there once and on the scale; gives the ratings in order, else the reason."""
    counts = Counter((rating.turn, rating.criterion) for rating in ratings)
    missing = [f"{criterion} of A{turn}" for turn, criterion in expected.pairs if not counts[turn, criterion]]
    twice = [f"{criterion} of A{turn}" for (turn, criterion), count in counts.items() if count > 1]
    off = [f"{r.criterion} of A{r.turn} is {r.value:g}" for r in ratings if not on_scale(r.value, expected)]
    reasons = []
    if missing:
        reasons.append(f"no rating for {', '.join(missing)}")
    if twice:
        reasons.append(f"more than one rating for {', '.join(twice)}")
    if off:
        reasons.append(f"{', '.join(off)} (the scale is {expected.low:g} to {expected.high:g})")
    if reasons:
        return Parsed(reason="; ".join(reasons))
    found = {(rating.turn, rating.criterion): rating for rating in ratings}
    return Parsed(tuple(found[pair] for pair in expected.pairs), overall)
