"""Changes answers in known ways: facts left out, exchanged or contradicted, sentences dropped or replaced."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, TypeVar

from sparkles_eval.core import Fact, Image, Part, Sample, Text, Turn
from sparkles_eval.synthetic.truth import VALUES, state

T = TypeVar("T")
Answers: TypeAlias = tuple[str, ...]
"""One text per turn."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_IMAGE = re.compile(r"IMAGE#(\w+)")
_WORD = re.compile(r"[A-Za-z]{4,}")
_NO_NOUN = frozenset(
    (
        *(
            "about",
            "again",
            "been",
            "count",
            "could",
            "does",
            "each",
            "have",
            "here",
            "image",
            "images",
            "like",
            "look",
        ),
        *("looking", "many", "more", "most", "much", "name", "number", "please", "same", "see", "show", "shows"),
        *("tell", "that", "their", "them", "then", "there", "these", "they", "thing", "things", "this", "those"),
        *("were", "what", "when", "where", "which", "with", "your"),
    )
)
"""Words of questions that do not name a thing."""


def chance(*parts: str) -> int:
    """A whole number that depends only on the parts, so that a dialogue is altered the same way everywhere."""
    return int.from_bytes(hashlib.sha256("\x1f".join(parts).encode()).digest()[:8])


def has_facts(sample: Sample) -> bool:
    """True where every turn's truth is known exactly."""
    return bool(sample.turns) and all(turn.facts for turn in sample.turns)


def clean(sample: Sample) -> Answers | None:
    """Right answers: the facts in sentences, else the references; None where a turn has neither."""
    if has_facts(sample):
        return worded(sample, lambda fact, _turn: fact)
    references = [turn.reference for turn in sample.turns]
    return tuple(text for text in references if text) if references and all(references) else None


def worded(sample: Sample, alter: Callable[[Fact, int], Fact | None], empty: str = "") -> Answers:
    """Write the facts of every turn in sentences, each as `alter(fact, turn)` returns it; None leaves a fact out."""
    answers = []
    for number, turn in enumerate(sample.turns, 1):
        kept = [changed for fact in turn.facts if (changed := alter(fact, number)) is not None]
        answers.append(_stated(kept) or empty)
    return tuple(answers)


def _stated(facts: Sequence[Fact]) -> str:
    if all(fact.attribute in VALUES or fact.attribute == "most" for fact in facts):
        try:
            return state(facts)
        except (ValueError, LookupError):  # the user's own facts, which only share the names of attributes
            pass
    return " ".join(f"In IMAGE#{f.image}, the {f.attribute} of the {f.subject} is {f.value}." for f in facts)


def distinct(sample: Sample) -> list[Fact]:
    """Every fact once, in a random but reproducible order, in which facts are altered."""
    facts = {fact.id: fact for turn in sample.turns for fact in turn.facts}
    return sorted(facts.values(), key=lambda fact: chance("facts", sample.id, fact.id))


def without(sample: Sample, level: float, empty: str) -> Answers:
    """Answers without a share `level` of the facts (of a reference's sentences)."""
    if has_facts(sample):
        gone = {fact.id for fact in _first(distinct(sample), level)}
        return worded(sample, lambda fact, _turn: None if fact.id in gone else fact, empty)
    return _by_sentence(sample, level, lambda _sentence, _place: None, empty)


def contradicted(sample: Sample, level: float) -> Answers | None:
    """Answers with wrong values (the same in every turn) for a share `level` of the facts; None without such facts."""
    changes = {fact.id: wrong(fact, sample.id) for fact in distinct(sample) if fact.alternatives}
    if not has_facts(sample) or not changes:
        return None
    chosen = {name: changes[name] for name in _first(list(changes), level)}
    return worded(sample, lambda fact, _turn: chosen.get(fact.id, fact))


def incoherent(sample: Sample) -> Answers | None:
    """Answers whose later turns contradict right earlier ones; None where no later turn repeats a fact."""
    if not has_facts(sample):
        return None
    told = {fact.id for fact in sample.turns[0].facts}
    again = {f.id for turn in sample.turns[1:] for f in turn.facts if f.id in told and f.alternatives}
    if not again:
        return None
    return worded(sample, lambda fact, turn: wrong(fact, sample.id) if turn > 1 and fact.id in again else fact)


def wrong(fact: Fact, seed: str) -> Fact:
    """The fact with one of its alternatives as value."""
    value = fact.alternatives[chance("wrong", seed, fact.id) % len(fact.alternatives)]
    others = tuple(dict.fromkeys((fact.value, *fact.alternatives)))
    return replace(fact, value=value, alternatives=tuple(other for other in others if other != value))


def exchanged(sample: Sample, level: float) -> Answers | None:
    """Answers that exchange facts between images, a share `level` of the pairs. None where no two can be exchanged."""
    if has_facts(sample):
        pairs = _pairs(distinct(sample))
        if not pairs:
            return None
        values: dict[str, str] = {}
        for one, other in _first(pairs, level):
            values |= {one.id: other.value, other.id: one.value}
        return worded(sample, lambda fact, _turn: replace(fact, value=values.get(fact.id, fact.value)))
    names = sorted({name for turn in sample.turns for name in _IMAGE.findall(turn.reference or "")})
    if len(names) < 2:
        return None
    turned = dict(zip(names, [*names[1:], names[0]], strict=True))

    def rename(sentence: str, _place: int) -> str:
        return _IMAGE.sub(lambda found: f"IMAGE#{turned[found[1]]}", sentence)

    return _by_sentence(sample, level, rename, "", lambda sentence: _IMAGE.search(sentence) is not None)


def exchangeable(sample: Sample) -> int:
    """How many pairs of facts `exchanged` can exchange; sentences are not counted (0)."""
    return len(_pairs(distinct(sample))) if has_facts(sample) else 0


def _pairs(facts: Sequence[Fact]) -> list[tuple[Fact, Fact]]:
    """Facts of the same kind about different images with different values, each in one pair at the most."""
    left = [fact for fact in facts if fact.attribute != "most"]
    pairs = []
    while left:
        one = left.pop(0)
        for other in left:
            alike = (one.subject, one.attribute) == (other.subject, other.attribute)
            if alike and one.image != other.image and one.value != other.value:
                pairs.append((one, other))
                left.remove(other)
                break
    return pairs


def replaced(sample: Sample, level: float, other: Answers) -> Answers:
    """Answers with a share `level` of a reference's sentences replaced by those of another dialogue's answers."""
    foreign = [sentence for text in other for sentence in _SENTENCE.split(text)]

    def swap(_sentence: str, place: int) -> str:
        return foreign[place % len(foreign)]

    return _by_sentence(sample, level, swap, "")


def _by_sentence(
    sample: Sample,
    level: float,
    change: Callable[[str, int], str | None],
    empty: str,
    applies: Callable[[str], bool] = lambda _sentence: True,
) -> Answers:
    texts = [_SENTENCE.split(turn.reference or "") for turn in sample.turns]
    places = [(t, s) for t, sentences in enumerate(texts) for s, sentence in enumerate(sentences) if applies(sentence)]
    places.sort(key=lambda place: chance("sentences", sample.id, *map(str, place)))
    chosen = {place: number for number, place in enumerate(_first(places, level))}
    answers = []
    for t, sentences in enumerate(texts):
        changed = [
            change(sentence, chosen[t, s]) if (t, s) in chosen else sentence for s, sentence in enumerate(sentences)
        ]
        answers.append(" ".join(sentence for sentence in changed if sentence) or empty)
    return tuple(answers)


def _first(items: Sequence[T], level: float) -> Sequence[T]:
    return items[: math.ceil(level * len(items) - 1e-9)]


def nouns(turn: Turn) -> list[str]:
    """The content words of a question, in its order, each once.

    Words that are a fact's value, right or wrong ("small"), are left out, because repeating one would be an answer.
    """
    words = "".join(part.text for part in turn.content if isinstance(part, Text)).lower()
    values = {word for f in turn.facts for value in (f.value, *f.alternatives) for word in value.lower().split()}
    none = _NO_NOUN | values
    return list(dict.fromkeys(word for word in _WORD.findall(_IMAGE.sub(" ", words)) if word not in none))


def without_images(sample: Sample) -> Sample:
    """The dialogue without its pictures."""
    return _content(sample, lambda part: () if isinstance(part, Image) else (part,))


def without_captions(sample: Sample, instead: str) -> Sample:
    """The dialogue with every caption replaced by a text without content."""
    return _content(sample, lambda part: (replace(part, caption=instead) if isinstance(part, Image) else part,))


def with_images_of(sample: Sample, other: Sample) -> Sample:
    """The dialogue with another dialogue's pictures and captions under its own image names."""
    strangers = other.images
    if not strangers:
        return sample
    order: Mapping[int, Image] = {number: strangers[number % len(strangers)] for number in range(len(sample.images))}
    numbers = iter(range(len(sample.images)))

    def exchange(part: Part) -> Iterable[Part]:
        return (replace(order[next(numbers)], id=part.id),) if isinstance(part, Image) else (part,)

    return _content(sample, exchange)


def _content(sample: Sample, change: Callable[[Part], Iterable[Part]]) -> Sample:
    turns = tuple(
        replace(turn, content=tuple(new for part in turn.content for new in change(part))) for turn in sample.turns
    )
    return replace(sample, turns=turns)
