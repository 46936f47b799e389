"""Items of the embedded SparklesEval: two-turn dialogues with exact facts and reference answers."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from sparkles_eval.core import Fact
from sparkles_eval.synthetic.scene import KIND_NAMES, MAX_THINGS, Description, Scene, dice, listed, plural, scene_with
from sparkles_eval.synthetic.truth import SAME, Topic, about, most, state

QuestionPiece: TypeAlias = str | int
"""Text, or the number of a scene (from 1) that is shown here, after its name."""


@dataclass(frozen=True, slots=True)
class DialogueQuestion:
    """A user's message with the facts that a good answer states, and such an answer."""

    pieces: tuple[QuestionPiece, ...]
    facts: tuple[Fact, ...]
    reference: str


@dataclass(frozen=True, slots=True)
class DialogueItem:
    """Scenes 1, 2, ... in order of appearance; the last one comes with the second question."""

    scenes: tuple[Scene, ...]
    questions: tuple[DialogueQuestion, DialogueQuestion]
    topic: Topic


TOPICS: tuple[Topic, ...] = ("count", "colour", "position", "size", "background", "most", "contents")
"""Topics of turn one; they alternate from dialogue to dialogue."""

_FIRST: dict[Topic, tuple[str, ...]] = {
    "count": (
        "How many {nouns} are there in {images}?",
        "Please count the {nouns} in {images}.",
        "I am looking for {nouns}. How many do you see in {images}?",
    ),
    "colour": (
        "What colour is the {noun} in {images}?",
        "Look at {images}. Which colour does the {noun} have in each of them?",
        "Each of {images} shows a {noun}. Tell me its colour in each image.",
    ),
    "position": (
        "Where is the {noun} in {images}?",
        "Look at {images}. In which corner is the {noun} in each of them?",
        "Each of {images} shows a {noun}. Tell me where it is in each image.",
    ),
    "size": (
        "Is the {noun} big or small in {images}?",
        "Look at {images}. How big is the {noun} in each of them?",
        "Each of {images} shows a {noun}. Tell me in each image whether it is big or small.",
    ),
    "background": (
        "What is the background of {images}?",
        "Look at {images}. Where do the scenes take place?",
    ),
    "most": (
        "Look at {images}. Count the {nouns} in each, and tell me which image has the most.",
        "How many {nouns} do you see in {images}, and which image has the most?",
    ),
    "contents": (
        "What things do you see in {images}? Please name their colours and how many there are.",
        "Describe the things in {images}, with their number and colour.",
    ),
}
"""Questions of turn one. {images} is the list of the scenes."""

_SECOND: dict[Topic, tuple[str, ...]] = {
    "count": ("how many {nouns} are there in it", "how many {nouns} does it show"),
    "colour": ("what colour is the {noun}", "which colour does its {noun} have"),
    "position": ("where is the {noun}", "in which corner is the {noun}"),
    "size": ("is the {noun} big or small", "how big is the {noun}"),
    "background": ("what is its background", "where does the scene take place"),
}
"""What turn two asks about the new scene."""

_RECALL: dict[Topic, tuple[str, ...]] = {
    "count": ("how many {nouns} were there in {old}", "how many {nouns} did {old} show"),
    "colour": ("what colour was the {noun} in {old}",),
    "position": ("where was the {noun} in {old}",),
    "size": ("was the {noun} in {old} big or small",),
    "background": ("what was the background of {old}",),
    "contents": ("what was in {old}",),
}
"""What turn two asks about a scene of turn one."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A topic and the kind of thing that it is about."""

    topic: Topic
    kind: str

    def fill(self, words: str) -> str:
        return words.replace("{nouns}", plural(self.kind)).replace("{noun}", self.kind)


def dialogue(seed: int, index: int) -> DialogueItem:
    """Dialogue `index` (from 0) of a seed."""
    rng = dice("sparkleseval", seed, index)
    topic = TOPICS[index % len(TOPICS)]
    kind, new_kind = rng.sample(KIND_NAMES, 2)
    asked = _Asked(topic, kind)
    compares = topic == "most" or (topic == "count" and rng.random() < 0.5)
    new = _Asked("count", kind) if compares else _Asked(rng.choice([t for t in _SECOND if t != topic]), new_kind)
    old = _scenes(rng, asked, rng.randint(2, 3))
    scenes = (*old, _scene(rng, new))
    recalled = _Asked("count", kind) if topic == "most" else asked
    return DialogueItem(scenes, (_first(rng, old, asked), _second(rng, scenes, new, recalled, compares)), topic)


def _scene(rng: Random, asked: _Asked) -> Scene:
    """A scene that fits the question: with exactly one thing of the kind, or any number for counts."""
    if asked.topic in ("background", "contents"):
        return scene_with(rng, [], rng.randint(1, 3))
    what = Description(asked.kind)
    number = rng.randint(0, 3) if asked.topic in ("count", "most") else 1
    others = rng.randint(0 if number else 1, MAX_THINGS - number)
    return scene_with(rng, [what] * number, others, avoid=what)


def _scenes(rng: Random, asked: _Asked, number: int) -> tuple[Scene, ...]:
    """The scenes of turn one; where the question asks for the most, one of them has the most."""
    while True:
        scenes = tuple(_scene(rng, asked) for _ in range(number))
        if asked.topic != "most" or most(asked.kind, _by_id(scenes)).value != SAME:
            return scenes


def _by_id(scenes: tuple[Scene, ...]) -> dict[str, Scene]:
    return {str(number): scene for number, scene in enumerate(scenes, 1)}


def _first(rng: Random, scenes: tuple[Scene, ...], asked: _Asked) -> DialogueQuestion:
    by_id = _by_id(scenes)
    facts = [fact for image, scene in by_id.items() for fact in about(scene, image, asked.topic, asked.kind)]
    if asked.topic == "most":
        facts.append(most(asked.kind, by_id))
    words = asked.fill(rng.choice(_FIRST[asked.topic])).replace("{images}", listed([_shown(i) for i in by_id]))
    return DialogueQuestion(_pieces(words), tuple(facts), state(facts, rng.randrange(2)))


def _second(
    rng: Random, scenes: tuple[Scene, ...], asked: _Asked, recalled: _Asked, compares: bool
) -> DialogueQuestion:
    by_id = _by_id(scenes)
    new, old = str(len(scenes)), str(rng.randint(1, len(scenes) - 1))
    facts = [*about(by_id[new], new, asked.topic, asked.kind), *about(by_id[old], old, recalled.topic, recalled.kind)]
    opening = rng.choice(("Now look at {new}:", "Here is {new}:", "Then there is {new}:")).replace("{new}", _shown(new))
    question = asked.fill(rng.choice(_SECOND[asked.topic]))
    recall = recalled.fill(rng.choice(_RECALL[recalled.topic])).replace("{old}", f"IMAGE#{old}")
    words = f"{opening} {question}? {rng.choice(('And', 'For comparison,'))} {recall}?"
    if compares:
        facts.append(most(asked.kind, {image: by_id[image] for image in (old, new)}))
        words += f" Which of them has more {plural(asked.kind)}, or do they have the same number?"
    return DialogueQuestion(_pieces(words), tuple(facts), state(facts, rng.randrange(2)))


_PICTURE = "\0"
"""Marks in a question's text where a scene is shown, directly after its name."""


def _shown(image: str) -> str:
    return f"IMAGE#{image}{_PICTURE}"


def _pieces(words: str) -> tuple[QuestionPiece, ...]:
    *named, rest = words.split(_PICTURE)
    pieces: list[QuestionPiece] = []
    for text in named:
        pieces += [text, int(text.rpartition("#")[2])]
    return (*pieces, rest)
