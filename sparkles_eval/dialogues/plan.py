"""Which images every call offers and what it asks for: worked out from a seed, so that going on plans the same.

Knows nothing of prompts, models or files.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sparkles_eval.dialogues.demos import drawn
from sparkles_eval.dialogues.records import Candidate
from sparkles_eval.dialogues.sources import Demonstration, Row
from sparkles_eval.dialogues.spec import StyleSpec
from sparkles_eval.errors import UserError


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the images that it offers, its demonstrations, and the new images of each turn of each dialogue."""

    position: int
    candidates: tuple[Candidate, ...]
    demonstrations: tuple[Demonstration, ...]
    wanted: tuple[tuple[int, ...], ...]

    @property
    def offered(self) -> tuple[str, ...]:
        return tuple(candidate.id for candidate in self.candidates)


def number_of_calls(spec: StyleSpec, images: int, dialogues: int | None) -> int:
    """Calls for so many dialogues; None: as many as offer every image once.

    Raises errors.UserError where the images do not suffice.
    """
    once = images // spec.candidates
    if once == 0:
        raise UserError(f"style {spec.name} offers {spec.candidates} images a call, and there are {images}")
    if dialogues is None:
        return once
    calls = math.ceil(dialogues / spec.dialogues_per_call)
    if not spec.reuse_candidates and calls > once:
        raise UserError(
            f"--dialogues {dialogues} needs {calls * spec.candidates} images, since style {spec.name} offers each "
            f"once; there are {images}: ask for {once * spec.dialogues_per_call} at the most"
        )
    return calls


def shuffled(rows: Sequence[Row], seed: int) -> list[Row]:
    """The rows in the order in which they are offered first."""
    return sorted(rows, key=lambda row: _rank(seed, 0, row.id))


def calls(
    candidates: Sequence[Candidate],
    demonstrations: Sequence[Demonstration],
    spec: StyleSpec,
    count: int,
    seed: int,
) -> Iterator[Call]:
    """The first `count` calls. More calls later begin with the same ones; more images change the plan."""
    for position, offered in zip(range(count), _offers(candidates, spec.candidates, seed), strict=False):
        first = position * spec.dialogues_per_call
        wanted = tuple(spec.counts(first + number) for number in range(spec.dialogues_per_call))
        yield Call(position, offered, drawn(demonstrations, spec, seed, position), wanted)


def _offers(candidates: Sequence[Candidate], size: int, seed: int) -> Iterator[tuple[Candidate, ...]]:
    """Groups of `size`: round by round, every image once a round but for a rest that is too small for a group."""
    turn = 0
    while len(candidates) >= size:
        order = sorted(candidates, key=lambda candidate: _rank(seed, turn, candidate.id))
        for at in range(0, len(order) - size + 1, size):
            yield tuple(order[at : at + size])
        turn += 1


def _rank(seed: int, turn: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{turn}/{name}".encode()).digest()
