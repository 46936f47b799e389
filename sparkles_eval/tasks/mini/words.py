"""The small vocabulary of the drawn scenes: every noun, colour, size, place and number, with other words for them.

Knows nothing of how a thing is drawn or asked about. Generators speak only the `name`s and plurals of this table;
the facts judge also understands the `others`; training takes its words from here.
"""

from __future__ import annotations

from dataclasses import dataclass


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
"""Colours that no scene has: naming one is an answer, and a wrong one."""

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
"""One thing in each of the four cells at the most."""


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
