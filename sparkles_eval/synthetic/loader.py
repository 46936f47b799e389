"""Loads the embedded tasks: makes items from a seed, draws their scenes on first use and keeps them in a folder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import PIL

from sparkles_eval.core import Image, Sample, Text, Turn
from sparkles_eval.core.errors import ContentError
from sparkles_eval.core.files import write_file
from sparkles_eval.synthetic.bison_items import choice
from sparkles_eval.synthetic.dialogue_items import DialogueQuestion, dialogue
from sparkles_eval.synthetic.drawing import EDGE, draw, png
from sparkles_eval.synthetic.nlvr2_items import judged
from sparkles_eval.synthetic.scene import GENERATOR, Scene
from sparkles_eval.synthetic.truth import caption
from sparkles_eval.tasks.base import Loaded, Source

_DIGITS = 16
_NAME = re.compile(rf"(\d+-\d+)-[0-9a-f]{{{_DIGITS}}}\.png")
_PER_FOLDER = 1000
"""Items that share a sub-folder, so that no folder grows without bound."""


class SceneFolder:
    """Drawn scenes of one benchmark and seed. The images' `relpath`s are relative to `root`."""

    def __init__(self, cache: Path, benchmark: str, seed: int) -> None:
        self.root = cache / f"mini-{GENERATOR}-pillow-{PIL.__version__}"
        self._place = Path(benchmark) / f"seed-{seed}"
        self._known: dict[Path, dict[str, Path]] = {}

    def picture(self, index: int, number: int, scene: Scene, caption: str) -> Image:
        """The scene as picture `number` (from 1, also its id) of item `index`; it is drawn unless a valid file exists.

        Raises errors.ContentError when the cache folder cannot be written.
        """
        subfolder = self.root / self._place / f"{index // _PER_FOLDER:03d}"
        stem = f"{index:05d}-{number}"
        path = self._files(subfolder).get(stem)
        data = None if path is None else _sound(path)
        if path is None or data is None:
            data = png(draw(scene))
            path = subfolder / f"{stem}-{hashlib.sha256(data).hexdigest()[:_DIGITS]}.png"
            _write(path, data)
        return Image(
            sha256=hashlib.sha256(data).hexdigest(),
            media_type="image/png",
            width=EDGE,
            height=EDGE,
            size=len(data),
            relpath=path.relative_to(self.root).as_posix(),
            id=str(number),
            caption=caption,
            path=path,
        )

    def _files(self, subfolder: Path) -> dict[str, Path]:
        """The files of a sub-folder by item and picture, listed once."""
        if subfolder not in self._known:
            files = sorted(subfolder.iterdir()) if subfolder.is_dir() else []
            self._known[subfolder] = {match[1]: path for path in files if (match := _NAME.fullmatch(path.name))}
        return self._known[subfolder]


def _sound(path: Path) -> bytes | None:
    """The file's bytes if they match the hash in its name, else None."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data if path.stem.endswith(f"-{hashlib.sha256(data).hexdigest()[:_DIGITS]}") else None


def _write(path: Path, data: bytes) -> None:
    try:
        write_file(path, data)
    except OSError as error:
        raise ContentError(
            f"cannot keep drawn scenes in {path.parent}: {error.strerror}; "
            "name a folder that can be written in the environment variable SPARKLES_CACHE"
        ) from error


MOST = 100_000
"""The largest number of items of a task."""


def load(source: Source) -> Loaded:
    """Load the first `n` items of a seed. Item i does not depend on `n`.

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
    gallery = SceneFolder(source.cache, benchmark, seed)
    make = _MAKERS[benchmark]
    return Loaded(tuple(make(gallery, seed, index) for index in range(number)), root=gallery.root)


def _number(source: Source, name: str, default: str, least: int, most: int) -> int:
    text = source.args.get(name, default)
    # 19 digits hold every allowed number; longer text is refused before it is read as a number.
    if not (text.isascii() and text.isdigit() and len(text) <= 19 and least <= int(text) <= most):
        raise ContentError(f"{source.task}: {name}={text!r} is no whole number from {least} to {most}")
    return int(text)


def _bison(gallery: SceneFolder, seed: int, index: int) -> Sample:
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


def _nlvr2(gallery: SceneFolder, seed: int, index: int) -> Sample:
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


def _sparkleseval(gallery: SceneFolder, seed: int, index: int) -> Sample:
    item = dialogue(seed, index)
    images = _pictures(gallery, index, item.scenes)
    return Sample(
        id=f"sparkleseval-mini-{seed}-{index}",
        turns=tuple(_turn(question, images) for question in item.questions),
        tags=(item.topic,),
    )


def _pictures(gallery: SceneFolder, index: int, scenes: tuple[Scene, ...]) -> tuple[Image, ...]:
    return tuple(gallery.picture(index, number, scene, caption(scene)) for number, scene in enumerate(scenes, 1))


def _turn(question: DialogueQuestion, images: tuple[Image, ...]) -> Turn:
    content = tuple(images[piece - 1] if isinstance(piece, int) else Text(piece) for piece in question.pieces)
    return Turn(content, question.reference, question.facts)


_MAKERS: Mapping[str, Callable[[SceneFolder, int, int], Sample]] = {
    "sparkleseval": _sparkleseval,
    "bison": _bison,
    "nlvr2": _nlvr2,
}
