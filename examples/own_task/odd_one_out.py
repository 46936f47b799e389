"""A loader of one's own, for data that is in no file: four drawn pictures, one of which is unlike the others.

Most tasks need no Python: `sparkles-eval task new` writes a folder whose samples.jsonl says it all. A loader is for
data in a format of its own, or, as here, for samples that are made.
"""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image, ImageDraw

from sparkles_eval.core import Sample, Text, Turn
from sparkles_eval.tasks.base import Loaded, Source
from sparkles_eval.tasks.images import ImageFolder
from sparkles_eval.tasks.loaders.common import ImageReader, check_args

COLOURS = {"red": "#c8372d", "blue": "#2f5fb3", "green": "#3c9646", "yellow": "#e8c22f"}
SHAPES = ("circle", "square")
PICTURES = 4


def load(source: Source) -> Loaded:
    """`--task-arg n=` items of four pictures; `seed=` makes others."""
    check_args(source, ("n", "seed"))
    number, seed = int(source.args["n"]), int(source.args["seed"])
    home = source.cache / "odd-one-out"
    home.mkdir(parents=True, exist_ok=True)
    pictures = ImageReader(ImageFolder(home))
    made = [_sample(f"odd-{seed}-{index}", home, pictures) for index in range(number)]
    return Loaded(tuple(sample for sample in made if sample is not None), tuple(pictures.problems), home)


def _sample(name: str, home: Path, pictures: ImageReader) -> Sample | None:
    draw = random.Random(name)  # noqa: S311 - the same item on every machine, no secret
    odd = draw.randrange(PICTURES)
    usual, other = draw.sample(sorted(COLOURS), 2)
    shape = draw.choice(SHAPES)
    looks = [(other if place == odd else usual, shape) for place in range(PICTURES)]
    for look in set(looks):
        _draw(home, *look)
    # Reading a picture checks it and gives its hash; what is wrong with it is collected, never raised.
    images = pictures.read(name, [(f"{c}-{s}.png", str(i), f"A {c} {s}.") for i, (c, s) in enumerate(looks, 1)])
    if images is None:
        return None
    content = [part for i, image in enumerate(images, 1) for part in (Text(f"IMAGE#{i}"), image, Text("\n"))]
    options = tuple(f"IMAGE#{place}" for place in range(1, PICTURES + 1))
    turn = Turn((*content, Text("Three of these pictures show the same. Which one does not?")))
    return Sample(name, (turn,), options=options, target=options[odd], tags=(shape,))


def _draw(home: Path, colour: str, shape: str) -> None:
    file = home / f"{colour}-{shape}.png"
    if file.is_file():
        return
    picture = Image.new("RGB", (96, 96), "#f4f1ea")
    brush = ImageDraw.Draw(picture)
    (brush.ellipse if shape == "circle" else brush.rectangle)((20, 20, 76, 76), fill=COLOURS[colour])
    picture.save(file)


LOADERS = {"odd_one_out": load}
