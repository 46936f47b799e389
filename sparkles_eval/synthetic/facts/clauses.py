"""Parses one clause of an answer: the things it mentions with their numbers and values, and its images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sparkles_eval.synthetic.facts.lexicon import FactToken, T

Value = tuple[str, str]
"""(attribute, value)"""

SCENE = "*"
"""The noun of a mention of the whole picture, such as its background."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A thing that a clause mentions. `noun` "" means the one mentioned last."""

    noun: str = ""
    number: int | None = None
    said: bool = False
    """True for an explicit number; False for "a star", which means one, but less plainly."""
    before: tuple[Value, ...] = ()
    """Values next to the noun that distinguish it from others: "red" in "two red stars"."""
    after: tuple[Value, ...] = ()
    """Values that the clause states about it: "red" in "the two stars are red"."""
    elliptical: bool = False
    """True when the clause has no noun of its own: "one red" in "two stars, one red"."""
    denied: bool = False
    """True for "no stars" and "not two stars"."""
    denied_values: tuple[Value, ...] = ()
    images: tuple[str, ...] = ()
    implicit: bool = False
    """True when its sentence names no image."""

    @property
    def values(self) -> tuple[Value, ...]:
        return (*self.before, *self.after)

    @property
    def attribute(self) -> str:
        """What a mention without a noun is most likely about."""
        if self.number is not None:
            return "count"
        everything = (*self.values, *self.denied_values)
        return everything[0][0] if everything else ""

    def same_thing(self, other: Mention) -> bool:
        """True where both mention the same noun in the same images, and neither denies it."""
        mine, its = (self.noun, self.images, self.denied), (other.noun, other.images, other.denied)
        return mine == its and not self.denied


@dataclass(slots=True)
class FactClause:
    """Mentions in order, and the images that the clause names."""

    mentions: list[Mention] = field(default_factory=list)
    images: tuple[str, ...] = ()
    named: bool = False
    leads: bool = False
    other: bool = False
    """True when it mentions "the other image"."""
    compared: bool = False
    """True after "than": the sentence is not about this image."""
    implicit: bool = False
    places: tuple[Value, ...] = ()
    """Positions in a clause without any thing: "at the top left, there is ..."."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CLEAR = _words(
    """very bright dark light deep pale vivid lovely smiling happy cute cheerful coloured colored only just exactly
    solid cartoon beautiful friendly visible different similar distinct such"""
)
"""Words that may occur between a number, a value and its noun."""
_LINKS = _words(
    """in on at of for to from near by and is are was were there here it its that which this these those they has have
    shows show contains each total overall too as while when where in-between than then one ones color colour hue
    shade size tone respectively inside within image images picture pictures i we you the corner side"""
)
"""Words before which a number or value can end. Before any other word it belongs to that word: "a big smile"."""
_BESIDE = _words("next beside near above below under underneath behind over alongside opposite")
"""Words before a noun that is only a landmark."""
_PIECES = _words(
    "roof door window windows trunk tail eye eyes face handle petals fin fins stem smile outline border rim"
)
"""Words for a part of a thing: a value that follows belongs to the part, not the thing."""


class _Parser:
    """Builds one clause. `number`, `article` and `values` wait for their noun."""

    def __init__(self, held: Sequence[Value]) -> None:
        self.clause = FactClause()
        self.places: list[Value] = list(held)
        self.denying = False
        self.landmark = False
        self.piece = False
        self.subject: int | None = None
        self._clear()

    def _clear(self) -> None:
        self.number: int | None = None
        self.article = False
        self.values: list[Value] = []

    def _add(self, mention: Mention, *, subject: bool = True) -> None:
        self.clause.mentions.append(mention)
        if subject:
            self.subject = len(self.clause.mentions) - 1

    def noun(self, name: str) -> None:
        before = (*self.values, *self.places)
        number, said = self.number, self.number is not None
        if number is None and self.article:
            number = 1
        if self.denying:
            # "no red stars": none of these, and if there is one star, it is not red.
            mention = Mention(name, 0 if not said else number, True, before, denied=said, denied_values=before)
        else:
            mention = Mention(name, number, said, before)
        self._add(mention, subject=not self.landmark)
        self.places, self.denying, self.landmark = [], False, False
        self._clear()

    def place(self, value: Value, follows_noun: bool) -> None:
        """Take a position of the thing before it, or, with none before it, of the next."""
        last = None if self.subject is None else self.clause.mentions[self.subject]
        if follows_noun or last is None or "position" in dict(last.values):
            self.places.append(value)
        else:
            self._said_of(value)

    def scene(self, value: Value) -> None:
        denied = (value,) if self.denying else ()
        self._add(Mention(SCENE, after=() if denied else (value,), denied_values=denied), subject=False)
        self.denying = False

    def _said_of(self, value: Value) -> None:
        assert self.subject is not None
        last = self.clause.mentions[self.subject]
        if self.denying:
            last = replace(last, denied_values=(*last.denied_values, value))
        else:
            last = replace(last, after=(*last.after, value))
        self.clause.mentions[self.subject] = last

    def flush(self, word: str | None = None) -> None:
        """Finish what waits for a noun that does not follow; `word` is the word that does, None at the end."""
        if self.number is None and not self.values:
            self.article = False
            return
        if not self.piece and (word is None or word in _LINKS):
            self._orphan()
            self.denying = False
        self._clear()

    def _orphan(self) -> None:
        last = None if self.subject is None else self.clause.mentions[self.subject]
        if last is not None and self.number is None:
            for value in self.values:
                self._said_of(value)
        elif last is not None and last.number is None and not self.values:
            self.clause.mentions[self.subject or 0] = replace(last, number=self.number, said=True, denied=self.denying)
        elif self.denying and self.number is None:
            self._add(Mention(denied_values=tuple(self.values)))
        else:
            self._add(Mention("", self.number, True, tuple(self.values), elliptical=True, denied=self.denying))

    def image(self, token: FactToken) -> None:
        clause = self.clause
        clause.other = clause.other or token.value == "other"
        if not clause.named:
            clause.named, clause.leads = True, not clause.mentions
            clause.images = token.images
        elif token.images and clause.images != token.images:
            clause.images = tuple(dict.fromkeys((*clause.images, *token.images)))

    def take(self, token: FactToken, follower: T) -> None:
        """Take the next token; `follower` is the kind of the one after it."""
        value = (token.attribute, token.value)
        match token.kind:
            case T.NOUN:
                self.noun(token.value)
            case T.VALUE | T.PART if token.attribute == "position":
                joined = follower in (T.NOUN, T.VALUE)
                if not joined:
                    self.flush()
                self.place(value, joined)
            case T.VALUE:
                self.values.append(value)
            case T.WORD:
                if token.value not in CLEAR:
                    self.flush(token.value)
                    self.landmark = self.landmark or token.value in _BESIDE
                    self.piece = self.piece or token.value in _PIECES
            case _:
                self.flush()
                self._mark(token)

    def _mark(self, token: FactToken) -> None:
        """Take a token that ends the wait for a noun."""
        match token.kind:
            case T.NUMBER:
                self.number = int(token.value)
            case T.ARTICLE:
                self.article = True
            case T.SCENERY:
                self.scene((token.attribute, token.value))
            case T.IMAGE:
                self.image(token)
            case T.NOT:
                self.denying = True
            case T.THAN:
                self.clause.compared = True

    def close(self) -> FactClause:
        self.flush()
        if self.places and self.subject is not None:
            for value in self.places:
                self._said_of(value)
        elif self.places:
            self.clause.places = tuple(self.places)
        return self.clause


def parse_clause(found: Sequence[FactToken], held: Sequence[Value] = ()) -> FactClause:
    """Parse tokens without breaks as a clause. `held` are positions that the previous clause left for it."""
    parser = _Parser(held)
    for at, token in enumerate(found):
        parser.take(token, found[at + 1].kind if at + 1 < len(found) else T.BREAK)
    return parser.close()
