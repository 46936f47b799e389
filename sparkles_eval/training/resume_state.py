"""Saves and loads the state of a training (weights, optimizer, scaler, random state) to resume it, without pickle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import replacing_folder, write_file
from sparkles_eval.core.strict_record import Strict

CHECKPOINTS = "checkpoints"
_TENSORS, _RECORD = "state.safetensors", "state.json"


class RunPosition(Strict):
    """The position of a run: `step` updates are done; `recipe` and `data` are fingerprints."""

    step: int
    recipe: str
    data: str
    scaler: dict[str, int | float] = Field(default_factory=dict)
    """State of the gradient scaler. Its whole numbers must stay whole, since it refuses others."""


@dataclass(frozen=True, slots=True)
class TrainedState:
    """The parts of a run that a checkpoint holds."""

    parameters: Mapping[str, nn.Parameter]
    optimizer: torch.optim.Optimizer


def save(out: Path, position: RunPosition, trained: TrainedState, beside: Callable[[Path], None]) -> Path:
    """Write a checkpoint; `beside` adds the run's own files (weights in their published form) to its folder."""
    place = out / CHECKPOINTS / f"{position.step:08d}"
    tensors = {f"weight/{name}": own.detach().cpu().contiguous() for name, own in trained.parameters.items()}
    for number, values in trained.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{number}/{key}": torch.as_tensor(value).cpu() for key, value in values.items()}
    tensors["random/torch"] = torch.get_rng_state()
    with replacing_folder(place) as making:
        save_file({name: tensor.clone() for name, tensor in tensors.items()}, making / _TENSORS)
        write_file(making / _RECORD, position.model_dump_json(indent=2) + "\n", durable=True)
        beside(making)
    return place


def latest(out: Path) -> Path | None:
    """The newest complete checkpoint of a run, or None."""
    found = sorted((out / CHECKPOINTS).glob("[0-9]*/" + _RECORD))
    return found[-1].parent if found else None


def load(place: Path, trained: TrainedState, recipe: str, data: str) -> RunPosition:
    """Put a checkpoint's values back. Raises UserError where it belongs to another recipe or other data."""
    try:
        position = RunPosition.model_validate_json((place / _RECORD).read_bytes())
    except (OSError, ValidationError) as wrong:
        raise UserError(f"{place}: not a checkpoint of a training run ({wrong}); remove it and resume") from wrong
    for what, own, now in (("recipe", position.recipe, recipe), ("data", position.data, data)):
        if own != now:
            raise UserError(
                f"{place}: was made with another {what} ({own}, now {now}); resume with the same one, "
                "or begin anew with another --out"
            )
    tensors = _tensors(place / _TENSORS)
    with torch.no_grad():
        for name, parameter in trained.parameters.items():
            parameter.copy_(tensors[f"weight/{name}"])
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        kind, *rest = name.split("/")
        if kind == "optimizer":
            state.setdefault(int(rest[0]), {})[rest[1]] = tensor
    groups = trained.optimizer.state_dict()["param_groups"]
    trained.optimizer.load_state_dict({"state": state, "param_groups": groups})
    torch.set_rng_state(tensors["random/torch"])
    return position


def _tensors(file: Path) -> dict[str, torch.Tensor]:
    try:
        with safe_open(file, framework="pt", device="cpu") as stored:
            return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as wrong:
        raise UserError(
            f"{file}: cannot be read ({wrong}); remove this checkpoint and resume from the one before"
        ) from wrong
