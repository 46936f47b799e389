"""Trains the projection in one process: set-up, one step, and low-rank adapters (peft) where the recipe adds them."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import InitProcessGroupKwargs, set_seed
from safetensors.torch import save_file
from torch import nn

from sparkles_eval.core.errors import MissingExtra, UserError
from sparkles_eval.sparkleschat import lora
from sparkles_eval.sparkleschat.modeling import SparklesChatForConditionalGeneration
from sparkles_eval.sparkleschat.processing import SparklesChatProcessor
from sparkles_eval.training.dataset import SampleDraw, TokenDataset, TokenRow, draw_batches, micro_batches
from sparkles_eval.training.feature_cache import Encoder, FeatureCache
from sparkles_eval.training.loss import LossModule, decay_groups, token_weights
from sparkles_eval.training.recipes import LoraSpec, ProjectionRecipe


class LoraTraining:
    """Adapters inside a model's language model. Their parameters are trained; its own stay frozen.

    Fresh adapters change nothing: B is zero. Raises MissingExtra where peft is not installed.
    """

    def __init__(self, model: SparklesChatForConditionalGeneration, spec: LoraSpec) -> None:
        try:
            from peft import LoraConfig, get_peft_model
        except ModuleNotFoundError as missing:
            raise MissingExtra("LoRA (module peft)", "train") from missing
        language: Any = model.language_model
        config = LoraConfig(
            r=spec.rank,
            lora_alpha=spec.alpha,  # type: ignore[arg-type]  # declared whole, used as a factor
            lora_dropout=spec.dropout,
            target_modules=list(spec.targets),
            bias="none",
            task_type="CAUSAL_LM",
        )
        # The wrapper changes the language model in place and is kept only for saving, so that names stay the same
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # between peft and transformers; users cannot fix it
            self._wrapped: Any = get_peft_model(language, config)
        self.dropouts = [one for name, one in language.named_modules() if name.endswith("lora_dropout")]
        self.train()

    def train(self) -> None:
        """Switch the adapters' dropout on; the rest of the model, except its projection, stays in evaluation mode."""
        for dropout in self.dropouts:
            dropout.train()

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """The trained parameters by name."""
        return {name: own for name, own in self._wrapped.named_parameters() if own.requires_grad}

    def save(self, folder: Path) -> None:
        """Write the adapters into `folder/lora`."""
        from peft import get_peft_model_state_dict

        place = folder / lora.FOLDER
        place.mkdir(parents=True, exist_ok=True)
        tensors = get_peft_model_state_dict(self._wrapped)
        save_file(
            {name: own.detach().cpu().contiguous() for name, own in tensors.items()},
            place / lora.WEIGHTS,
            metadata={"format": "pt"},
        )
        config = self._wrapped.peft_config["default"].to_dict()
        plain = {name: sorted(value) if isinstance(value, set) else value for name, value in config.items()}
        plain |= {"inference_mode": True, "base_model_name_or_path": ""}
        text = json.dumps(plain, indent=2, sort_keys=True, default=str)
        (place / lora.CONFIG).write_text(text + "\n", encoding="utf-8")


_START_TIMEOUT = timedelta(hours=24)
"""How long processes wait for the one that evaluates a checkpoint; the usual ten minutes would end the training."""
_PASS_POSITIONS = {False: 64, True: 256}
"""Fixed cost of a pass, in positions. On a GPU, reading a 7B model's weights forward and back takes as long as
computing about 150 positions (13.5 GB twice at 3.3 TB/s; 27 GFLOP per position at half of an H100's peak)."""


@dataclass(frozen=True, slots=True)
class ProjectionRun:
    """Everything that a step needs. `prepared` holds the wrapped versions of `stepper` and `optimizer`."""

    recipe: ProjectionRecipe
    prepared: TokenDataset
    processor: SparklesChatProcessor
    accelerator: Accelerator
    loss_module: LossModule
    optimizer: torch.optim.Optimizer
    wrapped: tuple[torch.nn.Module, torch.optim.Optimizer]
    lora: LoraTraining | None
    encoder: Encoder
    cache: FeatureCache
    positions: int

    @property
    def model(self) -> SparklesChatForConditionalGeneration:
        return self.loss_module.model

    @property
    def steps(self) -> Iterator[list[SampleDraw]]:
        """The samples of step 0, 1, 2, ... over all processes."""
        subsets = self.prepared.subsets
        sizes = [len(subset.rows) for subset in subsets]
        return draw_batches([subset.weight for subset in subsets], sizes, self.recipe.batch, self.recipe.seed)


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step's results over all processes: mean loss, rate, positions read, positions with a loss."""

    loss: float
    rate: float
    tokens: int
    labels: int


def start_process(recipe: ProjectionRecipe) -> Accelerator:
    """Set up this process's device, precision and seed. Raises UserError where they are not available."""
    mixed = {"bf16": "bf16", "fp16": "fp16", "fp32": "no"}[recipe.precision]
    # one process may train twice with different precisions; the library remembers the first
    AcceleratorState._reset_state()  # noqa: SLF001
    alone = not torch.accelerator.is_available()  # else the library leaves CPU processes unconnected
    patience = InitProcessGroupKwargs(timeout=_START_TIMEOUT)
    accelerator = Accelerator(mixed_precision=mixed, cpu=alone, kwargs_handlers=[patience])
    if recipe.precision == "fp16" and accelerator.device.type == "cpu":
        raise UserError("precision fp16 needs a GPU (its gradients are scaled there); use --precision bf16 or fp32")
    if recipe.batch % accelerator.num_processes:
        raise UserError(
            f"a step has {recipe.batch} samples, which {accelerator.num_processes} processes cannot share evenly; "
            "start a number of processes that divides it"
        )
    set_seed(recipe.seed + accelerator.process_index)
    return accelerator


def dtype_of(recipe: ProjectionRecipe, accelerator: Accelerator) -> torch.dtype:
    """The dtype of the frozen weights: 16 bits on a GPU, where that is the precision."""
    if recipe.precision == "fp16":
        return torch.float16
    return torch.bfloat16 if recipe.precision == "bf16" and accelerator.device.type == "cuda" else torch.float32


def begin_run(
    recipe: ProjectionRecipe,
    accelerator: Accelerator,
    model: SparklesChatForConditionalGeneration,
    processor: SparklesChatProcessor,
    prepared: TokenDataset,
    *,
    cache: Path,
    positions: int,
) -> ProjectionRun:
    """A run at its first step. `cache` keeps features; `positions` (samples x longest) is the size of a pass."""
    model.to(accelerator.device)
    model.train()
    lora = LoraTraining(model, recipe.lora) if recipe.lora is not None else None
    stepper = LossModule(model)
    groups = decay_groups(model.named_parameters(), recipe.weight_decay, recipe.lora.rate if recipe.lora else 1.0)
    optimizer = torch.optim.AdamW(groups, lr=0.0, betas=recipe.betas, eps=recipe.eps)
    wrapped: Any = accelerator.prepare(stepper, optimizer)
    encoder = Encoder(model, processor.settings.image_size, recipe.views, recipe.seed)
    store = FeatureCache(cache, encoder)
    return ProjectionRun(
        recipe, prepared, processor, accelerator, stepper, optimizer, tuple(wrapped), lora, encoder, store, positions
    )


def fill_cache(run: ProjectionRun, say: Callable[[str], object]) -> None:
    """Encode the images: every process encodes its share, and all wait for each other.

    Machines that do not see each other's cache then encode the rest for themselves, shared by the processes of each.
    """
    pictures, accelerator = run.prepared.pictures, run.accelerator
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    began = monotonic()
    for first, every in (
        (accelerator.process_index, accelerator.num_processes),
        (accelerator.local_process_index % here, here),
    ):
        for done in run.cache.fill(pictures[first::every]):
            if monotonic() - began > 10:
                began = monotonic()
                say(f"features: {done} images encoded")
        accelerator.wait_for_everyone()
    views = run.recipe.views.crops
    seen = f"{views} random crops of each" if views else "each as in evaluation"
    say(f"features of {len(pictures)} images at hand, {seen}: {run.cache.folder}")


def advance_run(run: ProjectionRun, step: int, drawn: Sequence[SampleDraw]) -> StepResult:
    """Do one step with this process's share of the drawn samples; every process takes part."""
    accelerator, recipe = run.accelerator, run.recipe
    stepper, optimizer = run.wrapped
    rate = recipe.schedule.over(recipe.steps).rate(step)
    for settings in optimizer.param_groups:
        settings["lr"] = rate * settings["times"]
    everything = [run.prepared.subsets[draw.subset].rows[draw.item] for draw in drawn]
    share = slice(accelerator.process_index, None, accelerator.num_processes)
    rows, views = everything[share], [draw.view for draw in drawn[share]]
    if run.lora is not None:
        # dropout depends only on the step, so that a resumed run draws the same
        dropout = Random(f"dropout/{recipe.seed}/{step}/{accelerator.process_index}")  # noqa: S311
        torch.manual_seed(dropout.getrandbits(63))
    groups = micro_batches(
        [len(row.encoded.input_ids) for row in rows], run.positions, _PASS_POSITIONS[accelerator.device.type == "cuda"]
    )
    total = torch.zeros((), device=accelerator.device)
    for number, group in enumerate(groups):
        batch = _batch(run, [rows[index] for index in group], [views[index] for index in group], len(rows))
        last = number == len(groups) - 1
        with nullcontext() if last else accelerator.no_sync(stepper):
            loss = stepper(batch)
            accelerator.backward(loss)
        total += loss.detach()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    tokens = sum(len(row.encoded.input_ids) for row in everything)
    labels = sum(row.encoded.labelled for row in everything)
    return StepResult(float(accelerator.reduce(total, "mean")), rate, tokens, labels)


def _batch(run: ProjectionRun, rows: list[TokenRow], views: list[int], samples: int) -> dict[str, torch.Tensor]:
    """Rows as tensors on the device. The draw chooses a crop for each image of a sample."""
    batch = run.processor.collate([row.encoded for row in rows], "right")
    batch["weights"] = token_weights(batch["labels"], samples)
    shown = [
        (picture, view + place)
        for row, view in zip(rows, views, strict=True)
        for place, picture in enumerate(row.pictures)
    ]
    if shown and run.recipe.views.online:
        batch["qformer_embeds"] = run.encoder.encode([run.encoder.pixels(picture, view) for picture, view in shown])
    elif shown:
        batch["qformer_embeds"] = torch.stack([run.cache.read(picture, view) for picture, view in shown])
    return {name: tensor.to(run.accelerator.device) for name, tensor in batch.items()}
