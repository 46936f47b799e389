"""What a drawn scene holds: up to four things, one in each quarter, on a background. Knows nothing of pixels or words.

Everything random comes from `dice`, which is seeded by the generator's version, a purpose, a seed and an index; an
item is therefore the same whatever else is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from sparkles_eval.tasks.mini.words import BACKGROUNDS, CELLS, COLOURS, KINDS, MAX_THINGS, SIZES, names

GENERATOR = 1
"""Raise when any scene, sentence or drawing changes: it names the cache folder and seeds the dice."""

KIND_NAMES, COLOUR_NAMES, SIZE_NAMES = names(KINDS), names(COLOURS), names(SIZES)
CELL_NAMES, BACKGROUND_NAMES = names(CELLS), names(BACKGROUNDS)
JITTER = 9
"""Pixels (of 256) that a thing may lie off the middle of its cell, each way."""
VARIANTS = 3
"""Looks of each background."""
TILTS = (-8, 0, 8)
"""Degrees that a thing may be turned by."""


@dataclass(frozen=True, slots=True)
class Thing:
    """One thing: what, which colour, how big and where. `dx`, `dy` are pixels off the cell's middle, `tilt` degrees."""

    kind: str
    colour: str
    size: str
    cell: str
    dx: int = 0
    dy: int = 0
    tilt: int = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """Things in the order of their cells, on a background in one of its looks."""

    things: tuple[Thing, ...]
    background: str
    variant: int = 0


@dataclass(frozen=True, slots=True)
class What:
    """A description that things may fit; None leaves an attribute open."""

    kind: str | None = None
    colour: str | None = None
    size: str | None = None
    cell: str | None = None

    def fits(self, thing: Thing) -> bool:
        return (
            self.kind in (None, thing.kind)
            and self.colour in (None, thing.colour)
            and self.size in (None, thing.size)
            and self.cell in (None, thing.cell)
        )

    @property
    def noun(self) -> str:
        """Size, colour and kind as words ("small red star"); the cell is not part of it."""
        return " ".join(word for word in (self.size, self.colour, self.kind) if word)


def dice(purpose: str, seed: int, index: int) -> Random:
    """The random numbers of one item; the same on every machine and Python version that we support."""
    return Random(f"sparkles-mini/{GENERATOR}/{purpose}/{seed}/{index}")  # noqa: S311 (no secret is made of it)


def count(scene: Scene, what: What) -> int:
    """Number of things in the scene that fit."""
    return sum(what.fits(thing) for thing in scene.things)


def some_thing(rng: Random, cell: str, what: What | None = None) -> Thing:
    """A random thing in a cell that fits `what` (whose own cell is ignored)."""
    what = what or What()
    return Thing(
        kind=what.kind or rng.choice(KIND_NAMES),
        colour=what.colour or rng.choice(COLOUR_NAMES),
        size=what.size or rng.choice(SIZE_NAMES),
        cell=cell,
        dx=rng.randint(-JITTER, JITTER),
        dy=rng.randint(-JITTER, JITTER),
        tilt=rng.choice(TILTS),
    )


def build(rng: Random, things: list[Thing]) -> Scene:
    """The scene of these things, in the order of cells, on a random background."""
    ordered = tuple(sorted(things, key=lambda thing: CELL_NAMES.index(thing.cell)))
    return Scene(ordered, rng.choice(BACKGROUND_NAMES), rng.randrange(VARIANTS))


def scene_with(rng: Random, wanted: list[What], others: int, avoid: What | None = None) -> Scene:
    """A scene with one thing for each of `wanted` (a named cell is kept) and `others` more that do not fit `avoid`.

    Raises ValueError when that is more than four things or one cell twice.
    """
    if len(wanted) + others > MAX_THINGS:
        raise ValueError(f"{len(wanted)} + {others} things do not go into {MAX_THINGS} cells")
    taken = [what.cell for what in wanted if what.cell]
    if len(set(taken)) < len(taken):
        raise ValueError(f"two things in one cell: {taken}")
    free = [cell for cell in CELL_NAMES if cell not in taken]
    rng.shuffle(free)
    things = [some_thing(rng, what.cell or free.pop(), what) for what in wanted]
    for _ in range(others):
        cell = free.pop()
        thing = some_thing(rng, cell)
        while avoid is not None and avoid.fits(thing):
            thing = some_thing(rng, cell)
        things.append(thing)
    return build(rng, things)


def any_scene(rng: Random) -> Scene:
    """A scene of one to four random things."""
    return scene_with(rng, [], rng.randint(1, MAX_THINGS))
