"""Step-by-step answers about two scenes: what is looked for, what stands in each cell, how many fit, the answer.

Each step can be read off the steps right before it, which is what a small language model can learn: a verdict stands
beside the thing that it judges, a count beside the verdicts, the rule beside the counts. Knows nothing of images or
prompts; every step is computed from the scenes, none is guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparkles_eval.tasks.mini import statements as say
from sparkles_eval.tasks.mini.bison import Choice, fits
from sparkles_eval.tasks.mini.nlvr2 import Judged
from sparkles_eval.tasks.mini.scene import CELL_NAMES, Scene, What, count
from sparkles_eval.tasks.mini.words import NUMBERS

IMAGES = ("IMAGE#1", "IMAGE#2")
_SIDES = {"left": 0, "right": 1}


@dataclass(frozen=True, slots=True)
class Asked:
    """A statement in the form that the steps use: what to look for, in which images (0, 1), and what must hold."""

    wanted: tuple[What, ...]
    looked_at: tuple[int, ...]
    needed: str


def wanted(whats: Sequence[What], number: int | None = None) -> str:
    """The first step: every attribute of what is looked for, the open ones as "any"."""
    told = [
        f"{what.size or 'any size'} {what.colour or 'any colour'} {what.kind} {what.cell or 'anywhere'}"
        for what in whats
    ]
    exactly = "" if number is None else f"exactly {NUMBERS[number]} "
    return f"Wanted: {exactly}{' and '.join(told)}."


def scan(image: int, scene: Scene, whats: Sequence[What]) -> str:
    """One image, cell by cell: what stands there and which of `whats` it fits; at the end how many fitted each."""
    by_cell = {thing.cell: thing for thing in scene.things}
    cells = []
    for cell in CELL_NAMES:
        thing = by_cell.get(cell)
        if thing is None:
            cells.append(f"{cell} nothing")
            continue
        hits = [what.fits(thing) for what in whats]
        verdict = _VERDICTS[tuple(hits)]
        cells.append(f"{cell} {thing.size} {thing.colour} {thing.kind}: {verdict}")
    found = " and ".join(NUMBERS[count(scene, what)] for what in whats)
    return f"{IMAGES[image]}: {', '.join(cells)}, found {found}."


_VERDICTS: dict[tuple[bool, ...], str] = {
    (False,): "no",
    (True,): "yes",
    (False, False): "no",
    (True, False): "first",
    (False, True): "second",
    (True, True): "both",
}


def choosing(item: Choice) -> str:
    """Steps of a choice between two scenes, without the answer's sentence."""
    whats = [claim.what for claim in item.claims]
    lines = [wanted(whats, item.claims[0].number)]
    for image, scene in enumerate(item.scenes):
        verdict = "fits" if fits(item.claims, scene) else "fails"
        lines.append(f"{scan(image, scene, whats)[:-1]}: {verdict}.")
    return " ".join(lines)


def judging(item: Judged) -> str:
    """Steps of judging a statement, without the answer's sentence."""
    asked = _asked(item.statement)
    scenes = (item.left, item.right)
    lines = [wanted(asked.wanted)]
    lines += [scan(image, scenes[image], asked.wanted) for image in asked.looked_at]
    return " ".join([*lines, f"{_gathered(item.statement, asked, scenes)}, needed {asked.needed}."])


def _gathered(statement: say.Statement, asked: Asked, scenes: tuple[Scene, Scene]) -> str:
    """What the scans came to, in the terms of the rule."""
    seen = [scenes[image] for image in asked.looked_at]
    match statement:
        case say.Related(first=first, second=second):
            one, two = (next(t for t in seen[0].things if what.fits(t)) for what in (first, second))
            relation = next(name for name in _RELATIONS if say.related(one, name, two))
            return f"First {one.cell} second {two.cell}: {relation}"
        case say.Alike():
            colours = [next(t.colour for t in scene.things if asked.wanted[0].fits(t)) for scene in seen]
            return f"Colours {' and '.join(colours)}"
        case say.Total(what=what):
            numbers = [count(scene, what) for scene in seen]
            return f"Numbers {' and '.join(NUMBERS[n] for n in numbers)}: {NUMBERS[sum(numbers)]}"
        case _:
            numbers = [count(scene, what) for scene in seen for what in asked.wanted]
            return f"Numbers {' and '.join(NUMBERS[n] for n in numbers)}"


_RELATIONS: tuple[say.Relation, ...] = ("above", "below", "left of", "right of")


def _asked(statement: say.Statement) -> Asked:
    both = (0, 1)
    match statement:
        case say.Has(side=side, what=what, number=number, exactly=exactly):
            return Asked((what,), (_SIDES[side],), f"{'exactly' if exactly else 'at least'} {NUMBERS[number]}")
        case say.Share(images=images, what=what):
            return Asked((what,), both, images)
        case say.Compare(order=order, what=what):
            return Asked((what,), both, order)
        case say.Twice(side=side, what=what):
            return Asked((what,), both, f"twice in {IMAGES[_SIDES[side]]}")
        case say.Total(what=what, number=number):
            return Asked((what,), both, NUMBERS[number])
        case say.Every(side=side, kind=kind, colour=colour):
            return Asked((What(kind), What(kind, colour)), (_SIDES[side],), "same")
        case say.Placed(side=side, what=what, cell=cell):
            return Asked((What(what.kind, what.colour, cell=cell),), (_SIDES[side],), "at least one")
        case say.Related(side=side, first=first, relation=relation, second=second):
            return Asked((first, second), (_SIDES[side],), relation)
        case say.Alike(kind=kind):
            return Asked((What(kind),), both, "same")
