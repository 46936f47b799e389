"""Trains the projection of a SparklesChat model, from the first step or from a checkpoint, and saves checkpoints.

Runs in one process, or in several under `torchrun` / `accelerate launch`. A step depends only on the recipe and its
number, so a run that is killed and resumed ends with the same weights.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import torch
from accelerate.utils import gather_object

from sparkles_eval.core.errors import UserError
from sparkles_eval.sparkleschat.conversion import published_projection
from sparkles_eval.sparkleschat.modeling import SparklesChatForConditionalGeneration
from sparkles_eval.sparkleschat.processing import SparklesChatProcessor
from sparkles_eval.training import projection_step, resume_state
from sparkles_eval.training.dataset import TokenDataset
from sparkles_eval.training.recipes import ProjectionRecipe
from sparkles_eval.training.training_log import MODEL, LogTargets, Say, TrainingLog

PUBLISHED = "checkpoint.pth"


@dataclass(frozen=True, slots=True)
class TrainingPaths:
    """Where a run reads and writes. `cache` keeps features from run to run."""

    model: Path
    out: Path
    cache: Path
    keeping: LogTargets
    resume: bool = False
    positions: int = 8192
    """Padded positions (samples x longest) of one forward pass, as memory allows."""


def train(recipe: ProjectionRecipe, place: TrainingPaths, prepared: TokenDataset, say: Say = lambda _: None) -> Path:
    """Train to the recipe's last step and return the folder of the trained projection (`out/model`).

    Raises UserError where a run is there already and `resume` is not asked, or where the precision is not to be had.
    """
    found = resume_state.latest(place.out)
    if found is not None and not place.resume:
        raise UserError(f"{place.out}: holds a run ({found.name}); go on with --resume, or name another --out")
    accelerator = projection_step.start_process(recipe)
    model = SparklesChatForConditionalGeneration.from_pretrained(
        place.model, dtype=projection_step.dtype_of(recipe, accelerator)
    )
    processor = SparklesChatProcessor.from_pretrained(place.model)
    run = projection_step.begin_run(
        recipe, accelerator, model, processor, prepared, cache=place.cache, positions=place.positions
    )
    first = _resume(run, found) if found is not None else 0
    _agree(place.out, first)
    if found is not None:
        say(f"resumed at step {first}")
    if not recipe.views.online:
        projection_step.fill_cache(run, say)
    log = _training_log(run, place, say) if accelerator.is_main_process else None
    done = False
    try:
        if log is not None:
            log.begin(prepared.fingerprint, first)
            if found is not None:
                log.saved(first, found)
        accelerator.wait_for_everyone()
        _work(run, place.out, first, log, say)
        done = True
    finally:
        if log is not None:
            log.close(done=done)
    if accelerator.is_main_process:
        _save_model(run, place.out / MODEL)
    accelerator.wait_for_everyone()
    return place.out / MODEL


def _training_log(run: projection_step.ProjectionRun, place: TrainingPaths, say: Say) -> TrainingLog:
    """The training log, written by the main process, which evaluates checkpoints on its own device."""
    keeping = place.keeping
    if keeping.evaluator is not None:
        device = run.accelerator.device
        name = device.type if device.type == "cpu" else f"{device.type}:{device.index or 0}"
        keeping = replace(keeping, evaluator=replace(keeping.evaluator, device=name))
    return TrainingLog(keeping, place.out, run.recipe, run.recipe.steps, say)


def _work(run: projection_step.ProjectionRun, out: Path, first: int, log: TrainingLog | None, say: Say) -> None:
    """Train from step `first` to the last."""
    recipe = run.recipe
    for step, drawn in islice(enumerate(run.steps), first, recipe.steps):
        done = projection_step.advance_run(run, step, drawn)
        after = step + 1
        if log is not None:
            measured = log.add(step, "projection", done.loss, done.rate, done.tokens, done.labels)
            if after % 20 == 0 or after == recipe.steps:
                left = (recipe.steps - after) * measured.seconds
                say(
                    f"step {after}/{recipe.steps}  loss {done.loss:.4f}  rate {done.rate:.2e}  "
                    f"{measured.tokens / measured.seconds:,.0f} tokens/s  {left / 60:.0f} min left"
                )
        due = recipe.evaluate is not None and recipe.evaluate.due(after, recipe.steps)
        if after % recipe.save_every == 0 or after == recipe.steps or due:
            run.accelerator.wait_for_everyone()
            if log is not None:
                log.metrics.flush()
                place = _save(run, out, after)
                say(f"saved {place}")
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()  # the evaluation plans with the memory that is free
                log.saved(after, place)
            run.accelerator.wait_for_everyone()


def _resume(run: projection_step.ProjectionRun, found: Path) -> int:
    position = resume_state.load(found, _trained(run), run.recipe.fingerprint, run.prepared.fingerprint)
    if run.accelerator.scaler is not None and position.scaler:
        run.accelerator.scaler.load_state_dict(position.scaler)
    return position.step


def _agree(out: Path, first: int) -> None:
    """Check that all processes resume at the same step, else they would wait for ever. Raises UserError in all."""
    everywhere: list[int] = gather_object([first])
    if len(set(everywhere)) > 1:
        raise UserError(
            f"{out}: its newest checkpoint is of step {max(everywhere)}, which not every machine sees; "
            "put --out on a disk that all of them share"
        )


def _trained(run: projection_step.ProjectionRun) -> resume_state.TrainedState:
    trained = {name: own for name, own in run.model.named_parameters() if own.requires_grad}
    return resume_state.TrainedState(trained, run.optimizer)


def _save_model(run: projection_step.ProjectionRun, folder: Path) -> None:
    """Save the projection in our form, with the LoRA adapters where there are any."""
    run.model.save_pretrained(folder, projection_only=True)
    run.processor.save_pretrained(folder)
    if run.lora is not None:
        run.lora.save(folder)


def _save(run: projection_step.ProjectionRun, out: Path, step: int) -> Path:
    scaler = run.accelerator.scaler
    scale: dict[str, int | float] = {} if scaler is None else dict(scaler.state_dict())
    position = resume_state.RunPosition(
        step=step, recipe=run.recipe.fingerprint, data=run.prepared.fingerprint, scaler=scale
    )

    def beside(folder: Path) -> None:
        """Write the projection in our form and with the published keys for the original code (without adapters)."""
        _save_model(run, folder / MODEL)
        if run.lora is not None:
            return
        config = json.loads(run.recipe.model_dump_json())
        epoch = (step - 1) // run.recipe.save_every  # published: one checkpoint per epoch, counted from 0
        content = {"model": published_projection(run.model), "optimizer": run.optimizer.state_dict()}
        torch.save({**content, "config": config, "scaler": scale or None, "epoch": epoch}, folder / PUBLISHED)

    return resume_state.save(out, position, _trained(run), beside)
