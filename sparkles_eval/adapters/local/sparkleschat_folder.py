"""Identity of a SparklesChat folder, read before its weights are loaded, and when an answer ends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sparkles_eval.adapters.local.device import json_hash
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import sha256_file

_SMALL = 512 * 2**20
"""Bytes of weights that are hashed anew; of more, the hashes that were recorded when they were saved are taken."""
_WORDS = ("processor_config.json", "tokenizer.model", "tokenizer.json")


@dataclass(frozen=True, slots=True)
class Identity:
    """Hashes of what may change an answer: all of it, and what encodes images."""

    weights: str
    tower: str


def identify(folder: Path) -> Identity:
    """By content, wherever the folder lies. Raises errors.UserError where it is no folder of this kind of model."""
    from sparkles_eval.sparkleschat import saved_weights

    config = read_object(folder / "config.json")
    if config.get("model_type") != "sparkleschat":
        raise UserError(f"{folder}: a model of type {config.get('model_type')}; try --model transformers/{folder}")
    record = saved_weights.load_record(folder)
    if record is not None:
        parts, projection = {part: known.sha256 for part, known in record.frozen_parts.items()}, record.sha256
    else:
        parts, projection = _parts(folder, config), _projection(folder)
    words = {name: sha256_file(folder / name) for name in _WORDS if (folder / name).is_file()}
    shape = {name: config.get(name) for name in ("stop_sequences", "num_query_tokens", "stem_channels")}
    vision = config.get("vision_config")
    size = vision.get("image_size") if isinstance(vision, dict) else None
    tower = json_hash([parts.get("vision"), parts.get("qformer"), size])
    all_of_it = [parts, projection, words, shape]
    if (folder / "lora").is_dir():
        from sparkles_eval.sparkleschat import lora

        all_of_it.append({"lora": lora.digest(folder)})
    return Identity(json_hash(all_of_it), tower)


def find_parts(folder: Path, base: str | None) -> Path | None:
    """The whole model whose frozen parts a projection alone goes on, None where the folder is whole itself.

    Raises errors.UserError now and not at the first request: where files of either are missing, or `base` has no use.
    """
    from sparkles_eval.sparkleschat import saved_weights

    record = saved_weights.load_record(folder)
    if record is None:
        if base is not None:
            raise UserError(f"{folder}: base={base} is for a projection alone, and this is a whole model; leave it out")
        return None
    saved_weights.load_projection(folder, record)
    home = saved_weights.find_base(folder, record, Path(base).expanduser() if base is not None else None)
    saved_weights.stored_files(home)
    return home


def ends(folder: Path) -> tuple[tuple[tuple[int, ...], ...], frozenset[int]]:
    """Id sequences that end an answer, and the single ids that do (eos)."""
    from sparkles_eval.sparkleschat import SparklesChatConfig

    config = SparklesChatConfig.from_pretrained(folder)
    stops = tuple(tuple(ids) for ids in config.stop_sequences or ())
    eos = read_object(folder / "generation_config.json").get("eos_token_id", config.text.eos_token_id)
    numbers = eos if isinstance(eos, list) else [eos]
    return stops, frozenset(number for number in numbers if isinstance(number, int))


def read_object(file: Path) -> dict[str, object]:
    """A JSON object, empty where there is no such file. Raises errors.UserError for anything else in it."""
    if not file.is_file():
        return {}
    try:
        value = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not JSON ({error}); copy it again") from None
    if not isinstance(value, dict):
        raise UserError(f"{file}: not a JSON object; copy it again")
    return value


def _parts(folder: Path, config: dict[str, object]) -> dict[str, str]:
    from sparkles_eval.sparkleschat import saved_weights

    recorded = config.get("frozen_parts")
    large = sum(file.stat().st_size for file in folder.glob("model*.safetensors")) > _SMALL
    if large and isinstance(recorded, dict):
        known = saved_weights.known_parts(recorded)
        if set(known) == set(saved_weights.PARTS):
            return {part: known[part].sha256 for part in saved_weights.PARTS}
    return saved_weights.part_hashes(folder)


def _projection(folder: Path) -> str:
    from safetensors import safe_open

    from sparkles_eval.sparkleschat import saved_weights

    files = saved_weights.stored_files(folder)
    digest = []
    for name in saved_weights.PROJECTION_NAMES:
        if name not in files:
            raise UserError(
                f"{folder}: has no tensor {name}; give a folder that was converted or saved by this project"
            )
        with safe_open(files[name], framework="pt", device="cpu") as stored:
            digest.append(saved_weights.hash_tensors(iter([(name, stored.get_tensor(name))])))
    return json_hash(digest)
