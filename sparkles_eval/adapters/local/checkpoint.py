"""Locates and loads a transformers checkpoint: revision, own code, quantisation, adapters, attention.

Code that a checkpoint brings runs only where the user asks for it on the command line, for one commit or one folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparkles_eval.adapters.local import device as local_machine
from sparkles_eval.adapters.options import TRUST, ModelArguments
from sparkles_eval.core import Model
from sparkles_eval.core.errors import MissingExtra, UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CHECKPOINT_ARGS: Mapping[str, str] = {
    "attn": "attention code, such as eager, sdpa or flash_attention_2",
    "device_map": "auto: one copy of the model over all devices",
    "peft": "folder of a PEFT adapter that goes on the checkpoint",
    "revision": "commit, tag or branch of a checkpoint on the hub",
    TRUST: "true runs the code that the checkpoint brings; only here, never from a preset",
}


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint and how it is to be loaded."""

    name: str
    """A folder, or an id on the hub."""
    revision: str | None = None
    context: int | None = None
    """Positions of the model, for prompt and answer together; None where its configuration does not say."""
    own_code: bool = False
    attn: str | None = None
    spread: bool = False
    """True for one copy over all devices."""
    peft: Path | None = None
    prequantised: str = ""
    """How its weights are rounded already, such as "awq"; "" where they are not."""

    @property
    def folder(self) -> Path | None:
        """The folder, where it is one."""
        place = Path(self.name).expanduser()
        return place if place.is_dir() else None

    @property
    def where(self) -> dict[str, Any]:
        """What every `from_pretrained` of transformers takes."""
        return {"revision": self.revision, TRUST: self.own_code}


def read_checkpoint(model: Model, args: ModelArguments) -> Checkpoint:
    """Read the checkpoint that a model names. Raises errors.UserError with the fix."""
    if TRUST in model.settings:
        raise UserError(
            f"{model.name}: its preset asks for {TRUST}, which a file may not; "
            f"read the checkpoint's code, and say --model-arg {TRUST}=true"
        )
    peft = args.text("peft")
    folder = Path(peft).expanduser() if peft else None
    if folder is not None and not (folder / "adapter_config.json").is_file():
        raise UserError(f"{model.name}: peft={peft}: no adapter_config.json there; name the folder of a PEFT adapter")
    return Checkpoint(
        model.model_id,
        args.text("revision") or model.settings.get("revision"),
        own_code=bool(args.flag(TRUST)),
        attn=args.text("attn") or model.settings.get("attn"),
        spread=args.choice("device_map", ("auto",)) is not None,
        peft=folder,
    )


def read_config(place: Checkpoint) -> tuple[Checkpoint, str, str | None]:
    """The checkpoint with what its configuration says, the model's type, and the commit that the name stands for."""
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

    try:
        config = AutoConfig.from_pretrained(place.name, **place.where)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = first_line(error)
        if TRUST in str(error):
            reason = f"it brings code of its own; read it, and --model-arg {TRUST}=true runs it"
        raise UserError(
            f"transformers/{place.name}: no configuration of a known model there ({reason}); "
            "name a folder with a config.json, or a checkpoint on the hub"
        ) from error
    own = place.own_code and bool(getattr(config, "auto_map", None))
    if config.model_type not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES and not own:
        raise UserError(f"transformers/{place.name}: a {config.model_type} model does not answer images with text")
    found = getattr(config, "_commit_hash", None)
    commit = found if isinstance(found, str) else None
    if own and place.folder is None:
        if commit is None:
            raise UserError(
                f"transformers/{place.name}: its code's commit is unknown; give --model-arg revision=COMMIT"
            )
        place = replace(place, revision=commit)  # what was read is what runs
    context = getattr(config.get_text_config(), "max_position_embeddings", None)
    known = replace(
        place,
        context=context if isinstance(context, int) and context > 0 else None,
        prequantised=_quantised(place, getattr(config, "quantization_config", None)),
        own_code=own,
    )
    return known, str(config.model_type), commit


def _quantised(place: Checkpoint, settings: Any) -> str:
    """How the weights are rounded. Raises errors.UserError, naming the library, where they cannot be read here."""
    if not settings:
        return ""
    from transformers.quantizers.auto import AutoHfQuantizer

    try:
        quantiser: Any = AutoHfQuantizer.from_config(settings, pre_quantized=True)
        quantiser.validate_environment(device_map=None)
    except (ImportError, RuntimeError, ValueError, TypeError) as error:
        raise UserError(f"transformers/{place.name}: its quantised weights: {first_line(error)}") from error
    method = quantiser.quantization_config.quant_method
    return str(getattr(method, "value", method))


def identity_settings(place: Checkpoint, commit: str | None) -> dict[str, str]:
    """The settings that may change an answer: weights or commit, code, adapter, attention."""
    found: dict[str, str] = {}
    folder = place.folder
    if folder is not None:
        found["weights"] = local_machine.folder_hash(folder)[:16]
    else:
        found["revision"] = commit or "unknown"
    if place.own_code:
        found["code"] = _code_hash(folder)[:16] if folder is not None else str(place.revision)
    if place.peft is not None:
        found["peft"] = local_machine.folder_hash(place.peft)[:16]
    if place.attn is not None:
        found["attn"] = place.attn
    if place.prequantised:
        found["quantised"] = place.prequantised
    return found


def _code_hash(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        digest.update(f"{file.relative_to(folder)}|".encode() + file.read_bytes())
    return digest.hexdigest()


def load_weights(place: Checkpoint, dtype: str, device: str) -> PreTrainedModel:
    """The model, ready to answer. Raises errors.UserError where it cannot be loaded."""
    import torch

    local_machine.quiet()
    kwargs: dict[str, Any] = {"dtype": local_machine.torch_dtype(dtype), **place.where}
    if dtype in local_machine.QUANTISED:
        kwargs |= local_machine.quantisation(dtype, device, ["lm_head"])
    placed = place.spread or bool(place.prequantised) or dtype in local_machine.QUANTISED
    if placed:
        kwargs["device_map"] = "auto" if place.spread else {"": device}
    if place.attn is not None:
        kwargs["attn_implementation"] = place.attn
    try:
        model, report = _model_class(place).from_pretrained(place.name, output_loading_info=True, **kwargs)
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise UserError(f"{place.name}: cannot be loaded: {first_line(error)}") from error
    _refuse_gaps(place, report)
    if place.peft is not None:
        model = _with_adapter(model, place.peft)
    if not placed:
        model.to(torch.device(device))
    ready: PreTrainedModel = model.eval()
    return ready


def _refuse_gaps(place: Checkpoint, report: Mapping[str, Any]) -> None:
    """Raises errors.UserError where weights are not in the files: transformers would draw them at random and go on."""
    for kind, said in (("missing_keys", "lacks"), ("mismatched_keys", "has another shape of")):
        if keys := sorted(map(str, report.get(kind) or ())):
            raise UserError(
                f"{place.name}: the checkpoint {said} {len(keys)} of the model's weights, {keys[0]} among them; "
                "it was cut off, or is of another architecture than its config.json says"
            )


def _model_class(place: Checkpoint) -> Any:
    """The auto class that the checkpoint's own code names, else the one for images and text."""
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForImageTextToText

    if place.own_code:
        config = AutoConfig.from_pretrained(place.name, **place.where)
        named = getattr(config, "auto_map", {})
        for auto in (AutoModelForImageTextToText, AutoModelForCausalLM, AutoModel):
            if auto.__name__ in named:
                return auto
    return AutoModelForImageTextToText


def _with_adapter(model: Any, folder: Path) -> Any:
    """The model with a PEFT adapter, whose weights stay apart: merging them would round anew."""
    try:
        from peft import PeftModel
    except ImportError as missing:
        raise MissingExtra("peft", "train") from missing
    try:
        return PeftModel.from_pretrained(model, str(folder))
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UserError(f"peft={folder}: does not fit the checkpoint: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """The first line of an error's words, or its type where it has none."""
    words = str(error).strip().splitlines()
    return next((line.strip() for line in words if line.strip()), type(error).__name__)[:300]
