"""Reads prompts for a model with every picture through its tower once, and tries on the first prompt that it may."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache

from sparkles_eval.adapters.base import Request
from sparkles_eval.adapters.local.base import open_picture
from sparkles_eval.adapters.local.chat_template import ChatTemplate
from sparkles_eval.adapters.local.encoded_pictures import EncodedPictures
from sparkles_eval.adapters.local.prompt_rows import (
    NotSeparable,
    PromptRow,
    RowEncoder,
    encoder_arguments,
    padded,
)
from sparkles_eval.adapters.local.row_batch import exchanges_rows
from sparkles_eval.core import Image
from sparkles_eval.core.errors import AdapterError

_CLOSE = {torch.float32: 1e-3}
_CLOSE_ROUNDED = 0.05
"""Largest difference of two logits, over the largest logit; in 16 bits rounding alone makes some."""


class PromptReader:
    """The prompts of one copy of a model. Raises NotSeparable where the model takes no encoded pictures."""

    def __init__(self, template: ChatTemplate, model: Any) -> None:
        self._template = template
        self.encoder = RowEncoder(template, encoder_arguments(model))
        self.pictures = EncodedPictures(self.encoder)

    def row(self, request: Request) -> PromptRow:
        """A request as a row. Raises errors.Rejected where it cannot be one, and NotSeparable."""
        return self.encoder.row(request)

    def ahead(self, images: Sequence[Image]) -> None:
        """Prepare pictures that come next beside the model."""
        self.encoder.parts.ahead([image for image in images if image not in self.pictures])

    def close(self) -> None:
        """End the threads that prepare pictures."""
        self.encoder.parts.close()

    def inputs(
        self, rows: Sequence[PromptRow], model: Any, pad: int
    ) -> tuple[list[PromptRow], dict[str, Any], dict[int, AdapterError]]:
        """The rows whose pictures can be read, the model's arguments for them, and by place what the others lack."""
        found, faults = self.pictures.of(rows, model)
        good = [row for number, row in enumerate(rows) if number not in faults]
        if not good:
            return [], {}, faults
        text = {key: value.to(model.device) for key, value in padded(good, pad).items()}
        return good, {**text, **self.pictures.outputs(good, found, model)}, faults

    def agrees(self, row: PromptRow, model: Any, pad: int) -> bool:
        """Whether the model's first two tokens after a prompt come out as from its processor's own inputs."""
        conversation = row.request.conversation
        pictures = [open_picture(image) for image in conversation.images]
        whole = self._template.encode([self._template.ask(row.request)], [pictures])
        expected = _logits(model, dict(whole.to(model.device, dtype=model.dtype)), pad, 2).logits
        try:
            found = self._first_two(row, model, pad)
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, TypeError, KeyError, IndexError, AttributeError):
            return False  # it does not even take them
        limit = _CLOSE.get(model.dtype, _CLOSE_ROUNDED)
        return found is None or all(
            one.shape == two.shape and float((one - two).abs().max()) <= limit * float(two.abs().max())
            for one, two in zip(found, expected, strict=True)
        )

    def _first_two(self, row: PromptRow, model: Any, pad: int) -> list[torch.Tensor] | None:
        """The logits of two tokens, from encoded pictures, then from the cache; None where a picture is unreadable."""
        _, inputs, faults = self.inputs([row], model, pad)
        if faults:
            return None  # it is refused for its own reason
        past = {"past_key_values": DynamicCache()} if exchanges_rows(model) else {}
        first = _logits(model, {**inputs, **past}, pad, 1)
        ids = first.sequences
        going_on = {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "past_key_values": first.past_key_values,
        }
        return [*first.logits, *_logits(model, going_on, pad, 1).logits]


def try_reader(template: ChatTemplate, model: Any) -> PromptReader | None:
    """The reader of a model's prompts; None where the model reads pictures in a way of its own."""
    try:
        return PromptReader(template, model)
    except NotSeparable:
        return None


def _logits(model: Any, inputs: dict[str, Any], pad: int, count: int) -> Any:
    return model.generate(
        **inputs,
        do_sample=False,
        num_beams=1,
        temperature=None,
        top_p=None,
        top_k=None,
        eos_token_id=None,
        pad_token_id=pad,
        max_new_tokens=count,
        output_logits=True,
        return_dict_in_generate=True,
    )
