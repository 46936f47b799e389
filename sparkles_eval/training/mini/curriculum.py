"""Makes the training examples of tiny models: prompts as the embedded tasks write them, with step-by-step answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import TypeAlias

from sparkles_eval.core import Conversation, Image, Message, Part, Sample, Text, Turn
from sparkles_eval.sparkleschat.prompts import IMAGE, chat_prompt
from sparkles_eval.synthetic.bison_items import choice
from sparkles_eval.synthetic.dialogue_items import DialogueQuestion, dialogue
from sparkles_eval.synthetic.nlvr2_items import judged
from sparkles_eval.synthetic.scene import KIND_NAMES, Description, Scene, any_scene, dice, plural, scene_with
from sparkles_eval.synthetic.statements import Side
from sparkles_eval.synthetic.truth import Topic, about, caption, state
from sparkles_eval.tasks.base import Task
from sparkles_eval.tasks.load import load_task
from sparkles_eval.tasks.variants import swapped
from sparkles_eval.training.mini.worked_answers import IMAGES, choice_steps, conclusion_drill, judgement_steps
from sparkles_eval.training.recipes import ExampleKind as Kind

SYSTEM = ""
"""System text of the tiny models: none, since it would be a third of their input."""


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """A prompt up to "Assistant:", the answer to learn, and the pictures at the prompt's places, in order."""

    kind: str
    prompt: str
    answer: str
    pictures: tuple[int, ...]


@dataclass(slots=True)
class SceneAlbum:
    """Scenes by number, each kept once."""

    scenes: list[Scene] = field(default_factory=list)
    _numbers: dict[Scene, int] = field(default_factory=dict)

    def add(self, scene: Scene) -> Image:
        """The scene as an image record whose id is its number here."""
        if scene not in self._numbers:
            self._numbers[scene] = len(self.scenes)
            self.scenes.append(scene)
        return Image("", "image/png", 256, 256, 0, "", id=str(self._numbers[scene]))


Maker: TypeAlias = Callable[[SceneAlbum, int, int], list[TrainingExample]]


@cache
def _task(name: str, protocol: str) -> Task:
    return load_task(name, protocol=protocol, args={"n": "2"})


def _example(kind: str, conversation: Conversation, answer: str) -> TrainingExample:
    pictures = tuple(int(image.id) for image in conversation.images)
    return TrainingExample(kind, chat_prompt(conversation, SYSTEM), answer, pictures)


def _asked(task: str, sample: Sample, steps: str, paper: bool) -> TrainingExample:
    conversation = _task(task, "paper" if paper else "strict").prompt.conversation(sample, ())
    if not paper:
        return _example(task, conversation, f"{steps} Therefore, the answer is {sample.target}.")
    one, two = (option.upper() for option in sample.options)
    ending = f"Therefore, the answer ({one} or {two}) is {(sample.target or '').upper()}."
    return _example(task, conversation, f"Let's think step by step. {steps} {ending}")


def _sample(images: Sequence[Image], fields: Mapping[str, str], options: tuple[str, str], target: str) -> Sample:
    return Sample("lesson", (Turn(tuple(images)),), fields, options, target)


def bison(album: SceneAlbum, seed: int, index: int) -> list[TrainingExample]:
    """A choice between two scenes; one example in eight has the published prompt."""
    item = choice(seed, index)
    images = [album.add(scene) for scene in item.scenes]
    sample = _sample(images, {"caption": item.caption}, IMAGES, IMAGES[item.target])
    return [_asked("bison-mini", sample, choice_steps(item), paper=index // 2 % 8 == 7)]


def nlvr2(album: SceneAlbum, seed: int, index: int) -> list[TrainingExample]:
    """A statement about two scenes; one group in eight has the published prompt.

    Half of the items of a group show the right image first, as `--orders both` does.
    """
    item = judged(seed, index)
    left, right = album.add(item.left), album.add(item.right)
    sample = _sample((left, right), {"sentence": item.sentence}, ("True", "False"), str(item.truth))
    names: dict[Side, str] = {"left": IMAGES[0], "right": IMAGES[1]}
    if index // 2 % 2 and (orders := _task("nlvr2-mini", "strict").orders):
        sample = swapped(sample, orders)
        names = {"left": IMAGES[1], "right": IMAGES[0]}
    return [_asked("nlvr2-mini", sample, judgement_steps(item, names), paper=item.group % 8 == 7)]


def drills(album: SceneAlbum, seed: int, index: int) -> list[TrainingExample]:  # noqa: ARG001 (a maker like the others)
    """The last step of judging a statement, without pictures."""
    step, holds = conclusion_drill(dice("drills", seed, index))
    conversation = Conversation((Message("user", (Text(f"{step.partition(':')[0]}."),)),))
    return [_example("drill", conversation, f"{step} Therefore, the answer is {holds}.")]


def dialogues(album: SceneAlbum, seed: int, index: int) -> list[TrainingExample]:
    """A dialogue over three or four scenes: its first turn, and both turns with the loss on the second answer."""
    item = dialogue(seed, index)
    images = [album.add(scene) for scene in item.scenes]
    messages: list[Message] = []
    examples = []
    for question in item.questions:
        messages.append(_question(question, images))
        examples.append(_example("dialogue", Conversation(tuple(messages)), question.reference))
        messages.append(Message("assistant", (Text(question.reference),)))
    return examples


def _question(question: DialogueQuestion, images: Sequence[Image]) -> Message:
    parts: tuple[Part, ...] = tuple(
        images[piece - 1] if isinstance(piece, int) else Text(piece) for piece in question.pieces
    )
    return Message("user", parts)


def descriptions(album: SceneAlbum, seed: int, index: int) -> list[TrainingExample]:
    """Captions of one to three scenes."""
    rng = dice("descriptions", seed, index)
    return [_described(album, rng, rng.randint(1, 3))]


def singles(album: SceneAlbum, seed: int, index: int) -> list[TrainingExample]:
    """A dialogue over one image, for single-image models.

    A description, a question, or a task's question with one image to describe before the answer.
    """
    rng = dice("singles", seed, index)
    makers = (_description_of_one, _question_on_one, _choice_of_one, _statement_on_one)
    return [makers[index % len(makers)](album, rng)]


_ASKED: Mapping[Topic, tuple[str, ...]] = {
    "count": ("How many {nouns} are there in {image}?", "Please count the {nouns} in {image}."),
    "colour": ("What colour is the {noun} in {image}?",),
    "position": ("Where is the {noun} in {image}?", "In which corner is the {noun} in {image}?"),
    "size": ("Is the {noun} big or small in {image}?",),
    "background": ("What is the background of {image}?", "Where does the scene in {image} take place?"),
    "contents": ("What things do you see in {image}?",),
}


def _description_of_one(album: SceneAlbum, rng: Random) -> TrainingExample:
    return _described(album, rng, 1)


def _question_on_one(album: SceneAlbum, rng: Random) -> TrainingExample:
    topic = rng.choice(list(_ASKED))
    kind = rng.choice(KIND_NAMES)
    alone = topic in ("colour", "position", "size")
    number = 1 if alone else rng.randint(0, 2)
    scene = scene_with(rng, [Description(kind)] * number, rng.randint(0 if number else 1, 2), avoid=Description(kind))
    name = str(rng.randint(1, 4))
    words = rng.choice(_ASKED[topic]).replace("{nouns}", plural(kind)).replace("{noun}", kind)
    before, after = words.split("{image}")
    parts = (Text(f"{before}IMAGE#{name}"), album.add(scene), Text(after))
    # the other sentence about a background begins like a description
    answer = state(about(scene, name, topic, kind), 0 if topic == "background" else rng.randrange(2))
    return _example("single", Conversation((Message("user", parts),)), answer)


def _choice_of_one(album: SceneAlbum, rng: Random) -> TrainingExample:
    """A choice between two images of which only one is shown, which is the answer."""
    item = choice(-1, rng.randrange(10**9))
    place = rng.randrange(2)
    shown = item.scenes[item.target]
    sample = _sample([album.add(shown)] * 2, {"caption": item.caption}, ("IMAGE#1", "IMAGE#2"), f"IMAGE#{place + 1}")
    steps = f"IMAGE#{place + 1} shows {_lower(caption(shown))}"
    return _only(_asked("bison-mini", sample, steps, paper=rng.random() < 0.125), place)


def _statement_on_one(album: SceneAlbum, rng: Random) -> TrainingExample:
    """A statement on one image, true or false."""
    item = choice(-1, rng.randrange(10**9))
    place, truth = rng.randrange(2), rng.random() < 0.5
    shown = item.scenes[item.target if truth else 1 - item.target]
    sample = _sample([album.add(shown)] * 2, {"sentence": item.caption}, ("True", "False"), str(truth))
    steps = f"IMAGE#{place + 1} shows {_lower(caption(shown))}"
    return _only(_asked("nlvr2-mini", sample, steps, paper=rng.random() < 0.125), place)


def _only(example: TrainingExample, place: int) -> TrainingExample:
    """The example without one of its two images."""
    before, first, second = example.prompt.split(IMAGE)
    texts = (before, IMAGE, first, second) if place == 0 else (before, first, IMAGE, second)
    return replace(example, kind="single", prompt="".join(texts), pictures=example.pictures[:1])


def _described(album: SceneAlbum, rng: Random, number: int) -> TrainingExample:
    scenes = [any_scene(rng) for _ in range(number)]
    names = [f"IMAGE#{place}" for place in (range(1, number + 1) if number > 1 else [rng.randint(1, 4)])]
    parts: list[Part] = [Text("Please describe ")]
    for place, (name, scene) in enumerate(zip(names, scenes, strict=True)):
        joint = "" if place == 0 else " and " if place == number - 1 else ", "
        parts += [Text(joint + name), album.add(scene)]
    answer = " ".join(f"{name} shows {_lower(caption(scene))}" for name, scene in zip(names, scenes, strict=True))
    return _example("description", Conversation((Message("user", (*parts, Text("."))),)), answer)


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


MAKERS: Mapping[Kind, Maker] = {
    "bison": bison,
    "nlvr2": nlvr2,
    "dialogue": dialogues,
    "description": descriptions,
    "drill": drills,
    "single": singles,
}
"""Every kind of example by its name in recipes."""


def make(album: SceneAlbum, numbers: Mapping[Kind, int], seed: int = 0) -> list[TrainingExample]:
    """Make this many items of each kind. `seed` (from 0) becomes a negative seed, which no evaluation uses."""
    return [
        example
        for kind, number in numbers.items()
        for index in range(number)
        for example in MAKERS[kind](album, -1 - seed, index)
    ]
