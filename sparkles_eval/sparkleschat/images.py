"""The published image pipeline on PIL: RGB, bicubic to a square, CLIP's mean and deviation. Knows nothing of models.

PIL on purpose: torchvision's resize of the same image differs by up to 0.03 (antialiased) or 0.7 (not).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image

MEAN = np.array([0.48145466, 0.4578275, 0.40821073], dtype=np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], dtype=np.float32)
"""CLIP's channel statistics (Radford et al. 2021), red, green, blue."""


def normalise(image: Image.Image) -> npt.NDArray[np.float32]:
    """An RGB image of the final size -> (3, height, width) fp32, normalised."""
    values = np.asarray(image, dtype=np.float32) / np.float32(255.0)
    return np.ascontiguousarray(((values - MEAN) / STD).transpose(2, 0, 1))


def pixel_values(images: Sequence[Image.Image], size: int = 224) -> npt.NDArray[np.float32]:
    """n images -> (n, 3, size, size). The aspect ratio is not kept and nothing is cropped, as published."""
    squares = [image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC) for image in images]
    if not squares:
        return np.zeros((0, 3, size, size), dtype=np.float32)
    return np.stack([normalise(square) for square in squares])
