"""Plans the requests of a generation from a seed: which images and demonstrations each one offers.

A resumed generation has the same plan.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from sparkles_eval.core.errors import UserError
from sparkles_eval.data.dialogues.inputs import Demonstration, ImageRow
from sparkles_eval.data.dialogues.records import CandidateImage
from sparkles_eval.data.dialogues.spec import StyleSpec
from sparkles_eval.data.dialogues.text_analysis import Root, count_words

LONG_ANSWER = 100
"""Least words of each answer of a demonstration that is chosen for variety (published)."""


def diverse_demonstrations(
    demonstrations: Sequence[Demonstration], root: Callable[[str], Root | None], long_answer: int = LONG_ANSWER
) -> list[Demonstration]:
    """Demonstrations with long answers whose first question has a verb and noun of its own (published)."""
    roots = [root(demonstration.dialogue.questions[0]) for demonstration in demonstrations]
    times = Counter(found for found in roots if found)
    return [
        demonstration
        for demonstration, found in zip(demonstrations, roots, strict=True)
        if found
        and times[found] == 1
        and all(count_words(answer) >= long_answer for answer in demonstration.dialogue.answers)
    ]


def check_demonstration_slots(demonstrations: Sequence[Demonstration], spec: StyleSpec) -> None:
    """Check that there are demonstrations for every place of the style. Raises errors.UserError."""
    for slot in spec.demonstrations:
        wanted = [d for d in demonstrations if slot in ("any", d.first_images)]
        if len(wanted) < spec.demonstrations.count(slot):
            have = ", ".join(map(str, sorted({d.first_images for d in demonstrations}))) or "none"
            raise UserError(
                f"style {spec.name} needs {spec.demonstrations.count(slot)} demonstrations with {slot} images in the "
                f"first turn; those at hand have {have}; name a file that has them with --demonstrations"
            )


def choose_demonstrations(
    demonstrations: Sequence[Demonstration], spec: StyleSpec, seed: int, call: int
) -> tuple[Demonstration, ...]:
    """The demonstrations of one call: a different one for each of the style's places, fixed by seed and call."""
    rng = Random(f"demonstrations/{seed}/{call}")  # noqa: S311 (no secret is made of it)
    chosen: list[Demonstration] = []
    for slot in spec.demonstrations:
        fitting = [d for d in demonstrations if slot in ("any", d.first_images) and d not in chosen]
        chosen.append(rng.choice(fitting))
    return tuple(chosen)


@dataclass(frozen=True, slots=True)
class DialogueCall:
    """One request: the images that it offers, its demonstrations, and the new images of each turn of each dialogue."""

    position: int
    candidates: tuple[CandidateImage, ...]
    demonstrations: tuple[Demonstration, ...]
    wanted: tuple[tuple[int, ...], ...]

    @property
    def offered(self) -> tuple[str, ...]:
        return tuple(candidate.id for candidate in self.candidates)


def number_of_calls(spec: StyleSpec, images: int, dialogues: int | None) -> int:
    """The number of calls for this many dialogues; None: as many as offer every image once.

    Raises errors.UserError where there are too few images.
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


def shuffled(rows: Sequence[ImageRow], seed: int) -> list[ImageRow]:
    """The rows in the order in which they are offered first."""
    return sorted(rows, key=lambda row: _rank(seed, 0, row.id))


def plan_calls(
    candidates: Sequence[CandidateImage],
    demonstrations: Sequence[Demonstration],
    spec: StyleSpec,
    count: int,
    seed: int,
) -> Iterator[DialogueCall]:
    """Plan the first `count` calls. A longer plan begins with the same calls; more images change it."""
    for position, offered in zip(range(count), _offers(candidates, spec.candidates, seed), strict=False):
        first = position * spec.dialogues_per_call
        wanted = tuple(spec.counts(first + number) for number in range(spec.dialogues_per_call))
        yield DialogueCall(position, offered, choose_demonstrations(demonstrations, spec, seed, position), wanted)


def _offers(candidates: Sequence[CandidateImage], size: int, seed: int) -> Iterator[tuple[CandidateImage, ...]]:
    """Groups of `size`: each round has every image once, except for a rest that is too small for a group."""
    turn = 0
    while len(candidates) >= size:
        order = sorted(candidates, key=lambda candidate: _rank(seed, turn, candidate.id))
        for at in range(0, len(order) - size + 1, size):
            yield tuple(order[at : at + size])
        turn += 1


def _rank(seed: int, turn: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{turn}/{name}".encode()).digest()
