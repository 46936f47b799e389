"""Drawing: the same scene gives the same bytes, and every attribute of a scene can be seen in its pixels."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from sparkles_eval.synthetic.drawing import EDGE, PAINTS, draw, png
from sparkles_eval.synthetic.scene import (
    BACKGROUND_NAMES,
    CELL_NAMES,
    COLOUR_NAMES,
    JITTER,
    KIND_NAMES,
    SIZE_NAMES,
    Scene,
    Thing,
    any_scene,
    dice,
)


def test_png_has_pixels_and_nothing_else() -> None:
    data = png(draw(any_scene(dice("test", 0, 0))))
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "PNG" and picture.size == (EDGE, EDGE) and picture.mode == "RGB" and not picture.info
    assert [data[i : i + 4] for i in (12, len(data) - 8)] == [b"IHDR", b"IEND"]


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "import hashlib\n"
        "from sparkles_eval.synthetic.drawing import draw, png\n"
        "from sparkles_eval.synthetic.scene import any_scene, dice\n"
        "print(hashlib.sha256(b''.join(png(draw(any_scene(dice('test', 5, i)))) for i in range(8))).hexdigest())"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    own = b"".join(png(draw(any_scene(dice("test", 5, i)))) for i in range(8))
    assert told == hashlib.sha256(own).hexdigest()


@pytest.mark.parametrize("background", BACKGROUND_NAMES)
def test_things_stay_inside_their_quarter(background: str) -> None:
    """A thing may only change pixels of its own quarter, give or take its rim and shadow: positions are exact."""
    for cell_at, cell in enumerate(CELL_NAMES):
        rng = dice("inside", 1, cell_at)
        for kind in KIND_NAMES:
            dx, dy = rng.choice((-JITTER, JITTER)), rng.choice((-JITTER, JITTER))
            thing = Thing(kind, "red", "big", cell, dx, dy, tilt=8)
            empty, one = (np.asarray(draw(Scene(t, background))).astype(int) for t in ((), (thing,)))
            rows, columns = np.nonzero(np.abs(empty - one).sum(axis=2) > 60)
            row, column = divmod(cell_at, 2)
            assert row * 128 - 8 <= rows.min() and rows.max() < row * 128 + 136
            assert column * 128 - 8 <= columns.min() and columns.max() < column * 128 + 136


def test_every_attribute_shows() -> None:
    scene = Scene((Thing("star", "red", "big", "top left"),), "meadow")
    first = scene.things[0]
    others = [
        *(replace(first, kind=kind) for kind in KIND_NAMES),
        *(replace(first, colour=colour) for colour in COLOUR_NAMES),
        *(replace(first, size=size) for size in SIZE_NAMES),
        *(replace(first, cell=cell) for cell in CELL_NAMES),
    ]
    drawn = {thing: png(draw(replace(scene, things=(thing,)))) for thing in others}
    assert len(set(drawn.values())) == len(drawn) == 8 + 5 + 1 + 3
    assert len({png(draw(replace(scene, background=name))) for name in BACKGROUND_NAMES}) == len(BACKGROUND_NAMES)


@pytest.mark.parametrize("colour", COLOUR_NAMES)
@pytest.mark.parametrize("kind", KIND_NAMES)
def test_a_thing_is_mostly_of_its_colour(kind: str, colour: str) -> None:
    """Of the colours of the vocabulary, the named one is the nearest to more of the thing's pixels than any other."""
    thing = Thing(kind, colour, "big", "top left")
    empty, one = (np.asarray(draw(Scene(t, "plain page"))).astype(int) for t in ((), (thing,)))
    pixels = one[np.abs(empty - one).sum(axis=2) > 90]
    distances = np.array([np.abs(pixels - np.array(PAINTS[name])).sum(axis=1) for name in COLOUR_NAMES])
    nearest, near = distances.argmin(axis=0), distances.min(axis=0) < 120
    votes = np.bincount(nearest[near], minlength=len(COLOUR_NAMES))
    assert COLOUR_NAMES[int(votes.argmax())] == colour
    assert votes.max() > 0.6 * votes.sum()


def test_colours_differ_in_lightness_or_far_in_hue() -> None:
    """No two paints are near each other for any eye: their distance in RGB stays well above drawing noise."""
    paints = [np.array(PAINTS[name]) for name in COLOUR_NAMES]
    assert min(float(np.abs(a - b).sum()) for i, a in enumerate(paints) for b in paints[i + 1 :]) > 100
