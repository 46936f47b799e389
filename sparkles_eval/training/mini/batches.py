"""Makes batches of training examples: token rows, image features, and extra weight on the words that decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from PIL import Image

from sparkles_eval.sparkleschat.modeling import IGNORED, SparklesChatForConditionalGeneration
from sparkles_eval.sparkleschat.processing import EncodedRow, SparklesChatProcessor
from sparkles_eval.synthetic.drawing import draw
from sparkles_eval.synthetic.scene import Scene
from sparkles_eval.training.mini.curriculum import TrainingExample
from sparkles_eval.training.mini.tiny_model import normalise_pictures

_AT_ONCE = 500
"""Pictures drawn and encoded together."""
_WINDOW = 20
"""Batches that are sorted by length together, so that batches have little padding."""


def pictures_of(scenes: Sequence[Scene], size: int) -> torch.Tensor:
    """(n, size, size, 3) uint8: the scenes as the processor would resize them."""
    drawn = [draw(scene).convert("RGB").resize((size, size), Image.Resampling.BICUBIC) for scene in scenes]
    return torch.from_numpy(np.stack([np.asarray(picture) for picture in drawn]))


@torch.no_grad()
def features_of(model: SparklesChatForConditionalGeneration, scenes: Sequence[Scene], size: int) -> torch.Tensor:
    """(n, queries, width): Q-Former output of every scene."""
    empty = torch.zeros(0, model.config.num_query_tokens, model.config.qformer.hidden_size)
    found = [
        model.encode_images(normalise_pictures(pictures_of(scenes[start : start + _AT_ONCE], size)))
        for start in range(0, len(scenes), _AT_ONCE)
    ]
    return torch.cat([empty, *found])


@dataclass(frozen=True, slots=True)
class ExampleBatches:
    """The data of all batches: `rows` and `pictures` have one entry for each example."""

    processor: SparklesChatProcessor
    rows: tuple[EncodedRow, ...]
    pictures: tuple[tuple[int, ...], ...]
    features: torch.Tensor
    decisive: torch.Tensor
    verdict_weight: float

    def batches(self, size: int, seed: int) -> Iterator[list[int]]:
        """Yield the example numbers of endless random batches, in each of which lengths are similar."""
        rng = Random(f"batches/{seed}")  # noqa: S311 (no secret is made of it)
        everything = range(len(self.rows))
        while True:
            some = rng.sample(everything, min(len(everything), size * _WINDOW))
            some.sort(key=lambda number: len(self.rows[number].input_ids))
            groups = [some[start : start + size] for start in range(0, len(some), size)]
            rng.shuffle(groups)
            yield from groups

    def batch(self, numbers: Sequence[int]) -> dict[str, torch.Tensor]:
        """Tensors for `LossModule`: the weights of a batch sum to one, and deciding words weigh more."""
        used = sorted({picture for number in numbers for picture in self.pictures[number]})
        place = {picture: index for index, picture in enumerate(used)}
        indices = [[place[picture] for picture in self.pictures[number]] for number in numbers]
        batch = self.processor.collate([self.rows[number] for number in numbers], "right", indices)
        if used:
            batch["qformer_embeds"] = self.features[used]
        labels = batch["labels"]
        weights = torch.where(torch.isin(labels, self.decisive), self.verdict_weight, 1.0)
        weights = torch.where(labels == IGNORED, 0.0, weights)
        batch["weights"] = weights / weights.sum()
        return batch


def example_batches(
    processor: SparklesChatProcessor,
    examples: Sequence[TrainingExample],
    features: torch.Tensor,
    decisive: torch.Tensor,
    verdict_weight: float,
) -> ExampleBatches:
    """Tokenize examples; the numbers of their pictures index `features`."""
    rows = tuple(processor.encode_training(f"{example.prompt} ", example.answer) for example in examples)
    return ExampleBatches(
        processor, rows, tuple(example.pictures for example in examples), features, decisive, verdict_weight
    )
