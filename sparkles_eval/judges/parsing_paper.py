"""Reads ratings as the published code does, with its faults (`paper@1`); `read_paper` lists the faults."""

from __future__ import annotations

import re

from sparkles_eval.core import Rating
from sparkles_eval.judges.expected import Expected, Parsed, complete, on_scale

PAPER_PAIRS = tuple((turn, criterion) for turn in (1, 2) for criterion in ("C1", "C2", "C3"))
"""The only form of a number that the published search finds."""

_PAPER_NUMBER = r"\[?\[?(\d+\.?\d*)\]?\]?"
_PAPER_RATING = re.compile(rf"Rating: {_PAPER_NUMBER}")
_PAPER_SECTION = re.compile(r"Evaluating [A-Za-z0-9]+")


def read_paper(reply: str) -> list[list[float]] | None:
    """Run the published search: [[A1 overall, C1, C2, C3], [A2 ...]], or None where it finds too few or too many.

    Overall is the first "rating of A1 is" anywhere. The text is split at every "Evaluating <word>", and each part gives
    at most one value per criterion: the first "Rating:" with a number after the part's first "(C1)", even with another
    criterion in between. There must be exactly two values per criterion. Known faults: numbers off the scale pass, the
    first of two ratings wins, and ratings that the judge quotes from an answer count as its own.
    """
    overall = [re.search(rf"rating of A{turn} is {_PAPER_NUMBER}", reply) for turn in (1, 2)]
    parts = _PAPER_SECTION.split(reply)
    found: list[list[float]] = []
    for criterion in ("C1", "C2", "C3"):
        # The first "(C1)" and the first rating after it: what a lazy regular expression finds, in linear time.
        starts = [(part, part.find(f"({criterion})")) for part in parts]
        ratings = [_PAPER_RATING.search(part, at + len(criterion) + 2) for part, at in starts if at >= 0]
        found.append([float(match[1]) for match in ratings if match])
    if None in overall or any(len(values) != 2 for values in found):
        return None
    return [
        [float(match[1]), *(values[turn] for values in found)]
        for turn, match in enumerate(overall)
        if match is not None
    ]


def parse_paper(reply: str, expected: Expected) -> Parsed:
    """Read a reply by the rule `paper`; a number off the scale, which the published code averages, is invalid here."""
    found = read_paper(reply)
    if found is None:
        return Parsed(
            reason="the published search does not find two ratings of each criterion and both overall ratings"
        )
    ratings = [
        Rating(turn, criterion, value)
        for turn, (_, *values) in enumerate(found, 1)
        for criterion, value in zip(("C1", "C2", "C3"), values, strict=True)
    ]
    kept = {turn: row[0] for turn, row in enumerate(found, 1) if on_scale(row[0], expected)}
    return complete(ratings, kept, expected)
