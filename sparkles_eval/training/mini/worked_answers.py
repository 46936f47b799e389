"""Writes step-by-step answers about two drawn scenes: the search, the content of cells, the counts, the conclusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from sparkles_eval.synthetic import statements as say
from sparkles_eval.synthetic.bison_items import BisonItem, fits
from sparkles_eval.synthetic.nlvr2_items import Nlvr2Item
from sparkles_eval.synthetic.scene import (
    CELL_NAMES,
    COLOUR_NAMES,
    MAX_THINGS,
    NUMBERS,
    Description,
    Scene,
    Thing,
    count,
)

IMAGES = ("IMAGE#1", "IMAGE#2")


@dataclass(frozen=True, slots=True)
class StatementQuery:
    """A statement as the steps use it: what to look for, on which sides, and what must hold."""

    wanted: tuple[Description, ...]
    sides: tuple[say.Side, ...]
    needed: str
    finds_colour: bool = False
    """The colour of what is found counts, not how many there are."""


def search_step(whats: Sequence[Description], number: int | None = None) -> str:
    """The first step: the things to look for, with their attributes in fixed order."""
    listed = [" ".join(word for word in (what.noun, what.cell) if word) for what in whats]
    exactly = "" if number is None else f"exactly {NUMBERS[number]} "
    return f"Wanted: {exactly}{' and '.join(listed)}."


def scan_step(image: str, scene: Scene, whats: Sequence[Description], finds_colour: bool = False) -> str:
    """The step of one image: its relevant cells, which of `whats` their things fit, then how many fit.

    Where `whats` name cells, only these are listed and the verdict is yes or no. Otherwise all cells are listed, and of
    two `whats` the verdict says which.
    """
    by_cell = {thing.cell: thing for thing in scene.things}
    in_place = all(what.cell for what in whats)
    listed: list[str] = []
    for place, cell in enumerate([what.cell or "" for what in whats] if in_place else CELL_NAMES):
        asked = [whats[place]] if in_place else whats
        thing = by_cell.get(cell)
        seen = "nothing" if thing is None else f"{_description(thing, asked, finds_colour)}: {_verdict(thing, asked)}"
        listed.append(f"{cell} {seen}")
    found = " and ".join(NUMBERS[count(scene, what)] for what in whats)
    if finds_colour:
        found = next(thing.colour for thing in scene.things if whats[0].fits(thing))
    return f"{image}: {', '.join(listed)}, found {found}."


def _description(thing: Thing, asked: Sequence[Description], colour: bool) -> str:
    """The attributes of a thing that any of the descriptions names."""
    size = thing.size if any(what.size for what in asked) else None
    return Description(thing.kind, thing.colour if colour or any(what.colour for what in asked) else None, size).noun


def _verdict(thing: Thing, asked: Sequence[Description]) -> str:
    first, second = asked[0].fits(thing), asked[-1].fits(thing)
    if len(asked) == 1:
        return "yes" if first else "no"
    return {(False, False): "no", (True, False): "first", (False, True): "second", (True, True): "both"}[first, second]


def choice_steps(item: BisonItem) -> str:
    """Steps of a choice between two scenes, without the answer's sentence."""
    whats = [claim.what for claim in item.claims]
    lines = [search_step(whats, item.claims[0].number)]
    for image, scene in zip(IMAGES, item.scenes, strict=True):
        lines.append(f"{scan_step(image, scene, whats)[:-1]}: {_fit(fits(item.claims, scene))}.")
    return " ".join(lines)


def judgement_steps(item: Nlvr2Item, names: Mapping[say.Side, str]) -> str:
    """Steps of judging a statement, without the answer's sentence. `names` says which image is on which side."""
    asked = _random_query(item.statement)
    scenes: dict[say.Side, Scene] = {"left": item.left, "right": item.right}
    lines = [search_step(asked.wanted)]
    lines += [scan_step(names[side], scenes[side], asked.wanted, asked.finds_colour) for side in asked.sides]
    return " ".join([*lines, _concluded(item.statement, asked, scenes, item.truth)])


def _concluded(statement: say.Statement, asked: StatementQuery, scenes: Mapping[say.Side, Scene], truth: bool) -> str:
    """The last step: what is needed, what was found, and whether that fits."""
    seen = [scenes[side] for side in asked.sides]
    match statement:
        case say.Related(first=first, second=second):
            one, two = (next(thing for thing in seen[0].things if what.fits(thing)) for what in (first, second))
            return _placed(asked.needed, one, two)
        case say.Alike():
            one, two = (next(thing for thing in scene.things if asked.wanted[0].fits(thing)) for scene in seen)
            return _coloured(one.colour, two.colour)
        case _:
            return _counted(asked.needed, [count(scene, what) for scene in seen for what in asked.wanted], truth)


def _counted(needed: str, numbers: Sequence[int], truth: bool) -> str:
    listed = " and ".join(NUMBERS[number] for number in numbers)
    return f"Needed {needed}, found {listed}{_relation(needed, *numbers)}: {_fit(truth)}."


def _coloured(one: str, two: str) -> str:
    return f"Needed same, found {one} and {two}: {'same' if one == two else 'different'}: {_fit(one == two)}."


def _placed(needed: str, one: Thing, two: Thing) -> str:
    relation = next(name for name in _RELATIONS if say.related(one, name, two))
    return f"Needed {needed}, found {one.cell} and {two.cell}: {relation}: {_fit(relation == needed)}."


def _relation(needed: str, one: int, two: int = 0) -> str:
    """The relation of two numbers in the words of what is needed; "" for a single number."""
    if needed in ("both", "just one", "neither"):
        found = ("neither", "just one", "both")[(one > 0) + (two > 0)]
    elif needed in ("more", "fewer", "same"):
        found = "more" if one > two else "fewer" if one < two else "same"
    elif needed.startswith("twice"):
        found = "twice left" if one == 2 * two > 0 else "twice right" if two == 2 * one > 0 else "not twice"
    elif needed.endswith("in total"):
        found = f"{NUMBERS[one + two]} in total"
    else:
        return ""
    return f": {found}"


def _fit(holds: bool) -> str:
    return "fits" if holds else "fails"


_RELATIONS: tuple[say.Relation, ...] = ("above", "below", "left of", "right of")


def _random_query(statement: say.Statement) -> StatementQuery:  # noqa: PLR0911 (one return a form)
    both: tuple[say.Side, ...] = ("left", "right")
    match statement:
        case say.Has(side=side, what=what, number=number, exactly=exactly):
            return StatementQuery((what,), (side,), f"{'exactly' if exactly else 'at least'} {NUMBERS[number]}")
        case say.Shared(images=images, what=what):
            return StatementQuery((what,), both, "just one" if images == "exactly one" else images)
        case say.Compare(order=order, what=what):
            return StatementQuery((what,), both, order)
        case say.Twice(side=side, what=what):
            return StatementQuery((what,), both, f"twice {side}")
        case say.Total(what=what, number=number):
            return StatementQuery((what,), both, f"{NUMBERS[number]} in total")
        case say.Every(side=side, kind=kind, colour=colour):
            return StatementQuery((Description(kind), Description(kind, colour)), (side,), "same")
        case say.InCell(side=side, what=what, cell=cell):
            return StatementQuery((Description(what.kind, what.colour, cell=cell),), (side,), "at least one")
        case say.Related(side=side, first=first, relation=relation, second=second):
            return StatementQuery((first, second), (side,), relation)
        case say.Alike(kind=kind):
            return StatementQuery((Description(kind),), both, "same", finds_colour=True)


def conclusion_drill(rng: Random) -> tuple[str, bool]:
    """A last step alone, and whether it fits, which it does half of the time."""
    truth = rng.random() < 0.5
    while True:
        step, holds = _conclusion(rng)
        if holds == truth:
            return step, holds


def _conclusion(rng: Random) -> tuple[str, bool]:
    kind = rng.randrange(8)
    if kind == 0:
        one, two = rng.choice(COLOUR_NAMES), rng.choice(COLOUR_NAMES)
        return _coloured(one, two), one == two
    if kind == 1:
        start = rng.randrange(4)
        cells = CELL_NAMES[start], CELL_NAMES[start ^ rng.choice((1, 2))]
        first, second = (Thing("", "", "", cell) for cell in cells)
        relation = rng.choice(_RELATIONS)
        return _placed(relation, first, second), say.related(first, relation, second)
    wanted = NUMBERS[rng.randint(0, MAX_THINGS + 1)]
    rules = (
        ("both", "just one", "neither"),
        ("more", "fewer", "same"),
        ("twice left", "twice right"),
        (f"{wanted} in total",),
    )
    needed = rng.choice((*rules, (f"exactly {wanted}",), (f"at least {wanted}",))[kind - 2])
    numbers = [rng.randint(0, MAX_THINGS) for _ in range(2 if kind < 6 else 1)]
    found = _relation(needed, *numbers).removeprefix(": ")
    holds = found == needed
    if kind >= 6:
        holds = numbers[0] == NUMBERS.index(wanted) if kind == 6 else numbers[0] >= NUMBERS.index(wanted)
    return _counted(needed, numbers, holds), holds
