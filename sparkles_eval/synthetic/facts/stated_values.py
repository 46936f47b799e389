"""Finds the values that an answer's claims give to one fact, and the values that they deny."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparkles_eval.core import Fact
from sparkles_eval.synthetic.facts.claims import SAME, AnswerClaims
from sparkles_eval.synthetic.facts.clauses import SCENE, Mention, Value
from sparkles_eval.synthetic.facts.lexicon import Lexicon
from sparkles_eval.synthetic.scene import NUMBERS


@dataclass(frozen=True, slots=True)
class StatedValues:
    """Values that an answer gives to a fact, in lower case, and values that it denies. False when it gives neither."""

    values: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.values or self.denied)


def stated_values(
    fact: Fact, reading: AnswerClaims, lexicon: Lexicon, asked: Sequence[Fact], known: Sequence[Fact]
) -> StatedValues:
    """The values that an answer states and denies for one fact.

    `asked` are the turn's facts, `known` those of all turns so far; they decide which image is meant where the answer
    names none.
    """
    if fact.attribute == "most":
        return _said_most(fact, reading, lexicon)
    noun, qualities = lexicon.subject(fact.subject)
    if fact.attribute in lexicon.scenery:
        noun = SCENE
    mentions = [
        mention
        for mention in reading.mentions
        if mention.noun == noun and (fact.image in mention.images or _meant(fact, mention, asked, known))
    ]
    if fact.attribute == "count":
        return _said_count(mentions, qualities)
    return _said_value(fact, mentions, qualities)


def _meant(fact: Fact, mention: Mention, asked: Sequence[Fact], known: Sequence[Fact]) -> bool:
    """True where a mention without an image can only mean this fact's image.

    That is, nothing is known about its noun in the image mentioned last, and the question asks for one fact of that
    kind only.
    """
    if not mention.implicit:
        return False
    alike = [other for other in known if (other.subject, other.attribute) == (fact.subject, fact.attribute)]
    if any(other.image in mention.images for other in alike):
        return False
    return [other for other in asked if other in alike] == [fact]


def _said_value(fact: Fact, mentions: Sequence[Mention], qualities: Sequence[Value]) -> StatedValues:
    own = [quality for quality in qualities if quality[0] != fact.attribute]
    values: set[str] = set()
    denied: set[str] = set()
    for mention in mentions:
        if all(quality in mention.values for quality in own):
            found = [value for attribute, value in mention.values if attribute == fact.attribute]
            values |= _whole(found, fact.value.lower()) if mention.number != 0 and not mention.denied else set()
            denied |= {value for attribute, value in mention.denied_values if attribute == fact.attribute}
    return StatedValues(frozenset(values), frozenset(denied))


def _whole(found: Sequence[str], right: str) -> set[str]:
    """Join the halves of positions: "top" and "left" are "top left"; one half alone counts only if it is wrong."""
    pieces = right.split()
    if len(pieces) < 2:
        return set(found)
    halves = {value for value in found if value in pieces}
    whole = {value for value in found if value not in pieces}
    return whole | ({right} if halves == set(pieces) else set())


def _said_count(mentions: Sequence[Mention], qualities: Sequence[Value]) -> StatedValues:
    about = [mention for mention in mentions if mention.number is not None and _covers(mention, qualities)]
    denied = {_word(mention.number) for mention in about if mention.denied}
    own = set(qualities)
    stated = _without_pieces([mention for mention in about if not mention.denied])
    plain = {_word(m.number) for m in stated if m.said and not set(m.before) - own}
    if plain:
        return StatedValues(frozenset(plain), frozenset(denied))
    return StatedValues(
        _sum({_distinguishing(m, own): m.number or 0 for m in _distinct(stated, own)}), frozenset(denied)
    )


def _covers(mention: Mention, qualities: Sequence[Value]) -> bool:
    """True where a number is about things with these qualities: it names all of them, or denies the noun as a whole."""
    return set(qualities) <= set(mention.values) or (mention.number == 0 and not mention.before and not mention.denied)


def _distinguishing(mention: Mention, own: set[Value]) -> frozenset[Value]:
    return frozenset(mention.values) - own


def _without_pieces(stated: Sequence[Mention]) -> list[Mention]:
    """Remove numbers that only break down an earlier number.

    Such as "one at the top left" of "two red stars", or "one big and one small", which add up to it.
    """
    whole = [mention for mention in stated if not mention.elliptical]
    pieces = [mention for mention in stated if mention.elliptical]
    placed = all({attribute for attribute, _ in mention.values} <= {"position"} for mention in pieces)
    if whole and (placed or sum(m.number or 0 for m in pieces) in {m.number for m in whole}):
        return whole
    return [*whole, *pieces]


def _distinct(stated: Sequence[Mention], own: set[Value]) -> list[Mention]:
    """Mentions to add up. A plain "a star" beside "a red star" is the same star."""
    return [mention for mention in stated if _distinguishing(mention, own)] or list(stated)


def _sum(parts: Mapping[frozenset[Value], int]) -> frozenset[str]:
    return frozenset({_word(sum(parts.values()))}) if parts else frozenset()


def _word(number: int | None) -> str:
    return NUMBERS[number] if number is not None and number < len(NUMBERS) else str(number)


def _said_most(fact: Fact, reading: AnswerClaims, lexicon: Lexicon) -> StatedValues:
    choices = [value for value in (fact.value, *fact.alternatives) if value.lower() != SAME]
    values: set[str] = set()
    denied: set[str] = set()
    noun = lexicon.subject(fact.subject)[0]
    for claim in reading.most:
        among = all(f"IMAGE#{image}".lower() in {choice.lower() for choice in choices} for image in claim.images)
        if claim.noun == noun and among and (claim.winner == SAME or claim.winner in choices):
            (denied if claim.denied else values).add(claim.winner.lower())
    return StatedValues(frozenset(values), frozenset(denied))


def counted_most(fact: Fact, said: Mapping[str, StatedValues], known: Mapping[str, Fact]) -> str | None:
    """Which image has the most by the answer's own counts, or None where it does not count in every image."""
    images = [value for value in (fact.value, *fact.alternatives) if value.lower() != SAME]
    counts: dict[str, int] = {}
    for other in known.values():
        name = f"IMAGE#{other.image}"
        if other.attribute == "count" and other.subject == fact.subject and name in images and other.id in said:
            numbers = [value for value in said[other.id].values if value in NUMBERS]
            if len(numbers) == 1:
                counts[name] = NUMBERS.index(numbers[0])
    if len(counts) < len(images):
        return None
    top = [name for name, number in counts.items() if number == max(counts.values())]
    return top[0] if len(top) == 1 else SAME
