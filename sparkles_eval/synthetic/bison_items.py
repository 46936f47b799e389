"""Items of the embedded BISON: captions that fit exactly one of two scenes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from sparkles_eval.synthetic.scene import (
    CELL_NAMES,
    COLOUR_NAMES,
    KIND_NAMES,
    MAX_THINGS,
    SIZE_NAMES,
    Description,
    Scene,
    Thing,
    any_scene,
    article,
    count,
    counted,
    dice,
    listed,
    some_thing,
)

ATTRIBUTES = ("colour", "count", "kind", "size", "position")


@dataclass(frozen=True, slots=True)
class CaptionClaim:
    """One claim of a caption: exactly `number` things fit, or at least one where `number` is None."""

    what: Description
    number: int | None = None

    def holds(self, scene: Scene) -> bool:
        found = count(scene, self.what)
        return found > 0 if self.number is None else found == self.number


@dataclass(frozen=True, slots=True)
class BisonItem:
    """One item: the caption with its claims, the two scenes in order, and which fits (0 or 1)."""

    attribute: str
    claims: tuple[CaptionClaim, ...]
    caption: str
    scenes: tuple[Scene, Scene]
    target: int


def fits(claims: tuple[CaptionClaim, ...], scene: Scene) -> bool:
    """True where every claim holds in the scene."""
    return all(claim.holds(scene) for claim in claims)


def choice(seed: int, index: int) -> BisonItem:
    """Item `index` (from 0) of a seed.

    Items 2j and 2j + 1 differ in the same attribute and have different targets; the attribute changes with each pair.
    """
    rank = index // 2
    attribute = ATTRIBUTES[rank % len(ATTRIBUTES)]
    first = dice("bison/pair", seed, rank).randrange(2)
    target = first ^ (index % 2)
    rng = dice("bison", seed, index)
    while True:
        right = any_scene(rng)
        changed = rng.randrange(len(right.things))
        wrong = _change(rng, right, changed, attribute)
        if wrong is None:
            continue
        claims, caption = _caption(rng, right, changed, attribute)
        if fits(claims, right) and not fits(claims, wrong):
            return BisonItem(attribute, claims, caption, (right, wrong) if target == 0 else (wrong, right), target)


def _change(rng: Random, scene: Scene, at: int, attribute: str) -> Scene | None:
    """The scene with one attribute of thing `at` changed, or None where that is impossible."""
    thing = scene.things[at]
    free = [cell for cell in CELL_NAMES if cell not in {other.cell for other in scene.things}]
    match attribute:
        case "colour":
            changed = [replace(thing, colour=_other(rng, COLOUR_NAMES, thing.colour))]
        case "kind":
            changed = [replace(thing, kind=_other(rng, KIND_NAMES, thing.kind))]
        case "size":
            changed = [replace(thing, size=_other(rng, SIZE_NAMES, thing.size))]
        case "position":
            if not free:
                return None
            changed = [replace(thing, cell=rng.choice(free))]
        case _:
            changed = _one_more_or_less(rng, thing, len(scene.things), free)
    things = [*scene.things[:at], *changed, *scene.things[at + 1 :]]
    return replace(scene, things=tuple(sorted(things, key=lambda item: CELL_NAMES.index(item.cell))))


def _other(rng: Random, names: tuple[str, ...], name: str) -> str:
    return rng.choice([other for other in names if other != name])


def _one_more_or_less(rng: Random, thing: Thing, number: int, free: list[str]) -> list[Thing]:
    """The thing and another like it, or no thing; the scene keeps 1 to 4 things."""
    more = number < MAX_THINGS and (number == 1 or rng.random() < 0.5)
    if not more:
        return []
    return [thing, some_thing(rng, rng.choice(free), Description(thing.kind, thing.colour, thing.size))]


def _caption(rng: Random, scene: Scene, at: int, attribute: str) -> tuple[tuple[CaptionClaim, ...], str]:
    """Claims about the changed thing, and their sentence. They mention the attribute that was changed."""
    thing = scene.things[at]
    if attribute == "count":
        what = Description(thing.kind, rng.choice((None, thing.colour)))
        number = count(scene, what)
        return (CaptionClaim(what, number),), _counting(rng, what, number)
    named = Description(
        thing.kind,
        thing.colour if attribute == "colour" or rng.random() < 0.7 else None,
        thing.size if attribute == "size" or rng.random() < 0.3 else None,
        thing.cell if attribute == "position" or rng.random() < 0.6 else None,
    )
    claims = [CaptionClaim(named)]
    others = [other for other in scene.things if other.kind != thing.kind]
    if others and rng.random() < 0.4:
        another = rng.choice(others)
        claims.insert(
            rng.randrange(2),
            CaptionClaim(Description(another.kind, another.colour, cell=another.cell if named.cell else None)),
        )
    return tuple(claims), _naming(rng, [claim.what for claim in claims], scene.background)


def _counting(rng: Random, what: Description, number: int) -> str:
    some = counted(what.noun, number)
    be = "is" if number == 1 else "are"
    return rng.choice((f"There {be} exactly {some}.", f"The picture shows exactly {some}."))


def _naming(rng: Random, named: list[Description], background: str) -> str:
    """One sentence about one or two things."""
    items = [article(what.noun) + (f" at the {what.cell}" if what.cell else "") for what in named]
    some = listed(items)
    sentences = [
        f"There is {some}.",
        f"The picture shows {some}.",
        f"{some[0].upper()}{some[1:]}.",
        f"{article(background).capitalize()} with {some}.",
    ]
    if len(named) == 1 and named[0].cell:
        sentences.append(f"At the {named[0].cell} there is {article(named[0].noun)}.")
    return rng.choice(sentences)
