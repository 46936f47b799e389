"""Keeps the log of one training: its identity, measurements of its steps, its checkpoints and their scores."""

from __future__ import annotations

import math
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from sparkles_eval.adapters.local.sparkleschat_folder import identify
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.engine.run import environment
from sparkles_eval.store import trainings
from sparkles_eval.store.store import Store
from sparkles_eval.store.trainings import MeasuredStep, Training
from sparkles_eval.training.config import LogName
from sparkles_eval.training.evaluation import CheckpointEvaluator
from sparkles_eval.training.metric_logs import StepMetrics, open_logs
from sparkles_eval.training.recipes import ProjectionRecipe, Recipe

NAME_FILE = "training.json"
"""File in a training's folder with its id in the store."""
MODEL = "model"
"""Folder of the trained model in our form, inside the folders of a training and of every checkpoint."""

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class LogTargets:
    """Where a training is recorded: the store, further logs, and the evaluator of its checkpoints."""

    store: Path
    logs: tuple[LogName, ...] = ()
    evaluator: CheckpointEvaluator | None = None


class _Name(Strict):
    id: str


class TrainingLog:
    """The log of a training that starts or resumes; `close` must be called however it ends."""

    def __init__(self, keeping: LogTargets, out: Path, recipe: Recipe, steps: int, say: Say) -> None:
        self._keeping, self._out, self._recipe, self._steps, self._say = keeping, out, recipe, steps, say
        self._store = Store(keeping.store)
        self._environment = self._store.add_environment(environment(sys.argv))
        self._id = ""
        self._metrics: StepMetrics | None = None

    @property
    def metrics(self) -> StepMetrics:
        """The measurements of the training that `begin` started."""
        assert self._metrics is not None
        return self._metrics

    def begin(self, data: str, first: int) -> None:
        """Record a new training, or continue it from step `first`. data: fingerprint of the training data."""
        recipe, name = self._recipe, self._out.resolve().name
        content = (name, recipe.title, recipe.model_dump_json(), recipe.fingerprint, data, self._steps)
        row = Training(_written_id(self._out) or secrets.token_hex(6), *content)
        known = trainings.find(self._store, row.id)
        if known is not None and (known.recipe_hash, known.data_hash) != (row.recipe_hash, row.data_hash):
            # another training begins, in the folder of one that was killed before it saved anything
            row, known = replace(row, id=secrets.token_hex(6)), None
        if first and known is None:
            self._say(f"{self._store.path} does not know this training: its steps before {first} are in another store")
        self._id = row.id
        (self._out / NAME_FILE).write_text(_Name(id=row.id).model_dump_json() + "\n", encoding="utf-8")
        trainings.begin(self._store, row, self._environment, first)
        logs = open_logs(self._keeping.logs, self._out, self._id, first)
        self._metrics = StepMetrics(self._out, self._store, self._id, logs)

    def add(self, step: int, stage: str, loss: float, rate: float, tokens: int, labels: int) -> MeasuredStep:
        """Add a step. Raises UserError where its loss is not a number, since later ones would not be either."""
        if not math.isfinite(loss):
            rounded = isinstance(self._recipe, ProjectionRecipe) and self._recipe.precision != "fp32"
            also = ", or with --precision fp32" if rounded else ""
            raise UserError(f"step {step}: the loss is {loss}; begin anew with a lower learning rate{also}")
        return self.metrics.add(step, stage, loss, rate, tokens, labels)

    def saved(self, step: int, place: Path, *, evaluate: bool = True) -> None:
        """Record a checkpoint, and evaluate it where that is due, not done yet, and allowed by `evaluate`."""
        weights = identify(place / MODEL).weights
        trainings.add_checkpoint(self._store, self._id, step, weights[:16], str(place.relative_to(self._out)))
        evaluator = self._keeping.evaluator
        if evaluator is None or not evaluate or not evaluator.spec.due(step, self._steps):
            self.metrics.pause_over()
            return
        if not trainings.evaluated(self._store, self._id, step):
            name = f"{self._out.resolve().name}@{step}"
            run_ids = evaluator.evaluate(place / MODEL, name, self._store, self._say)
            trainings.link_runs(self._store, self._id, step, run_ids)
            self.metrics.scores(step, [s for s in trainings.scores(self._store, self._id) if s.step == step])
        self.metrics.pause_over()

    def close(self, *, done: bool) -> None:
        """Write table and curve, and record how the invocation ended."""
        if self._metrics is not None:
            self._metrics.close()
        self._store.finish_environment(self._environment, "complete" if done else "interrupted")
        self._store.close()


def _written_id(out: Path) -> str | None:
    """The id in a training's folder, or None."""
    file = out / NAME_FILE
    if not file.is_file():
        out.mkdir(parents=True, exist_ok=True)
        return None
    try:
        return _Name.model_validate_json(file.read_bytes()).id
    except ValidationError as wrong:
        raise UserError(f"{file}: does not name a training ({wrong.errors()[0]['msg']}); remove it") from wrong
