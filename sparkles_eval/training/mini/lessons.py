"""What the tiny models are taught: prompts as the embedded tasks write them, with step-by-step answers.

Every lesson is made from a seed below zero. The tasks take seeds from zero up, so no item of an evaluation, with
whatever seed, is a lesson. Knows nothing of pixels, tokens or weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random

from sparkles_eval.records import Conversation, Image, Message, Part, Sample, Text, Turn
from sparkles_eval.sparkleschat.prompts import chat_prompt
from sparkles_eval.tasks.base import Prompt
from sparkles_eval.tasks.load import load_task
from sparkles_eval.tasks.mini.bison import choice
from sparkles_eval.tasks.mini.dialogues import Question, dialogue
from sparkles_eval.tasks.mini.nlvr2 import judged
from sparkles_eval.tasks.mini.scene import KIND_NAMES, Scene, any_scene, dice
from sparkles_eval.tasks.mini.truth import about, caption, state
from sparkles_eval.tasks.mini.words import listed, plural
from sparkles_eval.training.mini.steps import IMAGES, choosing, judging

SYSTEM = ""
"""System text of the tiny models: none. It would cost a third of what they read."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A prompt up to "Assistant:", the answer to learn, and the pictures at the prompt's places, in order."""

    kind: str
    prompt: str
    answer: str
    pictures: tuple[int, ...]


@dataclass(slots=True)
class Album:
    """Scenes by number, each kept once however often it is shown."""

    scenes: list[Scene] = field(default_factory=list)
    _numbers: dict[Scene, int] = field(default_factory=dict)

    def add(self, scene: Scene) -> Image:
        """The scene as an image record whose id is its number here."""
        if scene not in self._numbers:
            self._numbers[scene] = len(self.scenes)
            self.scenes.append(scene)
        return Image("", "image/png", 256, 256, 0, "", id=str(self._numbers[scene]))


Maker = Callable[[Album, int, int], list[Lesson]]


@cache
def _prompt(task: str, protocol: str) -> Prompt:
    return load_task(task, protocol=protocol, args={"n": "2"}).prompt


def _lesson(kind: str, conversation: Conversation, answer: str) -> Lesson:
    pictures = tuple(int(image.id) for image in conversation.images)
    return Lesson(kind, chat_prompt(conversation, SYSTEM), answer, pictures)


def _asked(task: str, sample: Sample, steps: str, paper: bool) -> Lesson:
    conversation = _prompt(task, "paper" if paper else "strict").conversation(sample, ())
    if not paper:
        return _lesson(task, conversation, f"{steps} Therefore, the answer is {sample.target}.")
    one, two = (option.upper() for option in sample.options)
    ending = f"Therefore, the answer ({one} or {two}) is {(sample.target or '').upper()}."
    return _lesson(task, conversation, f"Let's think step by step. {steps} {ending}")


def _sample(images: Sequence[Image], fields: Mapping[str, str], options: tuple[str, str], target: str) -> Sample:
    return Sample("lesson", (Turn(tuple(images)),), fields, options, target)


def bison(album: Album, seed: int, index: int) -> list[Lesson]:
    """A choice between two scenes; one lesson in eight is asked the published way."""
    item = choice(seed, index)
    images = [album.add(scene) for scene in item.scenes]
    sample = _sample(images, {"caption": item.caption}, IMAGES, IMAGES[item.target])
    return [_asked("bison-mini", sample, choosing(item), paper=index // 2 % 8 == 7)]


def nlvr2(album: Album, seed: int, index: int) -> list[Lesson]:
    """A statement about two scenes; one group in eight is asked the published way."""
    item = judged(seed, index)
    images = [album.add(scene) for scene in (item.left, item.right)]
    sample = _sample(images, {"sentence": item.sentence}, ("True", "False"), str(item.truth))
    return [_asked("nlvr2-mini", sample, judging(item), paper=item.group % 8 == 7)]


def dialogues(album: Album, seed: int, index: int) -> list[Lesson]:
    """A dialogue over three or four scenes: its first turn, and both turns with the loss on the second answer."""
    item = dialogue(seed, index)
    images = [album.add(scene) for scene in item.scenes]
    messages: list[Message] = []
    lessons = []
    for question in item.questions:
        messages.append(_question(question, images))
        lessons.append(_lesson("dialogue", Conversation(tuple(messages)), question.reference))
        messages.append(Message("assistant", (Text(question.reference),)))
    return lessons


def _question(question: Question, images: Sequence[Image]) -> Message:
    parts: tuple[Part, ...] = tuple(
        images[piece - 1] if isinstance(piece, int) else Text(piece) for piece in question.pieces
    )
    return Message("user", parts)


def descriptions(album: Album, seed: int, index: int) -> list[Lesson]:
    """Captions of one to three scenes."""
    rng = dice("descriptions", seed, index)
    return [_described(album, rng, rng.randint(1, 3))]


def _described(album: Album, rng: Random, number: int) -> Lesson:
    scenes = [any_scene(rng) for _ in range(number)]
    names = [f"IMAGE#{place}" for place in (range(1, number + 1) if number > 1 else [rng.randint(1, 4)])]
    parts: list[Part] = [Text("Please describe ")]
    for place, (name, scene) in enumerate(zip(names, scenes, strict=True)):
        joint = "" if place == 0 else " and " if place == number - 1 else ", "
        parts += [Text(joint + name), album.add(scene)]
    answer = " ".join(f"{name} shows {_lower(caption(scene))}" for name, scene in zip(names, scenes, strict=True))
    return _lesson("description", Conversation((Message("user", (*parts, Text("."))),)), answer)


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
