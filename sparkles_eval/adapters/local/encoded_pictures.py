"""Keeps what a model's vision tower made of each picture, for every prompt that shows it, up to so many bytes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from sparkles_eval.adapters.local.bounded_cache import BoundedCache
from sparkles_eval.adapters.local.prompt_rows import NotSeparable, PictureInputs, PromptRow, RowEncoder, inner
from sparkles_eval.adapters.local.vision_features import MEMORY_BYTES
from sparkles_eval.core import Image
from sparkles_eval.core.errors import AdapterError

_TOGETHER = {"cpu": 4, "cuda": 16}
"""Pictures that go through the tower in one go; on a CPU more of them only leave its cache."""


@dataclass(frozen=True, slots=True)
class Features:
    """What the tower gave for one picture, or for the pictures of a prompt that cannot be taken apart."""

    vectors: tuple[torch.Tensor, ...]
    """(tokens, width) each: one entry a picture, or one a tile, as the model counts."""
    layers: tuple[tuple[torch.Tensor, ...], ...]
    """The same of deeper layers, where the model reads those too."""
    stacked: bool
    """Whether the model takes one tensor of all entries, and not a list."""

    @property
    def bytes(self) -> int:
        """Memory that it takes."""
        return sum(vector.nbytes for entries in (self.vectors, *self.layers) for vector in entries)


class EncodedPictures:
    """The features of the pictures that one copy of a model has seen."""

    def __init__(self, rows: RowEncoder, limit: int = MEMORY_BYTES) -> None:
        self._rows = rows
        self._kept: BoundedCache[Features] = BoundedCache(limit, lambda features: features.bytes)
        self._kind: Any = None
        self.encoded = 0
        """Pictures that went through the tower."""

    def __contains__(self, image: Image) -> bool:
        return image.sha256 in self._kept

    def of(self, rows: Sequence[PromptRow], model: Any) -> tuple[dict[Hashable, Features], dict[int, AdapterError]]:
        """The features of all pictures of these rows by name, and which rows have a picture that cannot be read."""
        found: dict[Hashable, Features] = {}
        lacking: dict[Hashable, PictureInputs] = {}
        faults: dict[int, AdapterError] = {}
        for number, row in enumerate(rows):
            for picture in row.pictures:
                name = _name(picture)
                kept = found.get(name) or self._kept.get(name)
                if kept is not None:
                    found[name] = kept
                    continue
                try:
                    lacking[name] = self._rows.alone(picture) if isinstance(picture, Image) else picture
                except AdapterError as error:
                    faults[number] = error
        for group in _alike(list(lacking.values()), _TOGETHER.get(model.device.type, 1)):
            for picture, features in zip(group, self._encode(group, model), strict=True):
                found[picture.name] = features
                self._kept.put(picture.name, features)
                for image in picture.images:
                    self._rows.parts.spent(image)
        return found, faults

    def outputs(self, rows: Sequence[PromptRow], found: Mapping[Hashable, Features], model: Any) -> dict[str, Any]:
        """The argument by which a model takes the features of these rows' pictures, in order; none without pictures."""
        shown = [found[_name(picture)] for row in rows for picture in row.pictures]
        if not shown:
            return {}

        def ready(entries: Sequence[torch.Tensor]) -> Any:
            moved = [entry.to(model.device) for entry in entries]
            return torch.stack(moved) if shown[0].stacked else moved

        values: dict[str, Any] = {"pooler_output": ready([entry for it in shown for entry in it.vectors])}
        if shown[0].layers:
            values["deepstack_features"] = [
                ready([entry for entries in layer for entry in entries])
                for layer in zip(*(it.layers for it in shown), strict=True)
            ]
        return {"mm_encoder_outputs": {"image": self._kind(**values)}}

    def _encode(self, group: Sequence[PictureInputs], model: Any) -> list[Features]:
        inputs = {key: torch.cat([picture.inputs[key] for picture in group]) for key in group[0].inputs}
        ready = {
            key: value.to(model.device, model.dtype) if value.is_floating_point() else value.to(model.device)
            for key, value in inputs.items()
        }
        output = inner(model).base_model.get_image_features(**ready, return_dict=True)
        self.encoded += sum(len(picture.images) for picture in group)
        self._kind = type(output)
        pooled, layers = output.pooler_output, getattr(output, "deepstack_features", None) or ()
        if not all(isinstance(entry, torch.Tensor) for layer in layers for entry in layer):
            raise NotSeparable("its deeper features have a form of their own")
        shared, odd = divmod(len(pooled), len(group))
        if odd:
            raise NotSeparable("its features are not one part a picture")
        kept = []
        for number in range(len(group)):
            own = slice(number * shared, (number + 1) * shared)
            deeper = tuple(_copied(layer[own]) for layer in layers)
            kept.append(Features(_copied(pooled[own]), deeper, isinstance(pooled, torch.Tensor)))
        return kept


def _copied(entries: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Copies on the CPU, which hold no other picture's memory."""
    return tuple(entry.to("cpu", copy=True) for entry in entries)


def _name(picture: Image | PictureInputs) -> Hashable:
    return picture.sha256 if isinstance(picture, Image) else picture.name


def _alike(pictures: Sequence[PictureInputs], most: int) -> list[list[PictureInputs]]:
    """Groups of pictures whose inputs have the same shapes, so that they can go through the tower together."""
    groups: list[list[PictureInputs]] = []
    open_groups: dict[Hashable, list[PictureInputs]] = {}
    for picture in pictures:
        shape = tuple((key, tuple(value.shape)) for key, value in picture.inputs.items())
        group = open_groups.get(shape)
        if group is None or len(group) == most:
            group = []
            groups.append(group)
            if len(picture.images) == 1:
                open_groups[shape] = group
        group.append(picture)
    return groups
