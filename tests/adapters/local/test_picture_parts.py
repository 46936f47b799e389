"""Pictures are prepared once each, put together as the image processor would, and asked for whole where that fails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'local'")

import torch
from transformers import BatchFeature

from sparkles_eval.adapters.local.picture_parts import NotApart, PictureParts
from sparkles_eval.core import Image
from sparkles_eval.core.errors import Rejected
from tests.adapters.feeding import pictures


class Tiles:
    """An image processor of the kind that cuts a picture into tiles and pads the prompts' numbers of them."""

    size = 8

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __call__(self, images: Sequence[Any], **kwargs: Any) -> BatchFeature:
        (row,) = images
        self.asked.append(len(row))
        tiles = [torch.from_numpy(np.asarray(picture.resize((8, 8))).copy()).float() for picture in row]
        return BatchFeature({"pixel_values": torch.stack(tiles)[None], "rows": [[1 for _ in row]], **kwargs})


class Counting(Tiles):
    """One whose result depends on how many pictures a prompt has."""

    def __call__(self, images: Sequence[Any], **kwargs: Any) -> BatchFeature:
        made = super().__call__(images, **kwargs)
        made["pixel_values"] = made["pixel_values"] / len(images[0])
        return made


@pytest.fixture
def images(tmp_path: Path) -> list[Image]:
    return pictures(tmp_path, 4)


def test_each_picture_is_prepared_once_and_put_together_as_by_the_image_processor(images: list[Image]) -> None:
    real = Tiles()
    parts = PictureParts(real)
    assert parts.size == 8
    for first in range(6):
        shown = [images[(first + step) % 4] for step in range(1 + first % 3)]
        made = parts([parts.marks(shown)], scale=2)
        assert made["rows"] == [[1] * len(shown)] and made["scale"] == 2
        assert made["pixel_values"].shape == (1, len(shown), 8, 8, 3)
    assert real.asked.count(1) == 4, "the rest were the first prompts, prepared both ways"
    assert sum(count > 1 for count in real.asked) == 3 and parts.apart


def test_pictures_that_depend_on_their_neighbours_are_not_taken_apart(images: list[Image]) -> None:
    parts = PictureParts(Counting())
    assert parts([parts.marks(images[:1])])["pixel_values"].shape[1] == 1
    with pytest.raises(NotApart):
        parts([parts.marks(images[:2])])
    assert not parts.apart


def test_pixels_are_bounded_and_given_back(images: list[Image]) -> None:
    parts = PictureParts(Tiles(), limit=2 * 8 * 8 * 3 * 4 + 600)
    for image in images:
        parts([parts.marks([image])])
    assert parts.prepared == 4
    parts.pixels(images[3])
    assert parts.prepared == 4
    parts.pixels(images[0])
    assert parts.prepared == 5, "it had left"
    parts.spent(images[0])
    parts.pixels(images[0])
    assert parts.prepared == 6


def test_pictures_are_prepared_ahead_and_faults_met_where_they_are_asked_for(images: list[Image]) -> None:
    assert images[2].path is not None
    images[2].path.write_bytes(b"x" * images[2].size)
    parts = PictureParts(Tiles())
    parts.ahead(images)  # nobody has asked yet, so how is not known
    parts([parts.marks(images[:1])])
    parts.ahead(images)
    assert len(parts.pixels(images[1])["rows"]) == 1
    with pytest.raises(Rejected):
        parts.pixels(images[2])
    parts.close()
    parts.pixels(images[3])
    assert parts.prepared == 3
