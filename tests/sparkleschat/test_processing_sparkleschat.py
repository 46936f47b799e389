"""Pixels as the published pipeline makes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sparkles_eval.sparkleschat.processing import pixel_values


@pytest.mark.parametrize("name", ["up_60x90", "down_333x250"])
def test_golden_pixels(golden: Path, name: str) -> None:
    with np.load(golden / "image_preprocess.npz") as stored:
        image, expected = Image.fromarray(stored[f"{name}_rgb"]), stored[f"{name}_pixel_values"]
    ours = pixel_values([image])
    assert ours.shape == (1, 3, 224, 224)
    assert np.abs(ours[0] - expected).max() < 1e-6


def test_every_mode_becomes_rgb() -> None:
    grey = Image.new("L", (9, 5), 128)
    modes = [grey.convert(mode) for mode in ("RGB", "RGBA", "P", "LA", "CMYK", "I")]
    pixels = pixel_values(modes, size=8)
    assert pixels.shape == (6, 3, 8, 8)
    assert np.isfinite(pixels).all()
    assert np.abs(pixels[0] - pixels[1]).max() == 0


def test_no_image_is_an_empty_array() -> None:
    assert pixel_values([], size=8).shape == (0, 3, 8, 8)
