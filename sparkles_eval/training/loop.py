"""Trains the projection of a SparklesChat: the loop, its checkpoints and its progress.

One process, or several under `torchrun` / `accelerate launch`. A step's samples, crops and rate follow from the recipe
and the step's number, so a run that was killed and resumed ends in the same weights. Knows nothing of tiny models.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import set_seed

from sparkles_eval.errors import UserError
from sparkles_eval.sparkleschat.checkpoints import published_projection
from sparkles_eval.sparkleschat.modeling import SparklesChatForConditionalGeneration
from sparkles_eval.sparkleschat.processing import SparklesChatProcessor
from sparkles_eval.training import state
from sparkles_eval.training.draws import Draw, draws, micro_batches
from sparkles_eval.training.features import Encoder, FeatureCache
from sparkles_eval.training.metrics import Metrics
from sparkles_eval.training.prepared import Prepared, Row
from sparkles_eval.training.recipes import ProjectionRecipe
from sparkles_eval.training.stepping import Stepper, alike, decay_groups

MODEL = "model"
"""Folder of the trained projection in our form, inside a run's and every checkpoint's folder."""
PUBLISHED = "checkpoint.pth"

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run reads and writes. `cache` keeps features from run to run."""

    model: Path
    out: Path
    cache: Path
    resume: bool = False
    positions: int = 8192
    """Padded positions (samples x longest) that go through the model together: what memory allows."""


@dataclass(frozen=True, slots=True)
class _Run:
    recipe: ProjectionRecipe
    place: Place
    prepared: Prepared
    processor: SparklesChatProcessor
    accelerator: Accelerator
    stepper: Stepper
    optimizer: torch.optim.Optimizer
    encoder: Encoder
    cache: FeatureCache
    say: Say

    @property
    def model(self) -> SparklesChatForConditionalGeneration:
        return self.stepper.model


def train(recipe: ProjectionRecipe, place: Place, prepared: Prepared, say: Say = lambda _: None) -> Path:
    """Train to the recipe's last step and return the folder of the trained projection (`out/model`).

    Raises UserError where a run is there already and `resume` is not asked, or where the precision is not to be had.
    """
    found = state.latest(place.out)
    if found is not None and not place.resume:
        raise UserError(f"{place.out}: holds a run ({found.name}); go on with --resume, or name another --out")
    run = _begin(recipe, place, prepared, say)
    first = 0
    if found is not None:
        position = state.load(found, _trained(run), recipe.fingerprint, prepared.fingerprint)
        first = position.step
        if run.accelerator.scaler is not None and position.scaler:
            run.accelerator.scaler.load_state_dict(position.scaler)
        say(f"resumed at step {first}")
    if not recipe.views.online:
        _fill_cache(run)
    main = run.accelerator.is_main_process
    metrics = Metrics(place.out, first) if main else None
    stepper, optimizer = run.accelerator.prepare(run.stepper, run.optimizer)
    try:
        for step, drawn in islice(enumerate(_steps(recipe, prepared)), first, recipe.steps):
            _step(run, stepper, optimizer, step, drawn, metrics)
            if (step + 1) % recipe.save_every == 0 or step + 1 == recipe.steps:
                run.accelerator.wait_for_everyone()
                if metrics is not None:
                    metrics.flush()
                    _save(run, step + 1)
    finally:
        if metrics is not None:
            metrics.close()
    if main:
        run.model.save_pretrained(place.out / MODEL, projection_only=True)
        run.processor.save_pretrained(place.out / MODEL)
    run.accelerator.wait_for_everyone()
    return place.out / MODEL


def _begin(recipe: ProjectionRecipe, place: Place, prepared: Prepared, say: Say) -> _Run:
    mixed = {"bf16": "bf16", "fp16": "fp16", "fp32": "no"}[recipe.precision]
    # one process may train twice, under another precision; the library remembers the first
    AcceleratorState._reset_state()  # noqa: SLF001
    accelerator = Accelerator(mixed_precision=mixed)
    if recipe.precision == "fp16" and accelerator.device.type == "cpu":
        raise UserError("precision fp16 needs a GPU (its gradients are scaled there); use --precision bf16 or fp32")
    if recipe.batch % accelerator.num_processes:
        raise UserError(
            f"a step has {recipe.batch} samples, which {accelerator.num_processes} processes cannot share evenly; "
            "start a number of processes that divides it"
        )
    set_seed(recipe.seed + accelerator.process_index)
    dtype = torch.bfloat16 if recipe.precision == "bf16" and accelerator.device.type == "cuda" else torch.float32
    if recipe.precision == "fp16":
        dtype = torch.float16
    model = SparklesChatForConditionalGeneration.from_pretrained(place.model, dtype=dtype)
    model.to(accelerator.device)
    model.train()
    processor = SparklesChatProcessor.from_pretrained(place.model)
    stepper = Stepper(model)
    optimizer = torch.optim.AdamW(
        decay_groups(model.named_parameters(), recipe.weight_decay), lr=0.0, betas=recipe.betas, eps=recipe.eps
    )
    encoder = Encoder(model, processor.settings.image_size, recipe.views, recipe.seed)
    cache = FeatureCache(place.cache, encoder)
    return _Run(recipe, place, prepared, processor, accelerator, stepper, optimizer, encoder, cache, say)


def _steps(recipe: ProjectionRecipe, prepared: Prepared) -> Iterator[list[Draw]]:
    weights = [subset.weight for subset in prepared.subsets]
    return draws(weights, [len(subset.rows) for subset in prepared.subsets], recipe.batch, recipe.seed)


def _fill_cache(run: _Run) -> None:
    """Every process fills its share, then all wait: what one made the others read."""
    pictures = run.prepared.pictures
    own = pictures[run.accelerator.process_index :: run.accelerator.num_processes]
    began = monotonic()
    for done in run.cache.fill(own):
        if monotonic() - began > 10:
            began = monotonic()
            run.say(f"features: {done} images encoded")
    run.accelerator.wait_for_everyone()
    views = run.recipe.views.crops
    seen = f"{views} random crops of each" if views else "each as in evaluation"
    run.say(f"features of {len(pictures)} images at hand, {seen}: {run.cache.folder}")


def _step(
    run: _Run,
    stepper: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
    drawn: list[Draw],
    metrics: Metrics | None,
) -> None:
    accelerator, recipe = run.accelerator, run.recipe
    rate = recipe.schedule.over(recipe.steps).rate(step)
    for settings in optimizer.param_groups:
        settings["lr"] = rate
    own = drawn[accelerator.process_index :: accelerator.num_processes]
    rows = [run.prepared.subsets[draw.subset].rows[draw.item] for draw in own]
    groups = micro_batches([len(row.encoded.input_ids) for row in rows], run.place.positions)
    total = torch.zeros((), device=accelerator.device)
    counts = [0, 0]
    for number, group in enumerate(groups):
        batch = _batch(run, [rows[index] for index in group], [own[index].view for index in group], len(own))
        last = number == len(groups) - 1
        with nullcontext() if last else accelerator.no_sync(stepper):
            loss = stepper(batch)
            accelerator.backward(loss)
        total += loss.detach()
        counts[0] += int(batch["attention_mask"].sum())
        counts[1] += int((batch["labels"] >= 0).sum())
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    # what one process saw stands for all in the counts; the loss is the mean over all of them
    mean = float(accelerator.reduce(total, "mean"))
    if metrics is not None:
        world = accelerator.num_processes
        measured = metrics.add(step, "projection", mean, rate, counts[0] * world, counts[1] * world)
        if (step + 1) % 20 == 0 or step + 1 == recipe.steps:
            left = (recipe.steps - step - 1) * measured.seconds
            run.say(
                f"step {step + 1}/{recipe.steps}  loss {mean:.4f}  rate {rate:.2e}  "
                f"{measured.tokens / measured.seconds:,.0f} tokens/s  {left / 60:.0f} min left"
            )


def _batch(run: _Run, rows: list[Row], views: list[int], samples: int) -> dict[str, torch.Tensor]:
    """Rows as tensors on the device. A crop is chosen by the draw, another for each image of a sample."""
    batch = run.processor.collate([row.encoded for row in rows], "right")
    batch["weights"] = alike(batch["labels"], samples)
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


def _trained(run: _Run) -> state.Trained:
    trained = {name: own for name, own in run.model.named_parameters() if own.requires_grad}
    return state.Trained(trained, run.optimizer)


def _save(run: _Run, step: int) -> None:
    scaler = run.accelerator.scaler
    scale = {} if scaler is None else {name: float(value) for name, value in scaler.state_dict().items()}
    position = state.Position(step=step, recipe=run.recipe.fingerprint, data=run.prepared.fingerprint, scaler=scale)

    def beside(folder: Path) -> None:
        """The projection in our form and, with the published keys, for the original code."""
        run.model.save_pretrained(folder / MODEL, projection_only=True)
        run.processor.save_pretrained(folder / MODEL)
        config = json.loads(run.recipe.model_dump_json())
        epoch = (step - 1) // run.recipe.save_every  # published: one checkpoint an epoch, counted from 0
        content = {"model": published_projection(run.model), "optimizer": run.optimizer.state_dict()}
        torch.save({**content, "config": config, "scaler": scale or None, "epoch": epoch}, folder / PUBLISHED)

    place = state.save(run.place.out, position, _trained(run), beside)
    run.say(f"saved {place}")
