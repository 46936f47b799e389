"""Scenes (up to four things on a background), and the vocabulary of their things."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class Word:
    """A value that a scene can have. `others` are words that people and models use for the same."""

    name: str
    plural: str = ""
    others: tuple[str, ...] = ()


KINDS: tuple[Word, ...] = (
    Word("ball", "balls", ("beach ball", "beach balls", "circle", "circles", "sphere", "spheres", "orb", "orbs")),
    Word("cup", "cups", ("mug", "mugs", "teacup", "teacups", "coffee cup", "coffee cups", "coffee mug", "coffee mugs")),
    Word("fish", "fish", ("fishes", "goldfish")),
    Word("flower", "flowers", ("blossom", "blossoms", "daisy", "daisies", "bloom", "blooms")),
    Word("heart", "hearts", ("heart shape", "heart shapes")),
    Word("house", "houses", ("home", "homes", "cottage", "cottages", "hut", "huts", "building", "buildings")),
    Word("star", "stars", ("star shape", "star shapes")),
    Word("tree", "trees", ()),
)

COLOURS: tuple[Word, ...] = (
    Word("red", others=("crimson", "scarlet")),
    Word("orange", others=("tangerine",)),
    Word("yellow", others=("gold", "golden")),
    Word("green", others=("teal", "emerald")),
    Word("blue", others=("navy", "azure")),
    Word("purple", others=("violet", "lilac", "lavender")),
)

OTHER_COLOURS: tuple[Word, ...] = (
    Word("pink", others=("magenta", "rose")),
    Word("brown"),
    Word("black"),
    Word("white"),
    Word("grey", others=("gray", "silver")),
    Word("cyan", others=("turquoise",)),
)
"""Colours that no scene has; naming one is a wrong answer."""

SIZES: tuple[Word, ...] = (
    Word("big", others=("large", "huge", "bigger", "larger")),
    Word("small", others=("little", "tiny", "smaller")),
)

CELLS: tuple[Word, ...] = (
    Word("top left", others=("upper left", "left top", "left upper")),
    Word("top right", others=("upper right", "right top", "right upper")),
    Word("bottom left", others=("lower left", "left bottom", "left lower")),
    Word("bottom right", others=("lower right", "right bottom", "right lower")),
)
"""Row, then column; index = 2 * row + column."""

BACKGROUNDS: tuple[Word, ...] = (
    Word("meadow", others=("grass", "grassy field", "grassy hill", "grassy hills", "green hills", "field", "lawn")),
    Word("beach", others=("sand", "sandy beach", "seaside", "shore", "seashore")),
    Word("night sky", others=("night", "starry night", "starry sky", "nighttime", "dark sky")),
    Word("sunset", others=("sunset sky", "sunrise", "dusk", "evening sky")),
    Word("plain page", others=("plain paper", "blank page", "blank paper", "plain background", "solid background")),
    Word("dotted page", others=("dotted paper", "dotted background", "polka dots", "polka dot", "dots", "dotted")),
)

NUMBERS: tuple[str, ...] = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
"""Number words by their value."""

MAX_THINGS = 4
"""At most one thing in each of the four cells."""


def names(words: tuple[Word, ...]) -> tuple[str, ...]:
    """The canonical names of a table."""
    return tuple(word.name for word in words)


_PLURALS = {word.name: word.plural for word in KINDS}


def plural(noun: str) -> str:
    """Plural of a noun that may carry adjectives: "red star" -> "red stars"."""
    head, _, last = noun.rpartition(" ")
    return f"{head} {_PLURALS[last]}".strip()


def article(noun: str) -> str:
    """The noun with "a" or "an": "orange fish" -> "an orange fish"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def counted(noun: str, number: int) -> str:
    """The noun with its number in words: "no stars", "one star", "two stars"."""
    if number == 1:
        return f"one {noun}"
    return f"{NUMBERS[number] if number else 'no'} {plural(noun)}"


def listed(items: list[str]) -> str:
    """Items as a list in a sentence: "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


GENERATOR = 1
"""Increase it when any scene, sentence or drawing changes: it names the cache folder and seeds the random numbers."""

KIND_NAMES, COLOUR_NAMES, SIZE_NAMES = names(KINDS), names(COLOURS), names(SIZES)
CELL_NAMES, BACKGROUND_NAMES = names(CELLS), names(BACKGROUNDS)
JITTER = 9
"""Pixels (of 256) by which a thing may be off the middle of its cell, in each direction."""
VARIANTS = 3
"""Looks of each background."""
TILTS = (-8, 0, 8)
"""Degrees by which a thing may be turned."""


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
class Description:
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


def count(scene: Scene, what: Description) -> int:
    """Number of things in the scene that fit."""
    return sum(what.fits(thing) for thing in scene.things)


def some_thing(rng: Random, cell: str, what: Description | None = None) -> Thing:
    """A random thing in a cell that fits `what` (whose own cell is ignored)."""
    what = what or Description()
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


def scene_with(rng: Random, wanted: list[Description], others: int, avoid: Description | None = None) -> Scene:
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
