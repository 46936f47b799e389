"""Reads low-rank adapters (LoRA) of the language model, attaches them and merges them into its weights.

Files are those of peft (`adapter_config.json`, `adapter_model.safetensors`), which is not needed to use them. Source:
Hu et al. 2021, arXiv 2106.09685.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from torch import nn

from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import sha256_file

FOLDER = "lora"
"""Folder of the adapters inside a model's folder. A model that has one is never loaded without it."""
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PREFIX = "base_model.model."
"""Prefix of peft's tensor names before the name of the matrix in the language model."""


class _Config(BaseModel):
    """The keys of peft's configuration that change the computation; features that we lack must be switched off."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    peft_type: Literal["LORA"]
    r: int = Field(ge=1)
    lora_alpha: float
    bias: Literal["none"] = "none"
    use_dora: Literal[False] = False
    use_rslora: Literal[False] = False
    fan_in_fan_out: Literal[False] = False
    modules_to_save: None = None
    rank_pattern: dict[str, int] = Field(default_factory=dict, max_length=0)
    alpha_pattern: dict[str, float] = Field(default_factory=dict, max_length=0)


class LowRank(nn.Module):
    """A linear layer with an adapter: base(x) + scale * up(down(x)). The weights of `base` (out, in) do not change."""

    def __init__(self, base: nn.Linear, down: torch.Tensor, up: torch.Tensor, scale: float) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Parameter(down, requires_grad=False)
        """(rank, in)"""
        self.up = nn.Parameter(up, requires_grad=False)
        """(out, rank)"""
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.base(x)
        beside = nn.functional.linear(nn.functional.linear(x.to(self.down.dtype), self.down), self.up)
        return (out + beside * self.scale).to(out.dtype)

    def merged(self) -> nn.Linear:
        """The base with the sum added to its weights, rounded to their precision."""
        with torch.no_grad():
            whole = self.base.weight.float() + self.scale * (self.up.float() @ self.down.float())
            self.base.weight.copy_(whole)
        return self.base


def attach(language_model: nn.Module, folder: Path) -> None:
    """Attach the adapters in `folder` to a language model. Raises UserError where they do not fit it."""
    config = _read_config(folder / CONFIG)
    tensors = _read_tensors(folder / WEIGHTS)
    names = sorted({name.rpartition(".lora_")[0] for name in tensors})
    if set(tensors) != {f"{name}.lora_{half}.weight" for name in names for half in "AB"} or not names:
        raise UserError(f"{folder / WEIGHTS}: holds other tensors than pairs of lora_A and lora_B; save it again")
    device = next(language_model.parameters()).device
    for name in names:
        path = name.removeprefix(PREFIX)
        down, up = (tensors[f"{name}.lora_{half}.weight"].to(device) for half in "AB")
        try:
            base = language_model.get_submodule(path)
        except AttributeError:
            base = None
        if not isinstance(base, nn.Linear):
            raise UserError(f"{folder}: is for a matrix {path}, which this language model does not have")
        wanted = [config.r, base.in_features], [base.out_features, config.r]
        if (list(down.shape), list(up.shape)) != wanted:
            raise UserError(f"{folder}: {path} takes {wanted}, the files have {list(down.shape)}, {list(up.shape)}")
        _replace(language_model, path, LowRank(base, down, up, config.lora_alpha / config.r))


def merge(language_model: nn.Module) -> None:
    """Add every adapter to the weights of its layer and remove it."""
    for path, adapter in list(adapters(language_model)):
        _replace(language_model, path, adapter.merged())


def adapters(language_model: nn.Module) -> Iterator[tuple[str, LowRank]]:
    """Every attached adapter, with the name of its matrix."""
    for path, module in language_model.named_modules():
        if isinstance(module, LowRank):
            yield path, module


def digest(folder: Path) -> str | None:
    """SHA-256 over the adapters of a model's folder, None where it has none."""
    place = folder / FOLDER
    if not place.is_dir():
        return None
    found = hashlib.sha256()
    for name in (CONFIG, WEIGHTS):
        if not (place / name).is_file():
            raise UserError(f"{place}: {name} is missing; copy the folder again")
        found.update(bytes.fromhex(sha256_file(place / name)))
    return found.hexdigest()


def _replace(root: nn.Module, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(root.get_submodule(parent), name, module)


def _read_config(file: Path) -> _Config:
    try:
        return _Config.model_validate_json(file.read_bytes())
    except OSError as wrong:
        raise UserError(f"{file}: cannot be read ({wrong.strerror}); copy the folder again") from wrong
    except ValidationError as wrong:
        first = wrong.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(
            f"{file}: {where or 'the file'}: {first['msg'].lower()}; plain LoRA is what can be loaded"
        ) from wrong


def _read_tensors(file: Path) -> dict[str, torch.Tensor]:
    try:
        with safe_open(file, framework="pt", device="cpu") as stored:
            return {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError) as wrong:
        raise UserError(f"{file}: cannot be read ({wrong}); copy the folder again") from wrong
