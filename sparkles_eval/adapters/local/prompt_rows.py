"""Makes rows of tensors from requests: each prompt by itself, then several padded on the left.

A prompt whose pictures can be prepared apart (see picture_parts) holds no pixels: its pictures are known by name, and
go through the model's tower once. Every other prompt keeps what the processor made of its pictures together.
"""

from __future__ import annotations

import inspect
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from sparkles_eval.adapters.base import Request
from sparkles_eval.adapters.local.base import open_picture
from sparkles_eval.adapters.local.chat_template import ChatTemplate
from sparkles_eval.adapters.local.picture_parts import NotApart, PictureParts
from sparkles_eval.core import Image
from sparkles_eval.core.reply_parts import opens_reasoning


@dataclass(frozen=True, slots=True)
class PictureInputs:
    """What goes through the tower together: one picture, or those of a prompt that cannot be taken apart."""

    name: Hashable
    images: tuple[Image, ...]
    inputs: Mapping[str, torch.Tensor]
    """Arguments of the model's `get_image_features`."""


@dataclass(frozen=True, slots=True)
class PromptRow:
    """One prompt as tensors."""

    request: Request
    text: Mapping[str, torch.Tensor]
    """(1, length) each: ids, mask and kinds of tokens."""
    shapes: Mapping[str, torch.Tensor]
    """What the model reads of the pictures besides their features, a line for each picture: grids, sizes."""
    pictures: tuple[Image | PictureInputs, ...]
    opened: bool
    """True where the prompt ends inside the model's reasoning."""

    @property
    def length(self) -> int:
        """Positions, images included."""
        return self.text["input_ids"].shape[1]


class NotSeparable(Exception):
    """The model reads pictures in a way of its own: its prompts are answered in static batches."""


@dataclass(slots=True)
class RowEncoder:
    """Makes the rows of one checkpoint. `encoder` names the arguments of the model's `get_image_features`."""

    template: ChatTemplate
    encoder: frozenset[str]
    parts: PictureParts = field(init=False)

    def __post_init__(self) -> None:
        self.parts = self.template.take_apart()

    def row(self, request: Request) -> PromptRow:
        """A request as a row. Raises errors.Rejected where it cannot be one, and NotSeparable."""
        with self.parts.turn:
            return self._row(request)

    def _row(self, request: Request) -> PromptRow:
        text, images = self.template.ask(request), request.conversation.images
        if images and (self.parts.apart or len(images) == 1):
            try:
                encoded = self.template.encode([text], [self.parts.marks(images)])
            except NotApart:
                pass
            else:
                inputs, shapes = self._sorted(encoded)
                return PromptRow(request, inputs, _lines(shapes), tuple(images), opens_reasoning(text))
        encoded = self.template.encode([text], [[open_picture(image) for image in images]])
        inputs, shapes = self._sorted(encoded)
        name = tuple(image.sha256 for image in images)
        together = (PictureInputs(name, tuple(images), shapes),) if images else ()
        return PromptRow(request, inputs, _lines(shapes), together, opens_reasoning(text))

    def alone(self, image: Image) -> PictureInputs:
        """A picture as the tower takes it. Raises errors.Rejected where it cannot be read."""
        from transformers import BatchFeature

        part = self.parts.pixels(image)
        kept = BatchFeature({key: value for key, value in part.items() if key in self.encoder}, tensor_type="pt")
        return PictureInputs(image.sha256, (image,), dict(kept))

    def _sorted(self, encoded: Mapping[str, Any]) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """The inputs of the text, and those of the pictures."""
        length = encoded["input_ids"].shape
        text = {key: value for key, value in encoded.items() if key not in self.encoder}
        for key, value in text.items():
            if not isinstance(value, torch.Tensor) or value.shape != length or value.is_floating_point():
                raise NotSeparable(key)
        pictures = {key: value for key, value in encoded.items() if key in self.encoder}
        if not all(isinstance(value, torch.Tensor) for value in pictures.values()):
            raise NotSeparable("its pictures are no tensors")
        return text, pictures


def encoder_arguments(model: Any) -> frozenset[str]:
    """Arguments of the model's tower. Raises NotSeparable where the model does not take what the tower gave."""
    tower = getattr(inner(model).base_model, "get_image_features", None)
    if tower is None or "mm_encoder_outputs" not in inspect.signature(inner(model).forward).parameters:
        raise NotSeparable("it takes no encoded pictures")
    return frozenset(inspect.signature(tower).parameters) - {"kwargs", "self"}


def inner(model: Any) -> Any:
    """The model itself, without a PEFT adapter's frame."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def padded(rows: Sequence[PromptRow], pad: int) -> dict[str, torch.Tensor]:
    """The rows' texts, padded on the left; and what the model reads of their pictures, one after another."""
    longest, found = max(row.length for row in rows), {}
    for key in dict.fromkeys(key for row in rows for key in row.text):
        out = rows[0].text["input_ids"].new_full((len(rows), longest), pad if key == "input_ids" else 0)
        for number, row in enumerate(rows):
            if key in row.text:
                out[number, longest - row.length :] = row.text[key][0]
        found[key] = out
    for key in dict.fromkeys(key for row in rows for key in row.shapes):
        found[key] = torch.cat([row.shapes[key] for row in rows if key in row.shapes])
    return found


def _lines(pictures: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key: value for key, value in pictures.items() if value.ndim <= 2 and not value.is_floating_point()}
