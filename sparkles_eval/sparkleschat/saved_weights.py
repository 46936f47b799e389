"""Saves and loads a model's two forms: a whole folder with hashes of its frozen parts, or the projection alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import torch
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from sparkles_eval.core.errors import UserError
from sparkles_eval.core.strict_record import Strict

PROJECTION_WEIGHTS = "projection.safetensors"
PROJECTION_RECORD = "projection.json"
PROJECTION_NAMES = ("language_projection.weight", "language_projection.bias")

PARTS: Mapping[str, tuple[str, ...]] = {
    "vision": ("vision_model.",),
    "qformer": ("qformer.", "query_tokens"),
    "language": ("language_model.",),
}
"""The frozen parts and the prefixes of their tensors' names. All other tensors are the projection."""


class PartRecord(Strict):
    """One frozen part: its name, its revision, and the hash of its tensors (`part_hashes`)."""

    name: str
    revision: str
    sha256: str


class ProjectionRecord(Strict):
    """`projection.json`: the weights to which the projection in the same folder belongs."""

    format: Literal[1]
    base: str
    """Folder of the whole model when this was saved, absolute or relative to this file."""
    sha256: str
    """Hash of the projection's own tensors."""
    frozen_parts: dict[str, PartRecord]


def part_of(name: str) -> str:
    """The part of a tensor: "vision", "qformer", "language" or "projection"."""
    return next((part for part, starts in PARTS.items() if name.startswith(starts)), "projection")


def hash_tensors(tensors: Iterator[tuple[str, torch.Tensor]]) -> str:
    """SHA-256 over name, dtype, shape and bytes of tensors in the given order, wherever they are stored."""
    digest = hashlib.sha256()
    for name, tensor in tensors:
        digest.update(f"{name}|{tensor.dtype}|{list(tensor.shape)}|".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def stored_files(folder: Path) -> dict[str, Path]:
    """Tensor name -> safetensors file, for a whole model's folder (one file, or shards with an index)."""
    files = sorted(folder.glob("model*.safetensors"))
    if not files:
        raise UserError(f"{folder}: no model*.safetensors; give the folder of a whole model (see checkpoints convert)")
    found: dict[str, Path] = {}
    for file in files:
        with _open(file) as stored:
            found.update(dict.fromkeys(stored.keys(), file))
    return found


def part_hashes(folder: Path) -> dict[str, str]:
    """Part -> SHA-256 of its tensors in a whole model's folder, in order of name, whatever the shards."""
    files = stored_files(folder)
    names: dict[str, list[str]] = {part: [] for part in PARTS}
    for name in sorted(files):
        names.setdefault(part_of(name), []).append(name)
    return {part: hash_tensors(_read(names[part], files)) for part in PARTS}


def save_projection(
    folder: Path, projection: Mapping[str, torch.Tensor], base: Path, parts: Mapping[str, PartRecord]
) -> None:
    """Write the projection's tensors (`PROJECTION_NAMES`) and the record of the weights to which they belong."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: projection[name].detach().cpu().contiguous().clone() for name in PROJECTION_NAMES}
    save_file(tensors, folder / PROJECTION_WEIGHTS, metadata={"format": "pt"})
    record = ProjectionRecord(
        format=1,
        base=str(base),
        sha256=hash_tensors((name, tensors[name]) for name in PROJECTION_NAMES),
        frozen_parts=dict(parts),
    )
    (folder / PROJECTION_RECORD).write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")


def load_record(folder: Path) -> ProjectionRecord | None:
    """The record of a projection-only folder; None where the folder is not one."""
    file = folder / PROJECTION_RECORD
    if not file.is_file():
        return None
    try:
        return ProjectionRecord.model_validate_json(file.read_bytes())
    except ValidationError as wrong:
        raise UserError(f"{file}: not a projection record ({wrong.error_count()} faults); save it again") from wrong


def load_projection(folder: Path, record: ProjectionRecord) -> dict[str, torch.Tensor]:
    """The projection's tensors. Raises UserError where they are not those of the record."""
    file = folder / PROJECTION_WEIGHTS
    if not file.is_file():
        raise UserError(f"{folder}: {PROJECTION_WEIGHTS} is missing beside {PROJECTION_RECORD}; copy both files")
    files = dict.fromkeys(PROJECTION_NAMES, file)
    tensors = dict(_read(PROJECTION_NAMES, files))
    if hash_tensors(iter(tensors.items())) != record.sha256:
        raise UserError(f"{file}: its hash is not the recorded one; it is damaged or was replaced: copy it again")
    return tensors


def find_base(folder: Path, record: ProjectionRecord, base: str | Path | None) -> Path:
    """The folder of the frozen parts: the given one, else the recorded one (also relative to the projection)."""
    if base is not None and not Path(base).is_dir():
        raise UserError(f"{base}: no such folder; base is the folder of the whole model that {folder} was trained with")
    candidates = [Path(base)] if base is not None else [folder / record.base, Path(record.base)]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    parts = "; ".join(
        f"{part}: {known.name or known.sha256[:12]} {known.revision}".rstrip()
        for part, known in record.frozen_parts.items()
    )
    raise UserError(
        f"{folder} holds a projection alone and its frozen parts are not at {record.base}; "
        f"give base=FOLDER (--model-arg base=FOLDER) of a whole model with the same parts ({parts})"
    )


def check_parts(folder: Path, record: ProjectionRecord, base: Path, found: Mapping[str, str]) -> None:
    """Raise UserError unless every frozen part in `base` has the recorded hash."""
    wrong = [
        f"  {part}: trained with {known.name or 'unnamed'} {known.revision} ({known.sha256[:12]}), "
        f"found {found.get(part, 'none')[:12]}"
        for part, known in record.frozen_parts.items()
        if found.get(part) != known.sha256
    ]
    if missing := set(PARTS) - set(record.frozen_parts):
        wrong.append(f"  the record says nothing of {', '.join(sorted(missing))}")
    if wrong:
        lines = "\n".join(wrong)
        raise UserError(
            f"{folder}: this projection was trained with other frozen parts than those in {base}\n{lines}\n"
            "give base=FOLDER with the named parts; to use it with these on purpose, convert the projection anew with "
            "this base: that is another model and its reports should say so"
        )


def known_parts(frozen_parts: Mapping[str, Mapping[str, str]] | None) -> dict[str, PartRecord]:
    """`SparklesChatConfig.frozen_parts` as records."""
    try:
        return {part: PartRecord.model_validate(dict(known)) for part, known in (frozen_parts or {}).items()}
    except ValidationError as wrong:
        raise UserError(
            "config.json: frozen_parts is not part -> name, revision, sha256; save the model again"
        ) from wrong


def record_parts(folder: Path, names: Mapping[str, tuple[str, str]]) -> dict[str, dict[str, str]]:
    """Hash a whole model's folder and write part -> name, revision, sha256 into its config.json; returns that."""
    hashes = part_hashes(folder)
    parts = {
        part: {"name": names.get(part, ("", ""))[0], "revision": names.get(part, ("", ""))[1], "sha256": hashes[part]}
        for part in PARTS
    }
    file = folder / "config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    config["frozen_parts"] = parts
    file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return parts


def _read(names: tuple[str, ...] | list[str], files: Mapping[str, Path]) -> Iterator[tuple[str, torch.Tensor]]:
    for name in names:
        with _open(files[name]) as stored:
            try:
                yield name, stored.get_tensor(name)
            except SafetensorError as wrong:
                raise UserError(f"{files[name]}: {name} cannot be read ({wrong}); copy the file again") from wrong


def _open(file: Path) -> safe_open:
    try:
        return safe_open(file, framework="pt", device="cpu")
    except SafetensorError as wrong:
        raise UserError(f"{file}: not a readable safetensors file ({wrong}); copy it again") from wrong
