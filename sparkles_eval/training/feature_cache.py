"""Disk cache of Q-Former outputs of training images: the vision tower runs once per image and crop."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image

from sparkles_eval.core import Image as Picture
from sparkles_eval.core import fingerprint
from sparkles_eval.core.errors import DataError, Problem
from sparkles_eval.core.files import replacing
from sparkles_eval.core.pictures import READING, decode
from sparkles_eval.sparkleschat.modeling import SparklesChatForConditionalGeneration
from sparkles_eval.sparkleschat.processing import normalise_image, pixel_values
from sparkles_eval.sparkleschat.saved_weights import hash_tensors
from sparkles_eval.training.recipes import ViewsSpec

_AT_ONCE = 32
"""Images in one pass through the tower."""
_DECODERS = min(8, os.cpu_count() or 1)
"""Threads that read picture files; decoding and resizing release the interpreter's lock."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """Turns images into features; its identity names the cache."""

    model: SparklesChatForConditionalGeneration
    size: int
    views: ViewsSpec
    seed: int

    @property
    def identity(self) -> str:
        """Hash of tower, Q-Former, size, crops, seed and the reading of pictures: the name of the cache's folder."""
        parts = ("vision_model.", "qformer.", "query_tokens")
        state = self.model.state_dict()
        weights = hash_tensors((name, state[name]) for name in sorted(state) if name.startswith(parts))
        return fingerprint([weights, self.size, self.views.model_dump(mode="json"), self.seed, READING], 16)

    def pixels(self, picture: Picture, view: int | None) -> torch.Tensor:
        """(3, size, size): crop `view` of the image, or with None the whole of it as in evaluation."""
        return self.views_of(picture, [view])[0]

    def views_of(self, picture: Picture, wanted: Sequence[int | None]) -> list[torch.Tensor]:
        """`pixels` of several views; the file is decoded once. Raises errors.DataError if it cannot be decoded."""
        assert picture.path is not None
        try:
            image = decode(picture.path.read_bytes())
        except (OSError, ValueError) as wrong:
            raise DataError(
                "training data", [Problem(picture.relpath, f"cannot be decoded ({wrong})")], "replace the file"
            ) from wrong
        return [self._view(image, picture.sha256, view) for view in wanted]

    def _view(self, image: Image.Image, sha256: str, view: int | None) -> torch.Tensor:
        if view is None:
            return torch.from_numpy(pixel_values([image], self.size)[0])
        rng = Random(f"{self.seed}/{sha256}/{view}")  # noqa: S311 (no secret is made of it)
        box = crop_box(rng, image.size, self.views)
        cropped = image.crop(box).resize((self.size, self.size), Image.Resampling.BICUBIC)
        return torch.from_numpy(normalise_image(cropped))

    @torch.no_grad()
    def encode(self, pixels: Sequence[torch.Tensor]) -> torch.Tensor:
        """(n, queries, width) fp32 on the CPU, in passes of 32 images."""
        device = self.model.query_tokens.device
        found = [
            self.model.encode_images(torch.stack(list(pixels[start : start + _AT_ONCE])).to(device)).float().cpu()
            for start in range(0, len(pixels), _AT_ONCE)
        ]
        return torch.cat(found)


def crop_box(rng: Random, size: tuple[int, int], views: ViewsSpec) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a random crop: share of the area and aspect ratio within the recipe's bounds.

    The ratio is drawn on a logarithmic scale. Where ten draws do not fit into the image, the largest middle part whose
    ratio is within bounds is taken, as the published augmentation does.
    """
    width, height = size
    for _ in range(10):
        area = width * height * rng.uniform(*views.scale)
        ratio = float(np.exp(rng.uniform(np.log(views.ratio[0]), np.log(views.ratio[1]))))
        w, h = round((area * ratio) ** 0.5), round((area / ratio) ** 0.5)
        if 0 < w <= width and 0 < h <= height:
            left, top = rng.randint(0, width - w), rng.randint(0, height - h)
            return left, top, left + w, top + h
    least, most = views.ratio
    ratio = min(max(width / height, least), most)
    w, h = min(width, max(1, round(height * ratio))), min(height, max(1, round(width / ratio)))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h


class FeatureCache:
    """Features of all crops of an image: (crops, queries, width) fp16 in one `.npy` file."""

    def __init__(self, folder: Path, encoder: Encoder) -> None:
        self.folder = folder / encoder.identity
        self._encoder = encoder
        self._views: Sequence[int | None] = range(encoder.views.crops) if encoder.views.crops else (None,)

    def fill(self, pictures: Sequence[Picture]) -> Iterator[int]:
        """Encode images that are not on disk yet; yields how many are done. After an interruption it can continue."""
        lacking = [picture for picture in {p.sha256: p for p in pictures}.values() if not self._file(picture).is_file()]
        some = max(1, _AT_ONCE // len(self._views))
        groups = [lacking[start : start + some] for start in range(0, len(lacking), some)]
        done = 0
        with ThreadPoolExecutor(_DECODERS) as decoders:
            # files are read while the tower works, so that the next groups are ready when it is done
            ahead = [self._decode(decoders, group) for group in groups[:2]]
            for number, group in enumerate(groups):
                pixels = [view for views in ahead.pop(0) for view in views.result()]
                if number + 2 < len(groups):
                    ahead.append(self._decode(decoders, groups[number + 2]))
                for picture, features in zip(group, self._encoder.encode(pixels).chunk(len(group)), strict=True):
                    self._write(picture, features)
                done += len(group)
                yield done

    def _decode(self, decoders: ThreadPoolExecutor, group: Sequence[Picture]) -> list[Future[list[torch.Tensor]]]:
        return [decoders.submit(self._encoder.views_of, picture, self._views) for picture in group]

    def read(self, picture: Picture, view: int) -> torch.Tensor:
        """(queries, width) fp32 of crop `view` modulo the number of crops."""
        stored = np.load(self._file(picture), allow_pickle=False, mmap_mode="r")
        return torch.from_numpy(np.array(stored[view % len(self._views)], dtype=np.float32))

    def _file(self, picture: Picture) -> Path:
        return self.folder / picture.sha256[:2] / f"{picture.sha256}.npy"

    def _write(self, picture: Picture, features: torch.Tensor) -> None:
        """Write the file completely or not at all, since two processes may fill the same folder."""
        with replacing(self._file(picture)) as part, part.open("wb") as stream:
            np.save(stream, features.numpy().astype(np.float16))
