"""Loads the embedded tasks: items made from a seed, scenes drawn on first use. Knows nothing of prompts or models.

The loader is called `mini` in task.yaml; the argument `benchmark` says which of the three kinds of items it makes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sparkles_eval.errors import ContentError
from sparkles_eval.records import Image, Sample, Text, Turn
from sparkles_eval.tasks.base import Loaded, Source
from sparkles_eval.tasks.mini.bison import choice
from sparkles_eval.tasks.mini.dialogues import Question, dialogue
from sparkles_eval.tasks.mini.gallery import Gallery
from sparkles_eval.tasks.mini.nlvr2 import judged
from sparkles_eval.tasks.mini.scene import Scene
from sparkles_eval.tasks.mini.truth import caption

MOST = 100_000
"""Items of one task at the most."""


def load(source: Source) -> Loaded:
    """The first `n` items of seed `seed` of the benchmark. Item i is the same whatever `n` is.

    Raises errors.ContentError for an argument that is unknown or not a number in range.
    """
    known = {"benchmark", "seed", "n"}
    unknown = sorted(set(source.args) - known)
    if unknown:
        raise ContentError(f"{source.task}: unknown argument {', '.join(map(repr, unknown))}; it takes seed and n")
    benchmark = source.args.get("benchmark", "")
    if benchmark not in _MAKERS:
        raise ContentError(f"{source.task}: unknown benchmark {benchmark!r}; choose one of {', '.join(_MAKERS)}")
    seed = _number(source, "seed", "0", 0, 2**63 - 1)
    number = _number(source, "n", "60", 1, MOST)
    gallery = Gallery(source.cache, benchmark, seed)
    make = _MAKERS[benchmark]
    return Loaded(tuple(make(gallery, seed, index) for index in range(number)), root=gallery.root)


def _number(source: Source, name: str, default: str, least: int, most: int) -> int:
    text = source.args.get(name, default)
    # 19 digits hold every allowed number; longer text is refused before it is read as a number.
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and least <= int(text) <= most):
        raise ContentError(f"{source.task}: {name}={text!r} is no whole number from {least} to {most}")
    return int(text)


def _bison(gallery: Gallery, seed: int, index: int) -> Sample:
    item = choice(seed, index)
    first, second = _pictures(gallery, index, item.scenes)
    content = (Text("IMAGE#1"), first, Text(" IMAGE#2"), second, Text(f" {item.caption}"))
    options = ("IMAGE#1", "IMAGE#2")
    return Sample(
        id=f"bison-mini-{seed}-{index}",
        turns=(Turn(content),),
        fields={"caption": item.caption},
        options=options,
        target=options[item.target],
        tags=(item.attribute,),
    )


def _nlvr2(gallery: Gallery, seed: int, index: int) -> Sample:
    item = judged(seed, index)
    left, right = _pictures(gallery, index, (item.left, item.right))
    content = (Text("IMAGE#1"), left, Text(" IMAGE#2"), right, Text(f" {item.sentence}"))
    group = f"nlvr2-mini-{seed}-group-{item.group}"
    return Sample(
        id=f"nlvr2-mini-{seed}-{index}",
        turns=(Turn(content),),
        fields={"sentence": item.sentence},
        options=("True", "False"),
        target=str(item.truth),
        group=group,
        cluster=group,
        tags=(item.type,),
    )


def _sparkleseval(gallery: Gallery, seed: int, index: int) -> Sample:
    item = dialogue(seed, index)
    images = _pictures(gallery, index, item.scenes)
    return Sample(
        id=f"sparkleseval-mini-{seed}-{index}",
        turns=tuple(_turn(question, images) for question in item.questions),
        tags=(item.topic,),
    )


def _pictures(gallery: Gallery, index: int, scenes: tuple[Scene, ...]) -> tuple[Image, ...]:
    return tuple(gallery.picture(index, number, scene, caption(scene)) for number, scene in enumerate(scenes, 1))


def _turn(question: Question, images: tuple[Image, ...]) -> Turn:
    content = tuple(images[piece - 1] if isinstance(piece, int) else Text(piece) for piece in question.pieces)
    return Turn(content, question.reference, question.facts)


_MAKERS: Mapping[str, Callable[[Gallery, int, int], Sample]] = {
    "sparkleseval": _sparkleseval,
    "bison": _bison,
    "nlvr2": _nlvr2,
}
