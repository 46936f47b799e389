"""What the training benchmark trains: random models, samples and a recipe, as a run of training. Measures nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import workload
from benchmarks.local_inference import config_of

if TYPE_CHECKING:
    from accelerate import Accelerator

    from sparkles_eval.sparkleschat import SparklesChatConfig
    from sparkles_eval.training.dataset import TokenDataset
    from sparkles_eval.training.projection_step import ProjectionRun
    from sparkles_eval.training.recipes import ProjectionRecipe

CROPS = 4
BATCH = 8
WARM = 2
"""Steps before the clock: kernels, allocators, files."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is trained on: so many steps of eight samples, texts of about so many tokens, so many images in all."""

    name: str
    steps: int
    text: int
    images: int


SHAPES = {
    "tiny": Shape("tiny", steps=24, text=120, images=96),
    "tiny-quick": Shape("tiny", steps=4, text=120, images=24),
    "7b": Shape("7b", steps=20, text=420, images=256),
    "7b-quick": Shape("7b", steps=4, text=420, images=48),
}


def samples_of(shape: Shape, config: SparklesChatConfig, folder: Path) -> TokenDataset:
    """Samples of one to four images each, lengths spread as real ones do, about half of each with a loss."""
    from sparkles_eval.core import Image
    from sparkles_eval.sparkleschat.processing import EncodedRow
    from sparkles_eval.tasks.images import ImageFolder
    from sparkles_eval.training.dataset import TokenDataset, TokenRow, TokenSubset

    workload.make(folder, shape.images // 2)
    images = ImageFolder(folder / "images", folder)
    found = [images.read(f"{number:05d}.jpg", image_id=str(number)) for number in range(shape.images)]
    pictures = [image for image in found if isinstance(image, Image)]
    draw = np.random.default_rng(0)
    vectors, rows = config.num_query_tokens, []
    for _ in range(shape.steps * BATCH):
        shown = [pictures[number] for number in draw.choice(shape.images, size=int(draw.integers(1, 5)), replace=False)]
        words = int(np.clip(draw.normal(shape.text, shape.text / 3), 24, 2 * shape.text))
        ids: list[int] = []
        slots: list[int] = []
        for number in range(len(shown)):
            ids += [*map(int, draw.integers(3, 200, size=4)), config.image_token_id]
            ids += [config.image_pad_token_id] * (vectors - 1)
            slots += [-1] * 4 + list(range(number * vectors, (number + 1) * vectors))
        text = [int(word) for word in draw.integers(3, 200, size=words - 4 * len(shown))]
        answer = len(text) * 3 // 5
        labels = [-100] * (len(ids) + len(text) - answer) + text[len(text) - answer :]
        encoded = EncodedRow(tuple(ids + text), tuple(slots + [-1] * len(text)), len(shown), tuple(labels))
        rows.append(TokenRow(encoded, tuple(shown)))
    return TokenDataset((TokenSubset("random", 1.0, tuple(rows)),), 0, shape.name)


def recipe_of(shape: Shape, precision: str, *, online: bool) -> ProjectionRecipe:
    """The published rates and weights, over one subset."""
    from sparkles_eval.training.recipes import ProjectionRecipe

    return ProjectionRecipe.model_validate(
        {
            "kind": "projection",
            "title": "benchmark",
            "subsets": ({"name": "random", "weight": 1, "annotations": "none.json", "images": "images"},),
            "steps": shape.steps + WARM,
            "batch": BATCH,
            "schedule": {"start": 1e-6, "peak": 3e-5, "end": 1e-5, "warmup": 10},
            "precision": precision,
            "views": {"crops": CROPS, "online": online},
        }
    )


class Bench:
    """One random model on a device with its samples, as a run of training."""

    def __init__(self, shape: Shape, folder: Path, *, online: bool, scaled: bool) -> None:
        """online: crops are cut anew and not cached; scaled: on a GPU fp16 with a gradient scaler, not bf16."""
        import torch

        from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration
        from sparkles_eval.training import projection_step

        if shape.name == "tiny":
            torch.set_num_threads(1)
        config = config_of(shape.name)
        precision = "fp32" if shape.name == "tiny" else "fp16" if scaled else "bf16"
        recipe = recipe_of(shape, precision, online=online)
        self.accelerator: Accelerator = projection_step.start_process(recipe)
        make: Any = SparklesChatForConditionalGeneration
        torch.manual_seed(0)
        with self.accelerator.device:
            model = make._from_config(config, dtype=projection_step.dtype_of(recipe, self.accelerator))  # noqa: SLF001
        for part in (model.qformer, model.language_projection):
            part.float()  # as loading does
        model.query_tokens.data = model.query_tokens.data.float()
        prepared = samples_of(shape, config, folder / "data")
        processor = _processor(config, folder)
        self.run: ProjectionRun = projection_step.begin_run(
            recipe, self.accelerator, model, processor, prepared, cache=folder / "features", positions=8192
        )

    @property
    def clock(self) -> Callable[[], float]:
        """One thread on a CPU: its own time, because the machine does other work too."""
        return perf_counter if self.accelerator.device.type == "cuda" else process_time


def _processor(config: SparklesChatConfig, folder: Path) -> Any:
    """Only its batches are needed; its vocabulary is a few words."""
    from sparkles_eval.sparkleschat.processing import SparklesChatProcessor
    from sparkles_eval.sparkleschat.tokenizers import JsonTokens
    from sparkles_eval.training.mini.tiny_model import build_vocabulary

    build_vocabulary(["a few words"], []).save(str(folder / "words.json"))
    return SparklesChatProcessor.for_model(JsonTokens(folder / "words.json"), config)
