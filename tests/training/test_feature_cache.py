"""Feature cache: the same values as encoding anew, one file an image, nothing twice, crops within bounds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparkles_eval.core import Image
from sparkles_eval.core.errors import DataError
from sparkles_eval.tasks.images import ImageFolder
from sparkles_eval.training.recipes import ViewsSpec

if TYPE_CHECKING:
    from sparkles_eval.training.feature_cache import Encoder


@pytest.fixture(scope="module")
def encoder(model_folder: Path) -> Encoder:
    from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration
    from sparkles_eval.training.feature_cache import Encoder

    model = SparklesChatForConditionalGeneration.from_pretrained(model_folder)
    return Encoder(model, 28, ViewsSpec(crops=3), seed=1)


@pytest.fixture(scope="module")
def pictures(data_folder: Path) -> list[Image]:
    folder = ImageFolder(data_folder / "images")
    found = [folder.read(f"{10000 + number}.jpg") for number in range(5)]
    return [image for image in found if isinstance(image, Image)]


def test_the_cache_gives_what_encoding_gives(encoder: Encoder, pictures: list[Image], tmp_path: Path) -> None:
    import torch

    from sparkles_eval.training.feature_cache import FeatureCache

    cache = FeatureCache(tmp_path, encoder)
    assert list(cache.fill([*pictures, pictures[0]]))[-1] == 5, "an image that is shown twice is encoded once"
    assert list(cache.fill(pictures)) == [], "what is there is not encoded again"
    for view in range(3):
        direct = encoder.encode([encoder.pixels(pictures[2], view)])[0]
        assert torch.allclose(cache.read(pictures[2], view), direct, atol=5e-3), "but for fp16"
        assert torch.equal(cache.read(pictures[2], view + 3), cache.read(pictures[2], view))
    assert not torch.equal(encoder.pixels(pictures[2], 0), encoder.pixels(pictures[2], 1)), "crops differ"
    assert not torch.equal(cache.read(pictures[2], 0), cache.read(pictures[2], 1))
    assert len(list(tmp_path.rglob("*.npy"))) == 5 and not list(tmp_path.rglob(".*"))


def test_other_crops_or_weights_are_another_folder(encoder: Encoder, model_folder: Path) -> None:
    import torch

    from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration

    other = SparklesChatForConditionalGeneration.from_pretrained(model_folder)
    with torch.no_grad():
        other.query_tokens.add_(1e-3)
    identities = {
        encoder.identity,
        replace(encoder, views=ViewsSpec(crops=2)).identity,
        replace(encoder, seed=2).identity,
        replace(encoder, model=other).identity,
    }
    assert len(identities) == 4


def test_whole_images_are_seen_as_in_evaluation(encoder: Encoder, pictures: list[Image]) -> None:
    import numpy as np
    import PIL.Image

    from sparkles_eval.sparkleschat.processing import pixel_values

    assert pictures[0].path is not None
    with PIL.Image.open(pictures[0].path) as opened:
        expected = pixel_values([opened], 28)[0]
    assert np.array_equal(encoder.pixels(pictures[0], None).numpy(), expected)


def test_a_broken_picture_is_named(encoder: Encoder, tmp_path: Path, pictures: list[Image]) -> None:
    assert pictures[0].path is not None
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(pictures[0].path.read_bytes()[:200])
    with pytest.raises(DataError, match="cannot be decoded"):
        encoder.pixels(replace(pictures[0], path=broken), 0)


@given(st.integers(1, 900), st.integers(1, 900), st.integers(0, 10**6))
def test_crops_lie_in_the_image(width: int, height: int, seed: int) -> None:
    pytest.importorskip("torch")
    from sparkles_eval.training.feature_cache import crop_box

    views = ViewsSpec()
    rng = Random(seed)  # noqa: S311
    left, top, right, bottom = crop_box(rng, (width, height), views)
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    if min(width, height) >= 50 and 0.8 < width / height < 1.25:
        share, ratio = (right - left) * (bottom - top) / (width * height), (right - left) / (bottom - top)
        assert 0.45 < share <= 1 and 0.7 < ratio < 1.4
