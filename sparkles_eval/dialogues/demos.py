"""Chooses demonstrations: for their variety, and for each call by lot. Knows nothing of prompts or files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from sparkles_eval.dialogues.sources import Demonstration
from sparkles_eval.dialogues.spec import StyleSpec
from sparkles_eval.dialogues.words import Root, count_words
from sparkles_eval.errors import UserError

LONG_ANSWER = 100
"""Words of each answer of a demonstration that is chosen for variety (published)."""


def diverse(
    demonstrations: Sequence[Demonstration], root: Callable[[str], Root | None], long_answer: int = LONG_ANSWER
) -> list[Demonstration]:
    """Those whose first question has a verb and noun that no other's has, with long answers throughout (published)."""
    roots = [root(demonstration.dialogue.questions[0]) for demonstration in demonstrations]
    times = Counter(found for found in roots if found)
    return [
        demonstration
        for demonstration, found in zip(demonstrations, roots, strict=True)
        if found
        and times[found] == 1
        and all(count_words(answer) >= long_answer for answer in demonstration.dialogue.answers)
    ]


def check_slots(demonstrations: Sequence[Demonstration], spec: StyleSpec) -> None:
    """Raises errors.UserError where the style wants a demonstration that there is not."""
    for slot in spec.demonstrations:
        wanted = [d for d in demonstrations if slot in ("any", d.first_images)]
        if len(wanted) < spec.demonstrations.count(slot):
            have = ", ".join(map(str, sorted({d.first_images for d in demonstrations}))) or "none"
            raise UserError(
                f"style {spec.name} needs {spec.demonstrations.count(slot)} demonstrations with {slot} images in the "
                f"first turn; those at hand have {have}; name a file that has them with --demonstrations"
            )


def drawn(demonstrations: Sequence[Demonstration], spec: StyleSpec, seed: int, call: int) -> tuple[Demonstration, ...]:
    """The demonstrations of one call, one for each of the style's places, none twice; the same for the same call."""
    rng = Random(f"demonstrations/{seed}/{call}")  # noqa: S311 (no secret is made of it)
    chosen: list[Demonstration] = []
    for slot in spec.demonstrations:
        fitting = [d for d in demonstrations if slot in ("any", d.first_images) and d not in chosen]
        chosen.append(rng.choice(fitting))
    return tuple(chosen)
