"""Evaluates checkpoints with the engine of `sparkles-eval run`, into the store that also holds the training.

A checkpoint's run has the hash of its weights in its identity, so no question is asked twice.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sparkles_eval.analysis.summary import Entry, summarise
from sparkles_eval.core import Sample
from sparkles_eval.core.text import format_count
from sparkles_eval.engine.config import RunConfig, RunLimits
from sparkles_eval.engine.prepare import check_prices, load_tasks, prepare
from sparkles_eval.engine.progress import NoProgress
from sparkles_eval.engine.run import execute
from sparkles_eval.reports.toolkit import numbers
from sparkles_eval.store.store import Store
from sparkles_eval.training.recipes import EvaluateSpec

_STAND_IN = "baseline/constant"
"""Model that replaces a checkpoint that does not exist yet while the configuration is checked."""


@dataclass(frozen=True, slots=True)
class CheckpointEvaluator:
    """Evaluates checkpoints on a recipe's tasks. `device` is the torch name of the device that it may use."""

    spec: EvaluateSpec
    data_root: Path | None = None
    content: tuple[Path, ...] = ()
    device: str = "auto"

    def check(self) -> None:
        """Check that tasks and judges exist and fit together. Raises errors.UserError; sends no requests."""
        plan = prepare(self._config(_STAND_IN))
        asyncio.run(plan.aclose())
        check_prices(plan.adapters, self.spec.max_cost)

    def samples(self) -> list[Sample]:
        """The samples on which checkpoints are evaluated, which training data must not contain."""
        return [sample for task in load_tasks(self._config(_STAND_IN)) for sample in task.samples]

    def evaluate(self, folder: Path, name: str, store: Store, say: Callable[[str], object]) -> tuple[str, ...]:
        """Evaluate the model in `folder` as far as the store lacks it, and print its results; returns its runs' ids.

        name: the model's name in tables. Raises KeyboardInterrupt where the user interrupts; the next call resumes.
        """
        config = self._config(f"sparkleschat/{folder.resolve()}")
        plan = prepare(replace(config, model_args=(f"name={name}", f"device={self.device}")))
        outcome = execute(plan, store, _ProgressLines(say), RunLimits(max_cost_usd=self.spec.max_cost), sys.argv)
        if outcome.ending == "interrupted":
            raise KeyboardInterrupt
        for panel in summarise(store, outcome.run_ids).panels:
            for entry in panel.entries:
                say(f"{name}: {_summary_line(entry)}")
        return outcome.run_ids

    def _config(self, model: str) -> RunConfig:
        spec = self.spec
        return RunConfig(
            tasks=spec.tasks,
            models=(model,),
            judges=spec.judges,
            protocol=spec.protocol,
            task_args=spec.task_args,
            judge_args=spec.judge_args,
            limit=spec.limit,
            data_root=self.data_root,
            content=self.content,
        )


def _summary_line(entry: Entry) -> str:
    """A run's result in one line: "bison-mini accuracy 56.7 [48.7, 64.3], graded 150 of 150"."""
    first = entry.headline
    name = first.column.title.lower() if first else "no score"
    graded = format_count(entry.coverage.graded, entry.coverage.asked)
    return f"{entry.run.task.name} {name} {numbers.format_measure(first)}, graded {graded}"


class _ProgressLines(NoProgress):
    """Prints events and no progress bars."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self._say = say

    def event(self, kind: str, who: str, message: str) -> None:  # noqa: ARG002
        self._say(f"{who}: {message}" if who else message)
