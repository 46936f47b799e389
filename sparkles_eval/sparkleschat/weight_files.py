"""Opens weight files of every published kind as name -> tensor, without running code from them."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from sparkles_eval.core.errors import UserError

_WRAPPERS = ("model", "state_dict", "module")
"""Keys under which training code puts the tensors, beside optimizer, epoch and the like."""

_DAMAGED = (
    *(AssertionError, AttributeError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError),
    zipfile.BadZipFile,
)
"""Errors that torch raises on bytes that are not a checkpoint."""


class Weights(Mapping[str, torch.Tensor]):
    """name -> tensor over one or several files (`files`)."""

    def __init__(self, files: tuple[Path, ...], lazy: Mapping[str, Path], loaded: Mapping[str, torch.Tensor]) -> None:
        self.files = files
        self._lazy = lazy
        self._loaded = loaded

    def __getitem__(self, name: str) -> torch.Tensor:
        if name in self._loaded:
            return self._loaded[name]
        with safe_open(self._lazy[name], framework="pt", device="cpu") as stored:
            tensor: torch.Tensor = stored.get_tensor(name)
            return tensor

    def __iter__(self) -> Iterator[str]:
        yield from self._loaded
        yield from self._lazy

    def __len__(self) -> int:
        return len(self._loaded) + len(self._lazy)

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor; safetensors files are not read for it."""
        shapes = {name: tuple(tensor.shape) for name, tensor in self._loaded.items()}
        for file in sorted(set(self._lazy.values())):
            with safe_open(file, framework="pt", device="cpu") as stored:
                names = [name for name, place in self._lazy.items() if place == file]
                shapes |= {name: tuple(stored.get_slice(name).get_shape()) for name in names}
        return shapes


def open_weights(place: Path, only: tuple[str, ...] = ()) -> Weights:
    """The tensors of a file, or of a folder's safetensors (else `.bin`) files.

    only: open only shards with a tensor whose name has one of these prefixes (all shards when empty).
    Raises UserError where nothing readable is there, or a pickle holds more than tensors and plain values.
    """
    files = (place,) if place.is_file() else _folder_files(place, only)
    lazy: dict[str, Path] = {}
    loaded: dict[str, torch.Tensor] = {}
    for file in files:
        if file.suffix == ".safetensors":
            lazy |= dict.fromkeys(_names(file), file)
        else:
            loaded |= _load(file)
    return Weights(files, lazy, loaded)


def read_json(file: Path) -> dict[str, object]:
    """A JSON object from a file; raises UserError where it is missing or is something else."""
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except OSError as missing:
        raise UserError(f"{file} is missing or unreadable; give the folder as it was downloaded") from missing
    except ValueError as wrong:
        raise UserError(f"{file}: not JSON ({wrong}); download it again") from wrong
    if not isinstance(value, dict):
        raise UserError(f"{file}: not a JSON object; download it again")
    return value


def _folder_files(folder: Path, only: tuple[str, ...]) -> tuple[Path, ...]:
    for pattern, index in (
        ("model*.safetensors", "model.safetensors.index.json"),
        ("pytorch_model*.bin", "pytorch_model.bin.index.json"),
    ):
        if (folder / index).is_file():
            places = read_json(folder / index).get("weight_map")
            if not isinstance(places, dict):
                raise UserError(f"{folder / index}: no weight_map; download it again")
            wanted = {str(file) for name, file in places.items() if not only or str(name).startswith(only)}
            files = tuple(folder / Path(name).name for name in sorted(wanted))
            if missing := [file.name for file in files if not file.is_file()]:
                raise UserError(f"{folder}: {', '.join(missing)} missing; download the folder again")
            return files
        if found := tuple(sorted(folder.glob(pattern))):
            return found
    raise UserError(f"{folder}: no model*.safetensors or pytorch_model*.bin; give the folder as it was downloaded")


def _names(file: Path) -> list[str]:
    try:
        with safe_open(file, framework="pt", device="cpu") as stored:
            return list(stored.keys())
    except (SafetensorError, OSError) as wrong:
        raise UserError(f"{file}: not a readable safetensors file ({wrong}); download it again") from wrong


def _load(file: Path) -> dict[str, torch.Tensor]:
    """Load a torch file with tensors and plain values only; a file with anything else is refused."""
    try:
        # the zip format can be mapped from disk, torch's older one cannot
        value: object = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except pickle.UnpicklingError as refused:
        raise UserError(
            f"{file}: holds more than tensors and plain values, or is damaged, and is not read further; save its "
            "tensors alone, with the library that wrote it, on a machine that may run it"
        ) from refused
    except _DAMAGED as wrong:
        raise UserError(f"{file}: cannot be read ({wrong}); download it again") from wrong
    for key in _WRAPPERS:
        if isinstance(value, dict) and isinstance(value.get(key), dict):
            value = value[key]
            break
    if not isinstance(value, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in value.values()):
        raise UserError(f"{file}: not a state of names and tensors, nor a checkpoint with one; download it again")
    return {str(name): tensor for name, tensor in value.items()}
