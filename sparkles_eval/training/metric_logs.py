"""Logs the measurements of training steps: in the store, as CSV and SVG, in TensorBoard and in Weights & Biases."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any, Protocol

from sparkles_eval.core.errors import UserError
from sparkles_eval.store import trainings
from sparkles_eval.store.store import Store
from sparkles_eval.store.trainings import CheckpointScore, MeasuredStep
from sparkles_eval.training.config import LogName


class MetricLog(Protocol):
    """Receives the measurements of a training."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Take the measurements of a step, by name."""
        ...

    def close(self) -> None:
        """Write what is still buffered."""
        ...


class TensorBoard:
    """Event files in `out/tensorboard`; what an earlier, killed process wrote from step `first` on is discarded."""

    def __init__(self, out: Path, first: int) -> None:
        self._writer: Any = import_module("torch.utils.tensorboard").SummaryWriter(
            str(out / "tensorboard"), purge_step=first or None
        )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases:
    """A run of the project "sparkles-eval" under the training's id. WANDB_MODE=offline keeps it on this machine."""

    def __init__(self, out: Path, training_id: str, name: str) -> None:
        self._run: Any = import_module("wandb").init(
            project="sparkles-eval", dir=str(out), id=training_id, name=name, resume="allow"
        )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


def check_logs(names: tuple[LogName, ...]) -> None:
    """Check that the requested programs are installed. Raises UserError for one that is not."""
    for name in names:
        if find_spec(name) is None:
            raise UserError(f"--log-to {name}: it is not installed; pip install {name}")


def open_logs(names: tuple[LogName, ...], out: Path, training_id: str, first: int) -> list[MetricLog]:
    """Open the requested logs for a training that continues from step `first`."""
    found: list[MetricLog] = []
    if "tensorboard" in names:
        found.append(TensorBoard(out, first))
    if "wandb" in names:
        found.append(WeightsAndBiases(out, training_id, out.name))
    return found


TABLE, CURVE = "metrics.csv", "loss.svg"
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 320, 56, 40, 28


class StepMetrics:
    """The measurements of one training: kept in the store, and passed on to `logs`."""

    def __init__(self, out: Path, store: Store, training_id: str, logs: Sequence[MetricLog] = ()) -> None:
        self.out = out
        out.mkdir(parents=True, exist_ok=True)
        self._store = store
        self._training_id = training_id
        self._logs = logs
        self._pending: list[MeasuredStep] = []
        self._last = time.monotonic()

    def add(self, step: int, stage: str, loss: float, rate: float, tokens: int, labels: int) -> MeasuredStep:
        """Add a step; it is written to disk every 20 steps and by `flush`, which is due before a checkpoint."""
        now = time.monotonic()
        measured = MeasuredStep(step, stage, loss, rate, tokens, labels, now - self._last)
        self._last = now
        self._pending.append(measured)
        for log in self._logs:
            log.scalars(
                step,
                {
                    f"{stage}/loss": loss,
                    f"{stage}/rate": rate,
                    f"{stage}/tokens_per_second": tokens / max(measured.seconds, 1e-9),
                },
            )
        if len(self._pending) >= 20:
            self.flush()
        return measured

    def scores(self, step: int, scores: Sequence[CheckpointScore]) -> None:
        """Pass a checkpoint's scores on to the logs; the store has them already."""
        reached = {f"{one.task}/{one.metric}": one.value for one in scores if one.value is not None}
        for log in self._logs:
            log.scalars(step, reached)

    def pause_over(self) -> None:
        """Restart the clock of the next step after something that was not a step, such as an evaluation."""
        self._last = time.monotonic()

    def flush(self) -> None:
        """Write the added steps to the store."""
        trainings.add_steps(self._store, self._training_id, self._pending)
        self._pending.clear()

    def all(self) -> list[MeasuredStep]:
        """Every step so far, in order."""
        self.flush()
        return trainings.steps(self._store, self._training_id)

    def close(self) -> None:
        """Write the table and the curve into the training's folder, and close the logs."""
        rows = self.all()
        for log in self._logs:
            log.close()
        with (self.out / TABLE).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow([field.name for field in fields(MeasuredStep)])
            writer.writerows(astuple(row) for row in rows)
        (self.out / CURVE).write_text(loss_curve(rows), encoding="utf-8")


def loss_curve(rows: list[MeasuredStep]) -> str:
    """Draw the loss over the steps as SVG: one line per stage, smoothed over a fiftieth of its steps."""
    stages = list(dict.fromkeys(row.stage for row in rows))
    lines = {stage: _smoothed([(row.step, row.loss) for row in rows if row.stage == stage]) for stage in stages}
    last = max((row.step for row in rows), default=0) + 1
    top = max((loss for line in lines.values() for _, loss in line), default=1.0) or 1.0

    def x(step: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - 16) * step / last

    def y(loss: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - loss / top)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        '<g font-family="sans-serif" font-size="12" fill="#444">',
        f"<title>Training loss over {last} steps</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        level = y(top * share)
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDTH - 16}" y1="{level:.1f}" y2="{level:.1f}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{level + 4:.1f}" text-anchor="end">{top * share:.2f}</text>')
        place, anchor = x(last * share), "end" if share == 1 else "middle"
        parts.append(f'<text x="{place:.1f}" y="{_HEIGHT - 20}" text-anchor="{anchor}">{round(last * share)}</text>')
    parts.append(f'<text x="{(_LEFT + _WIDTH) / 2:.0f}" y="{_HEIGHT - 4}" text-anchor="middle">step</text>')
    for number, (stage, line) in enumerate(lines.items()):
        colour = ("#1c6dd0", "#c2571a", "#2d8a4e")[number % 3]
        points = " ".join(f"{x(step):.1f},{y(loss):.1f}" for step, loss in line)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        parts.append(f'<text x="{_LEFT + 8 + 130 * number}" y="18" fill="{colour}">{stage} loss</text>')
    return "\n".join([*parts, "</g></svg>"]) + "\n"


def _smoothed(line: list[tuple[int, float]]) -> list[tuple[float, float]]:
    some = max(1, len(line) // 50)
    chunks = [line[start : start + some] for start in range(0, len(line), some)]
    return [(fmean(step for step, _ in chunk), fmean(loss for _, loss in chunk)) for chunk in chunks]
