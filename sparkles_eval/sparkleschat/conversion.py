"""Converts published weight files to our saved forms; accounts for every tensor and records every file's SHA-256."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import torch
from huggingface_hub import save_torch_state_dict
from transformers import LlamaConfig

from sparkles_eval.core.errors import DataError, Problem, UserError
from sparkles_eval.core.files import sha256_file
from sparkles_eval.sparkleschat import saved_weights, weight_files
from sparkles_eval.sparkleschat.configuration import SparklesChatConfig
from sparkles_eval.sparkleschat.generation import published_generation
from sparkles_eval.sparkleschat.modeling import SparklesChatForConditionalGeneration
from sparkles_eval.sparkleschat.processing import SparklesChatProcessor
from sparkles_eval.sparkleschat.published_files import (
    PUBLISHED_FILES,
    T5_XXL_WIDTH,
    DroppedTensor,
    PublishedPart,
    TensorFate,
    UsedTensor,
    check_hub_config,
    check_projection,
    check_qformer,
    tensor_fate,
)
from sparkles_eval.sparkleschat.tokenizers import load_tokens

REPORT_FILE = "conversion.json"


@dataclass(frozen=True, slots=True)
class Sources:
    """Where each part is: a `.pth`, `.bin` or `.safetensors` file, or a hub folder. One file may serve several parts.

    `names` gives parts a name and a revision for the record ("vision" -> ("EVA ViT-g", "")); default: the file's name.
    """

    vision: Path
    qformer: Path
    projection: Path
    language: Path
    tokenizer: Path | None = None
    """File or folder of the vocabulary; default: the language model's folder."""
    names: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file that was read: for which part, its SHA-256 and its size in bytes."""

    part: str
    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion did. `dropped`: "part: reason" -> tensor names; `parts`: part -> SHA-256 of our tensors."""

    out: Path
    files: tuple[SourceFile, ...]
    used: int
    dropped: Mapping[str, tuple[str, ...]]
    parts: Mapping[str, str]
    notes: tuple[str, ...]


def convert(
    sources: Sources,
    out: Path,
    config: SparklesChatConfig | None = None,
    *,
    dtype: torch.dtype | None = None,
    t5_width: int = T5_XXL_WIDTH,
) -> Conversion:
    """Make a whole model's folder: weights in shards, configuration, generation settings, processor, conversion.json.

    config: default is the published system with the language model's own config.json; give one for other sizes.
    dtype: of the language model and the tower (None keeps the files' own); Q-Former and projection are kept fp32.
    t5_width: width by which the right Q-Former file is recognised.
    Raises UserError for a missing or wrong file, DataError naming every tensor that is unknown, missing or misshapen.
    """
    _check_present(sources)
    config = config or SparklesChatConfig(text_config=_language_config(sources.language))
    found: dict[str, torch.Tensor] = {}
    dropped: dict[str, tuple[str, ...]] = {}
    problems: list[Problem] = []
    files: list[SourceFile] = []
    hashes: dict[Path, str] = {}
    for part in _PARTS:
        place: Path = getattr(sources, part)
        tensors = weight_files.open_weights(place, only=_hub_only(part))
        _check_family(part, place, tensors, t5_width)
        fates = {key: tensor_fate(key, part, int(config.vision.num_hidden_layers)) for key in tensors}
        problems += [Problem(key, f"unknown tensor in {place.name}") for key, what in fates.items() if what is None]
        _merge(found, tensors, fates, problems)
        dropped |= _reasons(part, fates)
        hashes |= {file: sha256_file(file) for file in tensors.files if file not in hashes}
        files += [SourceFile(part, file.name, hashes[file], file.stat().st_size) for file in tensors.files]
    problems += _compare(found, config)
    if problems:
        raise DataError(
            f"converting to {out}", problems, "nothing was written; check that each file is the published one"
        )
    state = {name: _cast(name, tensor, dtype) for name, tensor in found.items()}
    out.mkdir(parents=True, exist_ok=True)
    save_torch_state_dict(state, out, filename_pattern="model{suffix}.safetensors", metadata={"format": "pt"})
    config.save_pretrained(out)
    published_generation(config.text.eos_token_id, config.text.pad_token_id).save_pretrained(out)
    names = {part: sources.names.get(part, (getattr(sources, part).name, "")) for part in saved_weights.PARTS}
    parts = saved_weights.record_parts(out, names)
    notes = (*_notes(config), *_save_processor(sources, config, out))
    done = Conversion(
        out, tuple(files), len(found), dropped, {part: known["sha256"] for part, known in parts.items()}, notes
    )
    _write_report(done)
    return done


def convert_projection(projection: Path, base: Path, out: Path) -> Conversion:
    """Make a folder with the projection alone, for a converted whole model (`base`), whose weights are not copied.

    Raises UserError where the file is missing, is not a projection into LLaMA, or does not fit the base.
    """
    if not projection.is_file():
        raise UserError(f"{projection} is missing; {PUBLISHED_FILES['projection']}")
    config = SparklesChatConfig.from_pretrained(base)
    parts = saved_weights.known_parts(config.frozen_parts)
    if not parts:
        raise UserError(f"{base}: config.json has no record of the frozen parts; convert or save the whole model again")
    tensors = weight_files.open_weights(projection)
    check_projection(str(projection), tensors.shapes())
    fates = {key: tensor_fate(key, "projection", int(config.vision.num_hidden_layers)) for key in tensors}
    problems = [Problem(key, f"unknown tensor in {projection.name}") for key, what in fates.items() if what is None]
    found: dict[str, torch.Tensor] = {}
    _merge(found, tensors, fates, problems)
    shapes = {"weight": [config.text.hidden_size, config.qformer.hidden_size], "bias": [config.text.hidden_size]}
    for name, shape in shapes.items():
        own = list(found[f"language_projection.{name}"].shape)
        if own != shape:
            problems.append(Problem(f"llama_proj.{name}", f"is {own}, the base takes {shape}"))
    if problems:
        raise DataError(f"converting to {out}", problems, "nothing was written; check projection and base")
    saved_weights.save_projection(out, {name: tensor.float() for name, tensor in found.items()}, base.resolve(), parts)
    config.save_pretrained(out)
    SparklesChatProcessor.from_pretrained(base).save_pretrained(out)
    file = SourceFile("projection", projection.name, sha256_file(projection), projection.stat().st_size)
    hashes = {part: known.sha256 for part, known in parts.items()}
    done = Conversion(out, (file,), len(found), _reasons("projection", fates), hashes, ())
    _write_report(done)
    return done


def published_projection(model: SparklesChatForConditionalGeneration) -> dict[str, torch.Tensor]:
    """The projection under its published names, for a checkpoint that the original code can load as ["model"]."""
    return {
        name.replace("language_projection", "llama_proj"): model.get_parameter(name).detach().cpu().clone()
        for name in saved_weights.PROJECTION_NAMES
    }


_PARTS: tuple[PublishedPart, ...] = ("vision", "qformer", "projection", "language")


def _hub_only(part: PublishedPart) -> tuple[str, ...]:
    """The tensors whose shards of a hub folder are opened; the others, over 40 GB of T5, are not."""
    return {"vision": ("vision_model.",), "qformer": ("qformer.", "query_tokens", "vision_model.post_layernorm.")}.get(
        part, ()
    )


def _check_present(sources: Sources) -> None:
    missing = [
        Problem(part, f"{getattr(sources, part)} is missing; {PUBLISHED_FILES[part]}")
        for part in _PARTS
        if not getattr(sources, part).exists()
    ]
    if missing:
        raise DataError("converting", missing)


def _check_family(part: PublishedPart, place: Path, tensors: weight_files.Weights, t5_width: int) -> None:
    if part in ("vision", "qformer") and place.is_dir():
        check_hub_config(str(place), weight_files.read_json(place / "config.json"), t5_width)
    if part == "qformer":
        check_qformer(str(place), tensors.shapes(), t5_width, known=place.is_dir())
    if part == "projection":
        check_projection(str(place), tensors.shapes())


def _language_config(place: Path) -> LlamaConfig:
    if not (place / "config.json").is_file():
        raise UserError(
            f"{place}: no config.json; give the language model's Hugging Face folder. {PUBLISHED_FILES['language']}"
        )
    config = weight_files.read_json(place / "config.json")
    if config.get("model_type") != "llama":
        raise UserError(
            f"{place}: a {config.get('model_type')} model; this one needs a LLaMA. {PUBLISHED_FILES['language']}"
        )
    # old folders pad with -1 or with an unused row; generation pads with eos, as published
    return LlamaConfig.from_dict({**config, "pad_token_id": config.get("eos_token_id", 2)})


def _merge(
    found: dict[str, torch.Tensor],
    tensors: weight_files.Weights,
    fates: Mapping[str, TensorFate | None],
    problems: list[Problem],
) -> None:
    """Store every used tensor under our name; the fused bias of an attention is [q bias, zeros, v bias]."""
    halves: dict[str, dict[str, torch.Tensor]] = {}
    for key, what in fates.items():
        if not isinstance(what, UsedTensor):
            continue
        if what.piece:
            halves.setdefault(what.name, {})[what.piece] = tensors[key]
        elif what.name in found:
            problems.append(Problem(key, f"a second tensor for {what.name}"))
        else:
            found[what.name] = tensors[key]
    for name, half in halves.items():
        if set(half) == {"q", "v"}:
            found[name] = torch.cat([half["q"], torch.zeros_like(half["q"]), half["v"]])


def _reasons(part: str, fates: Mapping[str, TensorFate | None]) -> dict[str, tuple[str, ...]]:
    left_out = [(key, what.why) for key, what in fates.items() if isinstance(what, DroppedTensor)]
    reasons = sorted({why for _, why in left_out})
    return {f"{part}: {why}": tuple(key for key, own in left_out if own == why) for why in reasons}


def _compare(found: Mapping[str, torch.Tensor], config: SparklesChatConfig) -> list[Problem]:
    with torch.device("meta"):
        expected = {
            name: tuple(own.shape) for name, own in SparklesChatForConditionalGeneration(config).state_dict().items()
        }
    missing = [Problem(name, "no tensor was found for it") for name in expected if name not in found]
    surplus = [Problem(name, "the configuration has no such tensor") for name in found if name not in expected]
    shapes = [
        Problem(name, f"is {tuple(found[name].shape)}, the configuration wants {shape}")
        for name, shape in expected.items()
        if name in found and tuple(found[name].shape) != shape
    ]
    return [*shapes, *surplus, *missing]


def _cast(name: str, tensor: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    if saved_weights.part_of(name) in ("qformer", "projection"):
        return tensor.float()
    return tensor if dtype is None else tensor.to(dtype)


def _notes(config: SparklesChatConfig) -> tuple[str, ...]:
    if config.text.hidden_size == T5_XXL_WIDTH and config.text.vocab_size != 32001:
        note = (
            f"the language model has {config.text.vocab_size} rows; Vicuna v0, with which the released projections "
            "were trained, has 32001: with another version they are approximations, and reports should say so"
        )
        return (note,)
    return ()


def _save_processor(sources: Sources, config: SparklesChatConfig, out: Path) -> tuple[str, ...]:
    place = sources.tokenizer or sources.language
    try:
        tokens = load_tokens(place)
    except UserError as missing:
        if sources.tokenizer is not None:
            raise
        return (f"no processor was saved ({missing}); give the tokenizer and convert again to use text",)
    SparklesChatProcessor.for_model(tokens, config).save_pretrained(out)
    return ()


def _write_report(done: Conversion) -> None:
    report = {spec.name: getattr(done, spec.name) for spec in fields(done) if spec.name != "out"}
    report["files"] = [asdict(file) for file in done.files]
    report["dropped"] = {why: sorted(names) for why, names in done.dropped.items()}
    (done.out / REPORT_FILE).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
