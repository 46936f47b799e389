"""Checks what a training needs (recipe, data, contamination, libraries), then starts the right trainer."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from sparkles_eval.core.errors import DataError, MissingExtra, Problem, UserError
from sparkles_eval.core.files import cache_dir
from sparkles_eval.core.text import quantity
from sparkles_eval.tasks.load import load_task
from sparkles_eval.tasks.validation import parse_json
from sparkles_eval.training.config import TrainConfig
from sparkles_eval.training.metric_logs import check_logs
from sparkles_eval.training.recipes import MiniRecipe, ProjectionRecipe, Recipe, read_recipe
from sparkles_eval.training.training_data import TrainingSample, TrainingSubset, read_subsets

if TYPE_CHECKING:
    from sparkles_eval.training.dataset import TokenDataset
    from sparkles_eval.training.training_log import LogTargets

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class TrainResult:
    """The folders of a finished training's results."""

    out: Path
    model: Path


def launch_training(config: TrainConfig, say: Say) -> TrainResult:
    """Check everything, train, and return where the model is. Raises errors.UserError with the fix."""
    recipe = read_recipe(config.recipe, config.content)
    _load_libraries(config.threads, lora=isinstance(recipe, ProjectionRecipe) and recipe.lora is not None)
    keeping = _open_targets(recipe, config)
    if isinstance(recipe, MiniRecipe):
        _refuse_for_mini(config)
        _make_folder("--out", config.out)
        from sparkles_eval.training.mini import trainer

        model = trainer.train_mini(recipe, config.out, config.model, keeping, resume=config.resume, say=say)
        return TrainResult(config.out, model)
    from sparkles_eval.training import loop

    if config.precision is not None:
        recipe = recipe.model_copy(update={"precision": config.precision})
    show = say if main_process() else _hide_library_output
    prepared = _prepare(recipe, config, keeping, show)
    assert config.model is not None
    cache = config.cache or cache_dir("features")
    _make_folder("--cache", cache)
    if main_process():
        _make_folder("--out", config.out)
    place = loop.TrainingPaths(config.model, config.out, cache, keeping, config.resume, config.positions)
    return TrainResult(config.out, loop.train(recipe, place, prepared, show))


def _open_targets(recipe: Recipe, config: TrainConfig) -> LogTargets:
    """Open the targets of this training's log. Checks that the tasks, judges and programs it names exist."""
    from sparkles_eval.training.evaluation import CheckpointEvaluator
    from sparkles_eval.training.training_log import LogTargets

    check_logs(config.logs)
    evaluator = None
    if recipe.evaluate is not None:
        evaluator = CheckpointEvaluator(recipe.evaluate, config.data_root, config.content)
        evaluator.check()
    return LogTargets(config.store, config.logs, evaluator)


def main_process() -> bool:
    """True for the process that prints; under torchrun every process runs the same command."""
    return os.environ.get("RANK", "0") == "0"


def _make_folder(option: str, folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{option} {folder}: cannot be made a folder ({error.strerror}); name another") from error


def _hide_library_output(_: str) -> None: ...


def _load_libraries(threads: int | None, *, lora: bool) -> None:
    needed = ("torch", "transformers", "accelerate", "safetensors", "sentencepiece")
    try:
        for name in (*needed, "peft") if lora else needed:
            import_module(name)
    except ModuleNotFoundError as missing:
        raise MissingExtra(f"training (module {missing.name})", "train") from missing
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    if threads is not None:
        torch.set_num_threads(threads)


def _refuse_for_mini(config: TrainConfig) -> None:
    given = [
        name
        for name, value in (
            ("--data", config.data),
            ("--against", config.against),
            ("--precision", config.precision),
            ("--skip-bad", config.skip_bad),
        )
        if value
    ]
    if given:
        raise UserError(f"{', '.join(given)}: a tiny recipe draws its own data and trains in fp32; leave this out")


def _family(model: Path) -> str:
    """The model_type of a folder's config.json, "" where there is none that can be read."""
    try:
        config = parse_json((model / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(config.get("model_type", "")) if isinstance(config, dict) else ""


def _prepare(recipe: ProjectionRecipe, config: TrainConfig, keeping: LogTargets, say: Say) -> TokenDataset:
    """Read and tokenize the training samples, with cheap checks first."""
    if config.model is None or _family(config.model) != "sparkleschat":
        raise UserError(
            f"--model {config.model or ''}: the folder of a whole converted model with a trained projection is needed "
            "(config.json of model_type sparkleschat); make it with `sparkles-eval checkpoints convert`"
        )
    if config.data is None:
        names = ", ".join(subset.name for subset in recipe.subsets)
        raise UserError(f"name the folder of the training data with --data; this recipe reads {names}")
    from sparkles_eval.sparkleschat.processing import SparklesChatProcessor
    from sparkles_eval.training.dataset import tokenize_subsets

    processor = SparklesChatProcessor.from_pretrained(config.model)
    subsets = read_subsets(recipe.subsets, config.data, skip_bad=config.skip_bad)
    _check_contamination(subsets, config, keeping, say)
    prepared = tokenize_subsets(subsets, processor)
    for subset in prepared.subsets:
        say(f"{subset.name}: {len(subset.rows)} samples, weight {subset.weight:g}")
    if prepared.dropped:
        say(
            f"dropped {quantity(prepared.dropped, 'sample')}: cut at {processor.settings.max_length} positions, "
            "nothing of their answer is left"
        )
    return prepared


def _check_contamination(subsets: list[TrainingSubset], config: TrainConfig, keeping: LogTargets, say: Say) -> None:
    """Compare with the tasks that the user names and those on which the recipe evaluates checkpoints."""
    asked = list(config.against)
    samples = list(keeping.evaluator.samples()) if keeping.evaluator else []
    if keeping.evaluator:
        asked += keeping.evaluator.spec.tasks
    if not asked:
        say("contamination: not checked (name evaluation tasks with --against)")
        return
    from sparkles_eval.training.contamination import find_contamination

    exchanges: list[TrainingSample] = [exchange for subset in subsets for exchange in subset.exchanges]
    for given in config.against:
        name, _, root = given.partition("=")
        samples += load_task(name, data_root=Path(root) if root else None, content=config.content).samples
    found = find_contamination(exchanges, samples)
    say(
        f"contamination: {found.training_images} training images against {found.evaluation_images} images and "
        f"{len(samples)} items of {', '.join(asked)}: {len(found.shared)} shared"
    )
    if found.shared and not config.allow_contamination:
        raise DataError(
            "training data",
            [Problem(problem.item, problem.what) for problem in found.shared],
            "take these records out, or train all the same with --allow-contamination (and say so in reports)",
        )
