"""Cache of vision features by image hash: each image is encoded once a run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import PIL.Image
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from sparkles_eval.adapters.local.base import open_picture
from sparkles_eval.core import Image
from sparkles_eval.core.errors import AdapterError, UserError
from sparkles_eval.core.files import replacing
from sparkles_eval.core.pictures import reading_of

Encode: TypeAlias = Callable[[Sequence[PIL.Image.Image]], torch.Tensor]
"""n pictures -> (n, vectors, width)."""

MEMORY_BYTES = 2**30
"""Of features that are kept in memory: about ten thousand images of the 7B models."""
_TOGETHER = 16
"""Pictures that are encoded in one go."""
_NAME = "features"


@dataclass(frozen=True, slots=True)
class VisionTower:
    """How a model encodes: the shape of one image's features, and where they are kept on disk, if anywhere."""

    encode: Encode
    shape: tuple[int, int]
    folder: Path | None = None
    upright: bool = True
    """False where pictures are read as published, by a bare conversion to RGB (records.Model.upright)."""

    def name(self, image: Image) -> str:
        """What an image's features are kept under: its SHA-256, and the reading where that changed the picture."""
        reading = reading_of(image) if self.upright else ""
        return f"{image.sha256}-{reading}" if reading else image.sha256


class VisionFeatures:
    """Features of one tower, for all models of the process that have the same one."""

    def __init__(self, memory_bytes: int = MEMORY_BYTES) -> None:
        self._kept: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._bytes = 0
        self._limit = memory_bytes
        self._lock = threading.Lock()
        self.encoded = 0
        """Images that went through a tower."""

    def of(
        self, images: Iterable[Image], tower: VisionTower
    ) -> tuple[dict[str, torch.Tensor], dict[str, AdapterError]]:
        """SHA-256 -> features (vectors, width) on the CPU, and SHA-256 -> why an image has none.

        One caller at a time: two models that want the same image do not both encode it.
        """
        wanted = {image.sha256: image for image in images}
        faults: dict[str, AdapterError] = {}
        with self._lock:
            found = {sha: kept for sha, image in wanted.items() if (kept := self._look(image, tower)) is not None}
            lacking = [image for sha, image in wanted.items() if sha not in found]
            for start in range(0, len(lacking), _TOGETHER):
                found |= self._encode(lacking[start : start + _TOGETHER], tower, faults)
        return found, faults

    def _encode(
        self, images: Sequence[Image], tower: VisionTower, faults: dict[str, AdapterError]
    ) -> dict[str, torch.Tensor]:
        pictures: dict[str, PIL.Image.Image] = {}
        names: dict[str, str] = {}
        for image in images:
            try:
                pictures[image.sha256] = open_picture(image, upright=tower.upright)
                names[image.sha256] = tower.name(image)
            except AdapterError as error:
                faults[image.sha256] = error
        if not pictures:
            return {}
        vectors = tower.encode(list(pictures.values())).to("cpu")
        self.encoded += len(pictures)
        made = {sha: vector.clone() for sha, vector in zip(pictures, vectors, strict=True)}
        for sha, vector in made.items():
            self._keep(names[sha], vector)
            if tower.folder is not None:
                _write(tower.folder, names[sha], vector)
        return made

    def _look(self, image: Image, tower: VisionTower) -> torch.Tensor | None:
        name = tower.name(image)
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        stored = _read(tower.folder, name) if tower.folder is not None else None
        if stored is None or stored.shape != tower.shape:
            return None
        self._keep(name, stored)
        return stored

    def _keep(self, name: str, vector: torch.Tensor) -> None:
        self._kept[name] = vector
        self._bytes += vector.nbytes
        while self._bytes > self._limit and self._kept:
            _, old = self._kept.popitem(last=False)
            self._bytes -= old.nbytes


_shared: dict[str, VisionFeatures] = {}


def shared_features(tower: str) -> VisionFeatures:
    """The one cache of a tower in this process; `tower` identifies weights, precision and preprocessing."""
    return _shared.setdefault(tower, VisionFeatures())


def cache_folder(root: str, tower: str) -> Path:
    """The tower's own folder below the one that the user named. Raises UserError where it cannot be made."""
    folder = Path(root).expanduser() / tower[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"features={root}: cannot be made a folder ({error.strerror}); name another") from None
    return folder


def _write(folder: Path, name: str, vector: torch.Tensor) -> None:
    """Whole or not at all: a run that is killed leaves no half file under the name."""
    with replacing(folder / f"{name}.safetensors") as part:
        save_file({_NAME: vector.contiguous()}, part)


def _read(folder: Path, name: str) -> torch.Tensor | None:
    """What was written, or None where it was not, or is damaged (it is then made again)."""
    file = folder / f"{name}.safetensors"
    try:
        return load_file(file)[_NAME] if file.is_file() else None
    except (SafetensorError, KeyError, OSError):
        return None
