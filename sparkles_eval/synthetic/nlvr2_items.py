"""Items of the embedded NLVR2: one sentence over four pairs of scenes, true of two and false of two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from sparkles_eval.synthetic import statements as say
from sparkles_eval.synthetic.scene import (
    CELL_NAMES,
    COLOUR_NAMES,
    KIND_NAMES,
    MAX_THINGS,
    Description,
    Scene,
    count,
    dice,
    scene_with,
)

PAIRS = 4
"""Items of a group, which have the same sentence and different pairs of scenes."""


@dataclass(frozen=True, slots=True)
class Nlvr2Item:
    """One item: a sentence, two scenes, and whether it is true of them."""

    group: int
    statement: say.Statement
    sentence: str
    left: Scene
    right: Scene
    truth: bool

    @property
    def type(self) -> str:
        return self.statement.type


def judged(seed: int, index: int) -> Nlvr2Item:
    """Item `index` (from 0) of a seed.

    Items 4g to 4g + 3 share a sentence; one of 4g and 4g + 1 is true, and one of 4g + 2 and 4g + 3. Statement types
    alternate from group to group.
    """
    group, place = divmod(index, PAIRS)
    rng = dice("nlvr2/group", seed, group)
    statement = _MAKERS[group % len(_MAKERS)](rng)
    text = say.sentence(statement, rng.randrange(say.WORDINGS))
    coins = (rng.random() < 0.5, rng.random() < 0.5)
    truth = coins[place // 2] != bool(place % 2)
    left, right = pair(dice("nlvr2/pair", seed, index), statement, truth)
    return Nlvr2Item(group, statement, text, left, right, truth)


def pair(rng: Random, statement: say.Statement, truth: bool) -> tuple[Scene, Scene]:
    """Two scenes of which the statement is true, or narrowly false; drawn until its computed truth is `truth`."""
    while True:
        left, right = _scenes(rng, statement)
        if _clear(statement, left, right) and say.evaluate(statement, left, right) == truth:
            return left, right


def _noun(rng: Random) -> Description:
    """What a statement is about: "star" half of the time, else "red star"."""
    return Description(rng.choice(KIND_NAMES), rng.choice((None, rng.choice(COLOUR_NAMES))))


def _side(rng: Random) -> say.Side:
    return "left" if rng.random() < 0.5 else "right"


def _share(rng: Random) -> say.Statement:
    images: tuple[say.Holders, ...] = ("both", "exactly one", "neither")
    return say.Shared(rng.choice(images), _noun(rng))


def _compare(rng: Random) -> say.Statement:
    orders: tuple[say.Order, ...] = ("more", "fewer", "same")
    return say.Compare(rng.choice(orders), _noun(rng))


def _relate(rng: Random) -> say.Statement:
    relations: tuple[say.Relation, ...] = ("above", "below", "left of", "right of")
    one, two = rng.sample(KIND_NAMES, 2)
    first, second = Description(one, rng.choice(COLOUR_NAMES)), Description(two, rng.choice(COLOUR_NAMES))
    return say.Related(_side(rng), first, rng.choice(relations), second)


_MAKERS: tuple[Callable[[Random], say.Statement], ...] = (
    lambda rng: say.Has(_side(rng), _noun(rng), rng.randint(1, 3), rng.random() < 0.7),
    _share,
    _compare,
    lambda rng: say.Twice(_side(rng), _noun(rng)),
    lambda rng: say.Total(_noun(rng), rng.randint(1, 5)),
    lambda rng: say.Every(_side(rng), rng.choice(KIND_NAMES), rng.choice(COLOUR_NAMES)),
    lambda rng: say.InCell(
        _side(rng), Description(rng.choice(KIND_NAMES), rng.choice(COLOUR_NAMES)), rng.choice(CELL_NAMES)
    ),
    _relate,
    lambda rng: say.Alike(rng.choice(KIND_NAMES)),
)


def _scenes(rng: Random, statement: say.Statement) -> tuple[Scene, Scene]:
    """Two scenes to which the statement could refer."""
    maker = _scene_maker(statement)
    return maker(rng), maker(rng)


def _scene_maker(statement: say.Statement) -> Callable[[Random], Scene]:
    match statement:
        case say.Shared(what=what):
            return lambda rng: _counting(rng, what, 1)
        case say.Every(kind=kind, colour=colour):
            return lambda rng: _coloured(rng, kind, colour)
        case say.InCell(what=what, cell=cell):
            return lambda rng: _placing(rng, what, cell)
        case say.Related(first=first, second=second):
            return lambda rng: _side_by_side(rng, first, second)
        case say.Alike(kind=kind):
            return lambda rng: _one_of(rng, kind)
        case say.Has(what=what) | say.Compare(what=what) | say.Twice(what=what) | say.Total(what=what):
            return lambda rng: _counting(rng, what, MAX_THINGS)


def _near(rng: Random, what: Description) -> Description:
    """A description that nearly fits: the same colour on another kind, or the same kind in another colour."""
    if what.colour is None or rng.random() < 0.5:
        return Description(rng.choice([kind for kind in KIND_NAMES if kind != what.kind]), what.colour)
    return Description(what.kind, rng.choice([colour for colour in COLOUR_NAMES if colour != what.colour]))


def _counting(rng: Random, what: Description, most: int) -> Scene:
    """A scene with 0 to `most` things that fit, and random others that nearly fit or do not; at least one thing."""
    fitting = rng.randint(0, most)
    near = rng.randint(0, min(2, MAX_THINGS - fitting))
    others = rng.randint(0 if fitting + near else 1, min(2, MAX_THINGS - fitting - near))
    return scene_with(rng, [what] * fitting + [_near(rng, what) for _ in range(near)], others, avoid=what)


def _coloured(rng: Random, kind: str, colour: str) -> Scene:
    """A scene with 1 to 3 things of the kind, all of the colour or all but one."""
    number = rng.randint(1, 3)
    wanted = [Description(kind, colour)] * number
    if rng.random() < 0.5:
        wanted[0] = Description(kind, rng.choice([other for other in COLOUR_NAMES if other != colour]))
    return scene_with(rng, wanted, rng.randint(0, MAX_THINGS - number), avoid=Description(kind))


def _placing(rng: Random, what: Description, cell: str) -> Scene:
    """A scene with a fitting thing in the cell or elsewhere, and always a thing in the cell."""
    if rng.random() < 0.5:
        return scene_with(rng, [Description(what.kind, what.colour, cell=cell)], rng.randint(0, 3), avoid=what)
    elsewhere = rng.choice([other for other in CELL_NAMES if other != cell])
    inside = _near(rng, what)
    wanted = [Description(inside.kind, inside.colour, cell=cell)]
    if rng.random() < 0.8:
        wanted.append(Description(what.kind, what.colour, cell=elsewhere))
    return scene_with(rng, wanted, rng.randint(0, MAX_THINGS - len(wanted)), avoid=what)


def _side_by_side(rng: Random, first: Description, second: Description) -> Scene:
    """A scene with one of each, directly beside or above each other, and 0 to 2 things that fit neither."""
    start = rng.randrange(4)
    neighbour = start ^ rng.choice((1, 2))
    wanted = [
        Description(first.kind, first.colour, cell=CELL_NAMES[start]),
        Description(second.kind, second.colour, cell=CELL_NAMES[neighbour]),
    ]
    while True:
        scene = scene_with(rng, wanted, rng.randint(0, 2))
        if count(scene, first) == count(scene, second) == 1:
            return scene


def _one_of(rng: Random, kind: str) -> Scene:
    """A scene with exactly one thing of the kind and 0 to 3 others."""
    return scene_with(rng, [Description(kind)], rng.randint(0, 3), avoid=Description(kind))


def _clear(statement: say.Statement, left: Scene, right: Scene) -> bool:
    """False for ambiguous pairs: "as many as" and "fewer" where neither image has such a thing."""
    if isinstance(statement, say.Compare | say.Twice):
        return count(left, statement.what) + count(right, statement.what) > 0
    return True
