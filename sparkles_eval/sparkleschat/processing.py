"""The processor: converts prompts and images to tensors, and token ids to answers, by the published protocol."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from pydantic import ValidationError
from transformers import AutoProcessor, BatchFeature, ProcessorMixin

from sparkles_eval.core import Conversation
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.sparkleschat import prompts
from sparkles_eval.sparkleschat.configuration import SparklesChatConfig
from sparkles_eval.sparkleschat.tokenizers import Tokens, load_tokens

MEAN = np.array([0.48145466, 0.4578275, 0.40821073], dtype=np.float32)
STD = np.array([0.26862954, 0.26130258, 0.27577711], dtype=np.float32)
"""CLIP's channel statistics (Radford et al. 2021), red, green, blue."""


def normalise_image(image: Image.Image) -> npt.NDArray[np.float32]:
    """An RGB image of the final size -> (3, height, width) fp32, normalised."""
    values = np.asarray(image, dtype=np.float32) / np.float32(255.0)
    return np.ascontiguousarray(((values - MEAN) / STD).transpose(2, 0, 1))


def pixel_values(images: Sequence[Image.Image], size: int = 224) -> npt.NDArray[np.float32]:
    """n images -> (n, 3, size, size). The aspect ratio is not kept and nothing is cropped, as published."""
    squares = [image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC) for image in images]
    if not squares:
        return np.zeros((0, 3, size, size), dtype=np.float32)
    return np.stack([normalise_image(square) for square in squares])


PROCESSOR_FILE = "processor_config.json"
IGNORED = -100


class ProcessorSettings(Strict):
    """`processor_config.json`. Lengths count positions: tokens and image vectors."""

    processor_class: Literal["SparklesChatProcessor"] = "SparklesChatProcessor"
    image_size: int = 224
    num_query_tokens: int = 32
    image_token_id: int = 32000
    image_pad_token_id: int = 32001
    bos_token_id: int = 1
    pad_token_id: int = 2
    system: str = prompts.SYSTEM
    max_length: int = 1024
    """Longest training sample; longer ones are cut on the right."""
    max_context: int = 2000
    """Longest prompt with its answer; a longer prompt is cut on the left."""


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """One row of a batch.

    `slots`: image * num_query_tokens + query at image positions (images counted within the row), -1 elsewhere.
    `labels` are None for prompts.
    """

    input_ids: tuple[int, ...]
    slots: tuple[int, ...]
    images: int
    labels: tuple[int, ...] | None = None

    @property
    def labelled(self) -> int:
        """Number of positions with a loss; 0 when the answer is cut off entirely, and the sample must be left out."""
        return sum(label != IGNORED for label in self.labels or ())

    def cut(self, *, first: int | None = None, last: int | None = None) -> EncodedRow:
        """The first or the last positions only. An image may be cut in two; its remaining vectors keep their slots."""
        part = slice(first) if first is not None else slice(max(0, len(self.input_ids) - (last or 0)), None)
        labels = None if self.labels is None else self.labels[part]
        return replace(self, input_ids=self.input_ids[part], slots=self.slots[part], labels=labels)


class SparklesChatProcessor(ProcessorMixin):
    """`settings` and a vocabulary (`tokenizer`). Loads and saves `processor_config.json` and the vocabulary's file."""

    def __init__(self, tokenizer: Tokens, settings: ProcessorSettings | None = None) -> None:
        self.tokenizer = tokenizer
        self.settings = settings or ProcessorSettings()
        self.chat_template = None

    @classmethod
    def for_model(cls, tokenizer: Tokens, config: SparklesChatConfig) -> SparklesChatProcessor:
        """A processor whose ids and sizes are those of a model's configuration."""
        bos, pad = config.text.bos_token_id, config.text.pad_token_id
        settings = ProcessorSettings(
            image_size=int(config.vision.image_size),  # type: ignore[arg-type]  # a square: one number
            num_query_tokens=config.num_query_tokens,
            image_token_id=config.image_token_id,
            image_pad_token_id=config.image_pad_token_id,
            bos_token_id=1 if bos is None else bos,
            pad_token_id=2 if pad is None else pad,
        )
        return cls(tokenizer, settings)

    @property
    def model_input_names(self) -> list[str]:
        return ["input_ids", "attention_mask", "slots", "pixel_values"]

    # --- text ----------------------------------------------------------------------------------------

    def prompt(self, conversation: Conversation) -> str:
        """The evaluation prompt of a conversation, with this model's system text unless it has its own."""
        return prompts.chat_prompt(conversation, self.settings.system)

    def encode(self, text: str) -> EncodedRow:
        """Tokenize a text: bos, then every segment by itself, with the images' ids between them."""
        count = self.settings.num_query_tokens
        ids, slots = [self.settings.bos_token_id], [-1]
        parts = prompts.segments(text)
        for number, segment in enumerate(parts):
            if number:
                ids += [self.settings.image_token_id] + [self.settings.image_pad_token_id] * (count - 1)
                slots += range((number - 1) * count, number * count)
            words = self.tokenizer.encode(segment) if segment else []
            ids += words
            slots += [-1] * len(words)
        return EncodedRow(tuple(ids), tuple(slots), images=len(parts) - 1)

    def encode_prompt(self, text: str, max_new_tokens: int = 1000) -> EncodedRow:
        """Tokenize a prompt for generation, cut on the left so that the answer still fits `max_context`.

        The cut may remove bos, the system text and part of an image, as in the published code.
        """
        room = self.settings.max_context - max_new_tokens
        if room < 1:
            raise UserError(
                f"max_new_tokens is {max_new_tokens} and the whole context {self.settings.max_context} positions: "
                "no room is left for the prompt; ask for fewer new tokens"
            )
        return self.encode(text).cut(last=room)

    def encode_training(self, instruction: str, answer: str) -> EncodedRow:
        """Tokenize a training sample: instruction + answer + "###", loss after the instruction, cut to `max_length`.

        The instruction ends in "Assistant: ". Its last space joins the answer's first token, so labels begin where the
        instruction without that space ends (published: its length with the space, less one).
        """
        whole = self.encode(instruction + answer + prompts.SEPARATOR)
        before = len(self.encode(instruction.removesuffix(" ")).input_ids)
        labels = (IGNORED,) * before + whole.input_ids[before:]
        return replace(whole, labels=labels).cut(first=self.settings.max_length)

    def decode(self, ids: Sequence[int] | torch.Tensor, **kwargs: Any) -> str:  # noqa: ARG002
        """New ids of one row -> the answer: up to the first "###", after the last "Assistant:", stripped."""
        return prompts.clean_answer(self.tokenizer.decode([int(number) for number in ids]))

    def batch_decode(self, rows: Sequence[Sequence[int]] | torch.Tensor, **kwargs: Any) -> list[str]:  # noqa: ARG002
        """`decode` of every row."""
        return [self.decode(row) for row in rows]

    # --- tensors -------------------------------------------------------------------------------------

    def collate(
        self,
        rows: Sequence[EncodedRow],
        side: Literal["left", "right"],
        image_indices: Sequence[Sequence[int]] | None = None,
    ) -> dict[str, torch.Tensor]:
        """Rows -> `input_ids`, `attention_mask`, `slots` and, where all rows have them, `labels`: (batch, longest).

        Pad on the left for generation, on the right for training. `image_indices` gives each row's images as indices
        into the images given to the model, so that a picture used twice is encoded once; by default all rows' images
        are numbered in order.
        """
        longest = max((len(row.input_ids) for row in rows), default=0)
        shape = (len(rows), longest)
        out = {
            "input_ids": torch.full(shape, self.settings.pad_token_id),
            "attention_mask": torch.zeros(shape, dtype=torch.long),
            "slots": torch.full(shape, -1),
        }
        if rows and all(row.labels is not None for row in rows):
            out["labels"] = torch.full(shape, IGNORED)
        seen = 0
        for number, row in enumerate(rows):
            indices = range(seen, seen + row.images) if image_indices is None else image_indices[number]
            if len(indices) != row.images:
                raise UserError(f"row {number}: the text has places for {row.images} images, {len(indices)} came")
            seen += row.images
            length = len(row.input_ids)
            part = slice(longest - length, None) if side == "left" else slice(length)
            out["input_ids"][number, part] = torch.tensor(row.input_ids)
            out["attention_mask"][number, part] = 1
            out["slots"][number, part] = torch.tensor(self._global(row.slots, indices))
            if "labels" in out:
                out["labels"][number, part] = torch.tensor(row.labels)
        return out

    def pixels(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """PIL images -> (n, 3, image_size, image_size)."""
        return torch.from_numpy(pixel_values(images, self.settings.image_size))

    def __call__(
        self,
        images: Sequence[Image.Image] | Sequence[Sequence[Image.Image]] | None = None,
        text: str | Sequence[str] = (),
        *,
        max_new_tokens: int = 1000,
        **kwargs: Any,  # noqa: ARG002 - what other processors take (return_tensors, padding) is settled here
    ) -> BatchFeature:
        """Prompts and their images, in reading order (flat or one list per prompt) -> a left-padded batch.

        Raises UserError where a prompt has another number of image places than images.
        """
        texts = [text] if isinstance(text, str) else list(text)
        flat: list[Image.Image] = []
        for entry in images or ():
            flat += [entry] if isinstance(entry, Image.Image) else list(entry)
        rows = [self.encode_prompt(one, max_new_tokens) for one in texts]
        if (places := sum(row.images for row in rows)) != len(flat):
            raise UserError(
                f"the text has {places} places for images ({prompts.PLACEHOLDER}) and {len(flat)} images came; "
                "give one image per place, in reading order"
            )
        batch: dict[str, torch.Tensor] = self.collate(rows, side="left")
        if flat:
            batch["pixel_values"] = self.pixels(flat)
        return BatchFeature(batch)

    def to_dict(self) -> dict[str, Any]:
        """The settings, as they are saved."""
        return self.settings.model_dump()

    # --- files ---------------------------------------------------------------------------------------

    def save_pretrained(self, save_directory: str | Path, push_to_hub: bool = False, **kwargs: Any) -> list[str]:  # noqa: ARG002
        """Write `processor_config.json` and the vocabulary into a folder."""
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / PROCESSOR_FILE
        file.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")
        self.tokenizer.save(folder)
        return [str(file)]

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        pretrained_model_name_or_path: str | Path,
        **kwargs: Any,  # noqa: ARG003
    ) -> SparklesChatProcessor:
        """Read what `save_pretrained` wrote. Raises UserError where a file is missing or invalid."""
        file = Path(pretrained_model_name_or_path) / PROCESSOR_FILE
        if not file.is_file():
            raise UserError(f"{file} is missing; give the folder of a converted or trained model")
        try:
            settings = ProcessorSettings.model_validate_json(file.read_bytes())
        except ValidationError as wrong:
            raise UserError(f"{file}: {wrong.errors()[0]['msg']} at {wrong.errors()[0]['loc']}") from wrong
        return cls(load_tokens(file.parent), settings)

    def _global(self, slots: Sequence[int], indices: Sequence[int]) -> list[int]:
        count = self.settings.num_query_tokens
        return [slot if slot < 0 else indices[slot // count] * count + slot % count for slot in slots]


AutoProcessor.register(SparklesChatConfig, SparklesChatProcessor, exist_ok=True)  # type: ignore[no-untyped-call]
