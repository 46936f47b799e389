"""Trains a tiny model: a vision stage, then a language stage. A training can resume at any step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from time import monotonic

import torch
from torch import nn

from sparkles_eval.core import JSON
from sparkles_eval.core.errors import UserError
from sparkles_eval.sparkleschat.modeling import SparklesChatForConditionalGeneration
from sparkles_eval.sparkleschat.processing import SparklesChatProcessor
from sparkles_eval.sparkleschat.tokenizers import JsonTokens
from sparkles_eval.synthetic.scene import any_scene, dice
from sparkles_eval.training import resume_state
from sparkles_eval.training.loss import LossModule
from sparkles_eval.training.mini import curriculum
from sparkles_eval.training.mini.batches import ExampleBatches, example_batches, features_of, pictures_of
from sparkles_eval.training.mini.tiny_model import (
    CellHeads,
    build_model,
    build_tokens,
    cell_accuracy,
    cell_classes,
    cell_loss,
    decisive,
    normalise_pictures,
)
from sparkles_eval.training.recipes import LanguageStage, MiniRecipe, VisionStage
from sparkles_eval.training.training_log import MODEL, LogTargets, Say, TrainingLog

RECORD = "training.json"
DRAWN = "drawn"
"""Replaces the fingerprint of the data, which follow from the recipe."""
_VISION = ("vision_model.", "qformer.", "query_tokens")
_HELD_OUT = 500
_BETAS, _DECAY, _CLIP = (0.9, 0.98), 0.01, 1.0


@dataclass(slots=True)
class _MiniRun:
    """A model in training, with its recipe, folder and log."""

    recipe: MiniRecipe
    model: SparklesChatForConditionalGeneration
    processor: SparklesChatProcessor
    heads: CellHeads
    out: Path
    log: TrainingLog
    say: Say

    def parameters(self, *, vision: bool) -> list[nn.Parameter]:
        """The parameters that a stage trains: tower, Q-Former and heads, or projection and language model."""
        own = [value for name, value in self.model.named_parameters() if name.startswith(_VISION) == vision]
        return [*own, *self.heads.parameters()] if vision else own

    def everything(self) -> dict[str, nn.Parameter]:
        """All parameters that a checkpoint keeps."""
        heads = {f"heads.{name}": value for name, value in self.heads.named_parameters()}
        return dict(self.model.named_parameters()) | heads


def train_mini(
    recipe: MiniRecipe, out: Path, start: Path | None, keeping: LogTargets, *, resume: bool, say: Say = lambda _: None
) -> Path:
    """Train to the last step and return the folder of the model (`out/model`), with training.json beside it.

    start: folder of the model that the recipe continues (`recipe.starts_from`); None for a fresh model.
    Raises UserError where a run exists already and `resume` is False, or where start and recipe do not agree.
    """
    if recipe.starts_from and start is None:
        raise UserError(f"this recipe goes on from {recipe.starts_from}; name the folder of that model with --model")
    if start is not None and not recipe.starts_from:
        raise UserError("this recipe begins with nothing; leave --model out")
    found = resume_state.latest(out)
    if found is not None and not resume:
        raise UserError(f"{out}: holds a run ({found.name}); go on with --resume, or name another --out")
    began = monotonic()
    first = int(found.name) if found is not None else 0
    torch.manual_seed(recipe.seed)
    model, processor = _load(start) if start is not None else _fresh(recipe)
    model.set_trainable("all")
    sight = 0 if start is not None else recipe.vision.steps
    log = TrainingLog(keeping, out, recipe, sight + recipe.language.steps, say)
    run = _MiniRun(recipe, model, processor, CellHeads(model.config.qformer.hidden_size), out, log, say)
    done = False
    try:
        log.begin(DRAWN, first)
        seen = _train_vision(run, first, found) if first < sight else {}
        learned = _train_language(run, max(first, sight), sight, found if first >= sight else None)
        done = True
    finally:
        log.close(done=done)
    model.save_pretrained(out / MODEL)
    processor.save_pretrained(out / MODEL)
    record: dict[str, JSON] = {
        "title": recipe.title,
        "recipe": json.loads(recipe.model_dump_json()),
        "recipe_fingerprint": recipe.fingerprint,
        "parameters": sum(value.numel() for value in model.parameters()),
        "seconds": round(monotonic() - began, 1),
        "resumed_at_step": first,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        **seen,
        **learned,
    }
    (out / MODEL / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return out / MODEL


def _fresh(recipe: MiniRecipe) -> tuple[SparklesChatForConditionalGeneration, SparklesChatProcessor]:
    tokens, words = build_tokens()
    return build_model(recipe.sizes, tokens, words)


def _load(start: Path) -> tuple[SparklesChatForConditionalGeneration, SparklesChatProcessor]:
    if not (start / "config.json").is_file():
        raise UserError(f"{start}: no config.json; give the folder of a tiny model (OUT/model of its training)")
    processor = SparklesChatProcessor.from_pretrained(start)
    if not isinstance(processor.tokenizer, JsonTokens):
        raise UserError(f"{start}: not a tiny model (its vocabulary is another kind); train the first recipe anew")
    # shipped models have 16 bits, in which small updates vanish
    return SparklesChatForConditionalGeneration.from_pretrained(start, dtype=torch.float32), processor


def _train_vision(run: _MiniRun, first: int, found: Path | None) -> dict[str, JSON]:
    """Train the vision stage. Returns its results on held-out pictures."""
    stage, size = run.recipe.vision, run.processor.settings.image_size
    scenes = [any_scene(dice("vision", -1, number)) for number in range(stage.pictures + _HELD_OUT)]
    run.say(f"vision: drawing {len(scenes)} scenes")
    pictures, answers = pictures_of(scenes, size), cell_classes(scenes)
    parameters = run.parameters(vision=True)
    optimizer = torch.optim.AdamW(parameters, lr=stage.rate, betas=_BETAS, weight_decay=_DECAY)
    if found is not None:
        resume_state.load(found, resume_state.TrainedState(run.everything(), optimizer), run.recipe.fingerprint, DRAWN)
    run.model.train()
    for step, numbers in islice(enumerate(_picks(stage, run.recipe.seed)), first, stage.steps):
        rate = _set_rate(optimizer, stage.rate, step, stage.steps, 50)
        logits = run.heads(run.model.encode_images(normalise_pictures(pictures[numbers])))
        loss = cell_loss(logits, answers[numbers])
        _update(optimizer, parameters, loss)
        _note(run, step, stage.steps, "vision", loss, rate, (len(numbers), len(numbers)))
        if (step + 1) % run.recipe.save_every == 0 and step + 1 < stage.steps:
            _save(run, step + 1, optimizer, evaluate=False)
    run.model.eval()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        held = run.heads(run.model.encode_images(normalise_pictures(pictures[stage.pictures :])))
    values, whole = cell_accuracy(held, answers[stage.pictures :])
    run.say(f"vision: of {_HELD_OUT} new scenes {values:.2%} of the attributes and {whole:.1%} of the scenes right")
    return {"vision_attributes_right": round(values, 4), "vision_scenes_right": round(whole, 4)}


def _picks(stage: VisionStage, seed: int) -> Iterator[list[int]]:
    rng = Random(f"vision/{seed}")  # noqa: S311 (no secret is made of it)
    while True:
        yield rng.choices(range(stage.pictures), k=stage.batch)


def _train_language(run: _MiniRun, first: int, before: int, found: Path | None) -> dict[str, JSON]:
    """Train the language stage. Its steps are counted from `before`, the last of the vision stage."""
    recipe, stage = run.recipe, run.recipe.language
    parameters = run.parameters(vision=False)
    optimizer = torch.optim.AdamW(parameters, lr=stage.rate, betas=_BETAS, weight_decay=_DECAY)
    if found is not None:  # before the examples' pictures are encoded, which needs the saved tower
        resume_state.load(found, resume_state.TrainedState(run.everything(), optimizer), recipe.fingerprint, DRAWN)
        run.say(f"resumed at step {first}")
        run.log.saved(first, found, evaluate=first > before)
    elif before:
        _save(run, before, optimizer, evaluate=False)
    learning = _language_batches(run, stage)
    stepper = LossModule(run.model)
    run.model.train()
    for step, numbers in islice(enumerate(learning.batches(stage.batch, recipe.seed)), first - before, stage.steps):
        rate = _set_rate(optimizer, stage.rate, step, stage.steps, stage.warmup)
        batch = learning.batch(numbers)
        loss = stepper(batch)
        _update(optimizer, parameters, loss)
        counts = int(batch["attention_mask"].sum()), int((batch["labels"] >= 0).sum())
        _note(run, before + step, before + stage.steps, "language", loss, rate, counts)
        after = before + step + 1
        due = recipe.evaluate is not None and recipe.evaluate.due(after, before + stage.steps)
        if after % recipe.save_every == 0 or step + 1 == stage.steps or due:
            _save(run, after, optimizer, evaluate=True)
    run.model.eval()  # type: ignore[no-untyped-call]
    last = run.log.metrics.all()[-1].loss
    return {"steps": before + stage.steps, "lessons": len(learning.rows), "last_loss": round(last, 5)}


def _language_batches(run: _MiniRun, stage: LanguageStage) -> ExampleBatches:
    album = curriculum.SceneAlbum()
    made = curriculum.make(album, stage.lessons, run.recipe.seed)
    run.say(f"language: {len(made)} examples over {len(album.scenes)} scenes; drawing and encoding them")
    run.model.eval()  # type: ignore[no-untyped-call]
    features = features_of(run.model, album.scenes, run.processor.settings.image_size)
    assert isinstance(run.processor.tokenizer, JsonTokens)
    return example_batches(run.processor, made, features, decisive(run.processor.tokenizer), stage.verdict_weight)


def _set_rate(optimizer: torch.optim.Optimizer, peak: float, step: int, steps: int, warmup: int) -> float:
    """Set the learning rate: warm-up, then constant, then linear to 3% over the last 40%."""
    done = step / steps
    rate = peak * min(1.0, (step + 1) / max(1, warmup)) * (1.0 if done < 0.6 else max(0.03, 1 - (done - 0.6) / 0.4))
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate


def _update(optimizer: torch.optim.Optimizer, parameters: list[nn.Parameter], loss: torch.Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(parameters, _CLIP)
    optimizer.step()


def _note(
    run: _MiniRun, step: int, steps: int, stage: str, loss: torch.Tensor, rate: float, counts: tuple[int, int]
) -> None:
    measured = run.log.add(step, stage, loss.item(), rate, *counts)
    if (step + 1) % 50 == 0 or step + 1 == steps:
        left = (steps - step - 1) * measured.seconds / 60
        run.say(f"{stage} step {step + 1}/{steps}  loss {measured.loss:.4f}  rate {rate:.2e}  {left:.1f} min left")


def _save(run: _MiniRun, step: int, optimizer: torch.optim.Optimizer, *, evaluate: bool) -> None:
    run.log.metrics.flush()
    position = resume_state.RunPosition(step=step, recipe=run.recipe.fingerprint, data=DRAWN)

    def beside(folder: Path) -> None:
        run.model.save_pretrained(folder / MODEL)
        run.processor.save_pretrained(folder / MODEL)

    place = resume_state.save(run.out, position, resume_state.TrainedState(run.everything(), optimizer), beside)
    run.log.saved(step, place, evaluate=evaluate)
