"""Exact facts of scenes, and sentences that state them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

from sparkles_eval.core import Fact
from sparkles_eval.synthetic.scene import (
    BACKGROUND_NAMES,
    CELL_NAMES,
    COLOUR_NAMES,
    MAX_THINGS,
    NUMBERS,
    SIZE_NAMES,
    Description,
    Scene,
    article,
    count,
    counted,
    listed,
    plural,
)

Topic: TypeAlias = Literal["count", "colour", "position", "size", "background", "most", "contents"]
"""The topic of a question; all but "contents" (counts of everything) are also attributes of facts."""

VALUES: dict[str, tuple[str, ...]] = {
    "count": NUMBERS[: MAX_THINGS + 1],
    "colour": COLOUR_NAMES,
    "position": CELL_NAMES,
    "size": SIZE_NAMES,
    "background": BACKGROUND_NAMES,
}
"""Every value that an attribute of a scene can have."""

SAME = "the same"
"""Value of a comparison that no image wins."""


def _fact(image: str, subject: str, attribute: str, value: str) -> Fact:
    others = tuple(other for other in VALUES[attribute] if other != value)
    name = "-".join([f"image{image}", *subject.split(), *([] if attribute == subject else [attribute])])
    return Fact(name, image, subject, attribute, value, others)


def about(scene: Scene, image: str, topic: Topic, kind: str) -> list[Fact]:
    """The facts that answer a question on this topic about one scene; some topics need exactly one of the kind."""
    match topic:
        case "count" | "most":
            return [_fact(image, kind, "count", NUMBERS[count(scene, Description(kind))])]
        case "background":
            return [_fact(image, "background", "background", scene.background)]
        case "contents":
            nouns = Counter(f"{thing.colour} {thing.kind}" for thing in scene.things)
            return [_fact(image, noun, "count", NUMBERS[number]) for noun, number in nouns.items()]
        case _:
            (thing,) = (thing for thing in scene.things if thing.kind == kind)
            value = {"colour": thing.colour, "size": thing.size, "position": thing.cell}[topic]
            return [_fact(image, kind, topic, value)]


def most(kind: str, scenes: Mapping[str, Scene]) -> Fact:
    """The fact which of the scenes, by id, has the most of a kind. A tie has the value "the same"."""
    numbers = {image: count(scene, Description(kind)) for image, scene in scenes.items()}
    top = [image for image, number in numbers.items() if number == max(numbers.values())]
    values = [*(f"IMAGE#{image}" for image in numbers), SAME]
    value = f"IMAGE#{top[0]}" if len(top) == 1 else SAME
    return Fact(
        id="-".join([*(f"image{image}" for image in numbers), kind, "most"]),
        image=top[0],
        subject=kind,
        attribute="most",
        value=value,
        alternatives=tuple(other for other in values if other != value),
    )


def state(facts: Sequence[Fact], wording: int = 0) -> str:
    """Sentences that state the facts and nothing else, in order; counts of coloured things go image by image.

    `wording` (0 or 1) chooses one of two ways.
    """
    sentences: list[str] = []
    for fact in facts:
        if fact.attribute == "count" and " " in fact.subject:
            if fact.image not in {other.image for other in facts[: facts.index(fact)] if " " in other.subject}:
                sentences.append(_contents([f for f in facts if f.image == fact.image and " " in f.subject]))
        else:
            sentences.append(_SAYINGS[fact.attribute](fact, wording))
    return " ".join(sentences)


def _contents(facts: list[Fact]) -> str:
    items = [counted(fact.subject, NUMBERS.index(fact.value)) for fact in facts]
    return f"IMAGE#{facts[0].image} shows {listed(items)}."


def _say_count(fact: Fact, wording: int) -> str:
    number = NUMBERS.index(fact.value)
    some, name = counted(fact.subject, number), f"IMAGE#{fact.image}"
    return (f"There {'is' if number == 1 else 'are'} {some} in {name}.", f"{name} shows {some}.")[wording]


def _say_is(fact: Fact, wording: int) -> str:
    name, place = f"IMAGE#{fact.image}", "at the " if fact.attribute == "position" else ""
    return (
        f"The {fact.subject} in {name} is {place}{fact.value}.",
        f"In {name}, the {fact.subject} is {place}{fact.value}.",
    )[wording]


def _say_background(fact: Fact, wording: int) -> str:
    name, scene = f"IMAGE#{fact.image}", article(fact.value)
    return (f"The background of {name} is {scene}.", f"{name} shows {scene}.")[wording]


def _say_most(fact: Fact, wording: int) -> str:
    images = [value for value in sorted((fact.value, *fact.alternatives)) if value != SAME]
    nouns = plural(fact.subject)
    if fact.value == SAME:
        return (f"{listed(images)} have the same number of {nouns}.", f"{listed(images)} have equally many {nouns}.")[
            wording
        ]
    if len(images) > 2:
        return (f"{fact.value} has the most {nouns}.", f"The image with the most {nouns} is {fact.value}.")[wording]
    (other,) = (image for image in images if image != fact.value)
    return (
        f"{fact.value} has more {nouns} than {other}.",
        f"There are more {nouns} in {fact.value} than in {other}.",
    )[wording]


_SAYINGS = {
    "count": _say_count,
    "colour": _say_is,
    "size": _say_is,
    "position": _say_is,
    "background": _say_background,
    "most": _say_most,
}


def caption(scene: Scene) -> str:
    """One exact sentence with everything in the scene."""
    things = [f"{article(f'{thing.size} {thing.colour} {thing.kind}')} at the {thing.cell}" for thing in scene.things]
    return f"{article(scene.background).capitalize()} with {listed(things)}."
