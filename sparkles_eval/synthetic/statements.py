"""Statements about two scenes as logical forms: their words, and whether they are true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from sparkles_eval.synthetic.scene import (
    CELL_NAMES,
    NUMBERS,
    Description,
    Scene,
    Thing,
    article,
    count,
    counted,
    plural,
)

Side: TypeAlias = Literal["left", "right"]
Order: TypeAlias = Literal["more", "fewer", "same"]
Holders: TypeAlias = Literal["both", "exactly one", "neither"]
Relation: TypeAlias = Literal["above", "below", "left of", "right of"]

WORDINGS = 2
"""Ways to say each statement."""


def _be(number: int) -> str:
    return "is" if number == 1 else "are"


def _other(side: Side) -> Side:
    return "right" if side == "left" else "left"


@dataclass(frozen=True, slots=True)
class Has:
    """The image on `side` contains exactly (or at least) so many."""

    type: ClassVar[str] = "count"
    side: Side
    what: Description
    number: int
    exactly: bool

    def holds(self, left: Scene, right: Scene) -> bool:
        found = count(left if self.side == "left" else right, self.what)
        return found == self.number if self.exactly else found >= self.number

    @property
    def sayings(self) -> tuple[str, str]:
        some = f"{'exactly' if self.exactly else 'at least'} {counted(self.what.noun, self.number)}"
        return (
            f"The {self.side} image contains {some}.",
            f"There {_be(self.number)} {some} in the {self.side} image.",
        )


@dataclass(frozen=True, slots=True)
class Shared:
    """Both, exactly one, or neither of the images contain such a thing."""

    type: ClassVar[str] = "quantifier"
    images: Holders
    what: Description

    def holds(self, left: Scene, right: Scene) -> bool:
        holders = (count(left, self.what) > 0) + (count(right, self.what) > 0)
        return holders == {"both": 2, "exactly one": 1, "neither": 0}[self.images]

    @property
    def sayings(self) -> tuple[str, str]:
        noun = article(self.what.noun)
        sayings: Mapping[Holders, tuple[str, str]] = {
            "both": (f"Both images contain {noun}.", f"There is {noun} in each image."),
            "exactly one": (f"Exactly one image contains {noun}.", f"There is {noun} in only one of the images."),
            "neither": (
                f"Neither image contains {noun}.",
                f"There are no {plural(self.what.noun)} in either image.",
            ),
        }
        return sayings[self.images]


@dataclass(frozen=True, slots=True)
class Compare:
    """The left image has more, fewer, or as many as the right one."""

    type: ClassVar[str] = "comparison"
    order: Order
    what: Description

    def holds(self, left: Scene, right: Scene) -> bool:
        more = count(left, self.what) - count(right, self.what)
        return {"more": more > 0, "fewer": more < 0, "same": more == 0}[self.order]

    @property
    def sayings(self) -> tuple[str, str]:
        nouns = plural(self.what.noun)
        if self.order == "same":
            return (
                f"The left image contains as many {nouns} as the right image.",
                f"The number of {nouns} is the same in both images.",
            )
        return (
            f"There are {self.order} {nouns} in the left image than in the right image.",
            f"The left image contains {self.order} {nouns} than the right image.",
        )


@dataclass(frozen=True, slots=True)
class Twice:
    """The image on `side` has twice as many as the other, which has some."""

    type: ClassVar[str] = "ratio"
    side: Side
    what: Description

    def holds(self, left: Scene, right: Scene) -> bool:
        here, other = (left, right) if self.side == "left" else (right, left)
        return count(here, self.what) == 2 * count(other, self.what) > 0

    @property
    def sayings(self) -> tuple[str, str]:
        nouns, other = plural(self.what.noun), _other(self.side)
        return (
            f"The {self.side} image contains twice as many {nouns} as the {other} image.",
            f"There are twice as many {nouns} in the {self.side} image as in the {other} image.",
        )


@dataclass(frozen=True, slots=True)
class Total:
    """Both images together have exactly so many."""

    type: ClassVar[str] = "total"
    what: Description
    number: int

    def holds(self, left: Scene, right: Scene) -> bool:
        return count(left, self.what) + count(right, self.what) == self.number

    @property
    def sayings(self) -> tuple[str, str]:
        noun = self.what.noun if self.number == 1 else plural(self.what.noun)
        return (
            f"There {_be(self.number)} exactly {NUMBERS[self.number]} {noun} in the two images together.",
            f"The two images contain {NUMBERS[self.number]} {noun} in total.",
        )


@dataclass(frozen=True, slots=True)
class Every:
    """The image on `side` has things of the kind, all of that colour."""

    type: ClassVar[str] = "colour"
    side: Side
    kind: str
    colour: str

    def holds(self, left: Scene, right: Scene) -> bool:
        here = left if self.side == "left" else right
        return 0 < count(here, Description(self.kind)) == count(here, Description(self.kind, self.colour))

    @property
    def sayings(self) -> tuple[str, str]:
        return (
            f"Every {self.kind} in the {self.side} image is {self.colour}.",
            f"All {plural(self.kind)} in the {self.side} image are {self.colour}.",
        )


@dataclass(frozen=True, slots=True)
class InCell:
    """Such a thing is in a cell of the image on `side`."""

    type: ClassVar[str] = "position"
    side: Side
    what: Description
    cell: str

    def holds(self, left: Scene, right: Scene) -> bool:
        here = left if self.side == "left" else right
        return any(self.what.fits(thing) and thing.cell == self.cell for thing in here.things)

    @property
    def sayings(self) -> tuple[str, str]:
        noun = article(self.what.noun)
        return (
            f"There is {noun} at the {self.cell} of the {self.side} image.",
            f"In the {self.side} image, the thing at the {self.cell} is {noun}.",
        )


@dataclass(frozen=True, slots=True)
class Related:
    """In the image on `side`, a `first` is straight above, below or beside a `second`."""

    type: ClassVar[str] = "relation"
    side: Side
    first: Description
    relation: Relation
    second: Description

    def holds(self, left: Scene, right: Scene) -> bool:
        things = (left if self.side == "left" else right).things
        return any(
            self.first.fits(one) and self.second.fits(two) and related(one, self.relation, two)
            for one in things
            for two in things
        )

    @property
    def sayings(self) -> tuple[str, str]:
        one, two = article(self.first.noun), article(self.second.noun)
        place = self.relation if self.relation in ("above", "below") else f"to the {self.relation}"
        return f"In the {self.side} image, {one} is {place} {two}.", f"The {self.side} image shows {one} {place} {two}."


@dataclass(frozen=True, slots=True)
class Alike:
    """A thing of the kind in one image has the same colour as one of the kind in the other image."""

    type: ClassVar[str] = "same colour"
    kind: str

    def holds(self, left: Scene, right: Scene) -> bool:
        one, two = ({thing.colour for thing in scene.things if thing.kind == self.kind} for scene in (left, right))
        return bool(one & two)

    @property
    def sayings(self) -> tuple[str, str]:
        return (
            f"The {self.kind} in the left image has the same colour as the {self.kind} in the right image.",
            f"The {plural(self.kind)} in the two images have the same colour.",
        )


_STEPS: Mapping[Relation, tuple[int, int]] = {"above": (1, 0), "below": (-1, 0), "left of": (0, 1), "right of": (0, -1)}
"""Rows down and columns right from the first thing to the second."""


def related(first: Thing, relation: Relation, second: Thing) -> bool:
    """True when `first` lies in that direction of `second`, in the same column (above, below) or row (beside)."""
    row, column = divmod(CELL_NAMES.index(first.cell), 2)
    other_row, other_column = divmod(CELL_NAMES.index(second.cell), 2)
    return (other_row - row, other_column - column) == _STEPS[relation]


Statement: TypeAlias = Has | Shared | Compare | Twice | Total | Every | InCell | Related | Alike


def evaluate(statement: Statement, left: Scene, right: Scene) -> bool:
    """Whether the statement is true of the two scenes."""
    return statement.holds(left, right)


def sentence(statement: Statement, wording: int) -> str:
    """The statement in words; `wording` (0 or 1) chooses one of two ways to say it."""
    return statement.sayings[wording]
