"""Programs that show a training while it runs, where they are installed and asked for: TensorBoard, Weights & Biases.

The store has every number anyway. Knows nothing of what the numbers mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from sparkles_eval.errors import UserError

LogName: TypeAlias = Literal["tensorboard", "wandb"]


class Log(Protocol):
    """Listens to a training."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """What was measured at a step, by name."""
        ...

    def close(self) -> None:
        """Write what is still held back."""
        ...


class TensorBoard:
    """Event files in `out/tensorboard`; what an earlier, killed process wrote from step `first` on is taken back."""

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


def check(names: tuple[LogName, ...]) -> None:
    """Raises UserError where a program that is asked for is not installed."""
    for name in names:
        if find_spec(name) is None:
            raise UserError(f"--log-to {name}: it is not installed; pip install {name}")


def open_logs(names: tuple[LogName, ...], out: Path, training_id: str, first: int) -> list[Log]:
    """Whoever is asked for, for a training that goes on from step `first`."""
    found: list[Log] = []
    if "tensorboard" in names:
        found.append(TensorBoard(out, first))
    if "wandb" in names:
        found.append(WeightsAndBiases(out, training_id, out.name))
    return found
