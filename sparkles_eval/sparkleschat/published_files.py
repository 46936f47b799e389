"""Knows the published weight files: recognises them, and maps their tensor names to ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sparkles_eval.core.errors import UserError

PublishedPart: TypeAlias = Literal["vision", "qformer", "projection", "language"]
"""A file that the user names, by the part that is taken from it."""


@dataclass(frozen=True, slots=True)
class UsedTensor:
    """Becomes (part of) our tensor `name`. `piece` is "q" or "v" for the two halves of a fused bias, else ""."""

    name: str
    piece: Literal["", "q", "v"] = ""


@dataclass(frozen=True, slots=True)
class DroppedTensor:
    """Left out on purpose."""

    why: str


TensorFate: TypeAlias = UsedTensor | DroppedTensor

_OTHER = "belongs to another part, which its own file supplies"
_T5 = "the projection and language model of BLIP-2 itself (T5), never those of this model"
_TEXT_BRANCH = "text branch of the Q-Former, not used with images alone"
_VIT_TAIL = "beyond the depth that is used: last block, final norm, head, mask token"
_ROTARY = "rotary table, computed anew"

_LAST_NORM = ("ln_vision.", "vision_model.post_layernorm.")
_OWNERS: tuple[tuple[PublishedPart, tuple[str, ...]], ...] = (
    ("projection", ("llama_proj.",)),
    # the last norm is in the Q-Former's file of the original release, but in the tower on the hub, with equal values
    ("qformer", (*_LAST_NORM, "query_tokens", "Qformer.", "qformer.")),
    ("vision", ("visual_encoder.", "vision_model.")),
    ("language", ("llama_model.", "model.", "lm_head.", "language_model.")),
)
_BLOCK = {
    "norm1": "layer_norm1",
    "norm2": "layer_norm2",
    "attn.qkv": "self_attn.qkv",
    "attn.proj": "self_attn.projection",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
}
_VISION = {
    "cls_token": "embeddings.class_embedding",
    "pos_embed": "embeddings.position_embedding",
    "patch_embed.proj.weight": "embeddings.patch_embedding.weight",
    "patch_embed.proj.bias": "embeddings.patch_embedding.bias",
}
_WB = r"\.(weight|bias)"
_LAYER = r"bert\.encoder\.layer\.(\d+)\."
_QFORMER = (
    (rf"bert\.embeddings\.LayerNorm{_WB}", r"layernorm.\1"),
    (rf"{_LAYER}(attention|crossattention)\.self\.(query|key|value){_WB}", r"encoder.layer.\1.\2.attention.\3.\4"),
    (rf"{_LAYER}(attention|crossattention)\.output\.(dense|LayerNorm){_WB}", r"encoder.layer.\1.\2.output.\3.\4"),
    (
        rf"{_LAYER}(intermediate_query\.dense|output_query\.dense|output_query\.LayerNorm){_WB}",
        r"encoder.layer.\1.\2.\3",
    ),
)
_QFORMER_DROPPED = (
    r"bert\.embeddings\.(word_embeddings\.weight|position_embeddings\.weight|position_ids)",
    rf"{_LAYER}(intermediate\.dense|output\.dense|output\.LayerNorm){_WB}",
    r"cls\..+",
)
_OWN_QFORMER = rf"encoder\.layer\.\d+\..+{_WB}|layernorm{_WB}"


def tensor_fate(key: str, wanted: PublishedPart, depth: int) -> TensorFate | None:
    """What happens to a tensor of the file given for `wanted`; None where the name is unknown.

    `depth` is the number of vision blocks in use: block number `depth` itself is in the EVA file and is dropped.
    """
    if key.startswith(("t5_proj.", "language_projection.")):
        return DroppedTensor(_T5)
    # the EVA file has no prefix: a tensor that fits no other part may be the tower's
    owner = next(
        (source for source, starts in _OWNERS if key.startswith(starts)), "vision" if wanted == "vision" else None
    )
    if owner is None:
        return None
    if owner != wanted:
        return DroppedTensor(_T5 if key.startswith("language_model.") else _OTHER)
    if owner == "projection":
        return UsedTensor("language_projection." + key.removeprefix("llama_proj."))
    return _vision(key, depth) if owner == "vision" else _qformer(key) if owner == "qformer" else _language(key)


def _vision(key: str, depth: int) -> TensorFate | None:
    if key.startswith("vision_model."):
        known = re.fullmatch(r"vision_model\.(embeddings|encoder\.layers\.\d+)\..+", key)
        return UsedTensor(key) if known else None
    name = key.removeprefix("visual_encoder.")
    if name in _VISION:
        return UsedTensor("vision_model." + _VISION[name])
    if re.fullmatch(rf"((norm|fc_norm|head){_WB})|mask_token|blocks\.{depth}\..+", name):
        return DroppedTensor(_VIT_TAIL)
    block = re.fullmatch(r"blocks\.(\d+)\.(.+)\.(weight|bias|q_bias|v_bias)", name)
    return _vision_block(int(block[1]), block[2], block[3]) if block and int(block[1]) < depth else None


def _vision_block(number: int, module: str, leaf: str) -> TensorFate | None:
    layer = f"vision_model.encoder.layers.{number}."
    if module == "attn" and leaf in ("q_bias", "v_bias"):
        return UsedTensor(layer + "self_attn.qkv.bias", "q" if leaf == "q_bias" else "v")
    return UsedTensor(f"{layer}{_BLOCK[module]}.{leaf}") if module in _BLOCK and leaf in ("weight", "bias") else None


def _qformer(key: str) -> TensorFate | None:
    if key == "query_tokens":
        return UsedTensor(key)
    if key.startswith(_LAST_NORM):
        return UsedTensor("vision_model.post_layernorm." + key.rpartition(".")[2])
    if key.startswith("qformer."):
        own = key.removeprefix("qformer.")
        if re.fullmatch(r"encoder\.layer\.\d+\.(intermediate|output)\..+", own):
            return DroppedTensor(_TEXT_BRANCH)
        return UsedTensor(key) if re.fullmatch(_OWN_QFORMER, own) else None
    name = key.removeprefix("Qformer.")
    for pattern, ours in _QFORMER:
        if match := re.fullmatch(pattern, name):
            return UsedTensor("qformer." + match.expand(ours))
    return DroppedTensor(_TEXT_BRANCH) if any(re.fullmatch(p, name) for p in _QFORMER_DROPPED) else None


def _language(key: str) -> TensorFate | None:
    name = key.removeprefix("llama_model.")
    if name.endswith("rotary_emb.inv_freq"):
        return DroppedTensor(_ROTARY)
    return UsedTensor("language_model." + name) if name.startswith(("model.", "lm_head.")) else None


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A published file: what it is, where it is, and its licence."""

    what: str
    where: str
    licence: str

    def __str__(self) -> str:
        return f"get {self.what} from {self.where} (licence: {self.licence})"


_LAVIS = "https://storage.googleapis.com/sfr-vision-language-research/LAVIS/models/BLIP2"
PUBLISHED_FILES: Mapping[PublishedPart, PublishedFile] = {
    "vision": PublishedFile(
        "eva_vit_g.pth", f"{_LAVIS}/eva_vit_g.pth, or Salesforce/blip2-flan-t5-xxl on the hub", "MIT"
    ),
    "qformer": PublishedFile(
        "blip2_pretrained_flant5xxl.pth",
        f"{_LAVIS}/blip2_pretrained_flant5xxl.pth, or Salesforce/blip2-flan-t5-xxl on the hub",
        "BSD 3-Clause (LAVIS)",
    ),
    "projection": PublishedFile(
        "sparkleschat_7b.pth or a MiniGPT-4 7B checkpoint",
        "the resources of github.com/HYPJUDY/Sparkles or github.com/Vision-CAIR/MiniGPT-4",
        "that of LLaMA's weights",
    ),
    "language": PublishedFile(
        "Vicuna-7B v0 as a Hugging Face folder",
        "lmsys/vicuna-7b-delta-v0 on the hub, added to LLaMA-7B with FastChat's apply_delta",
        "LLaMA's, for research",
    ),
}

T5_XXL_WIDTH = 4096

_FOREIGN = {
    "opt_proj.": "BLIP-2 OPT",
    "llm_proj.": "InstructBLIP (Vicuna)",
    "vision_proj.": "BLIP-2's first stage",
    "text_proj.": "BLIP-2's first stage",
    "itm_head.": "BLIP-2's first stage",
    "vision_projection.": "BLIP-2's first stage",
    "qformer.embeddings.": "InstructBLIP",
    "embeddings.": "BLIP-2's first stage",
    "language_model.model.decoder.": "BLIP-2 OPT",
    "language_model.model.layers.": "InstructBLIP (Vicuna)",
}


def check_qformer(
    where: str, shapes: Mapping[str, tuple[int, ...]], width: int = T5_XXL_WIDTH, *, known: bool = False
) -> None:
    """Raise UserError unless these names and shapes are those of BLIP-2 flan-t5-xxl, or of a complete MiniGPT-4 state.

    `width` is the output width that the file's own projection must have: 4,096 is T5-XXL's. `known` says that the
    family is known already (from a hub folder's config.json), so that the projection may be in an unopened shard.
    """
    for start, family in _FOREIGN.items():
        if any(key.startswith(start) for key in shapes):
            raise UserError(_wrong_family(where, f"has tensors named {start}*: it is {family}'s"))
    reads_text = "Qformer.bert.embeddings.word_embeddings.weight" in shapes
    if reads_text and not any(key.startswith("Qformer.cls.") for key in shapes):
        # InstructBLIP has word embeddings but no word head; a Q-Former with both is only untrimmed
        raise UserError(_wrong_family(where, "its Q-Former reads text: it is InstructBLIP's"))
    heads = [key for key in ("t5_proj.weight", "language_projection.weight") if key in shapes]
    for key in heads:
        found = shapes[key][0]
        if found != width:
            family = {2048: "BLIP-2 flan-t5-xl", 2560: "BLIP-2 OPT-2.7B"}.get(found, "another BLIP-2")
            raise UserError(
                _wrong_family(where, f"{key} has width {found}, flan-t5-xxl's has {width}: it is {family}'s")
            )
    if not heads and not known and "llama_proj.weight" not in shapes:
        raise UserError(
            _wrong_family(where, "holds no t5_proj.weight, by which flan-t5-xxl's file is told from the others")
        )


def check_projection(where: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raise UserError unless the file holds llama_proj.weight and llama_proj.bias."""
    if {"llama_proj.weight", "llama_proj.bias"} <= set(shapes):
        return
    foreign = sorted(key for key in shapes if key.startswith(("t5_proj.", "language_projection.")))
    trap = (
        f"; {foreign[0]} is BLIP-2's own projection into T5, of the same shape as the wanted one and of no use here"
        if foreign
        else ""
    )
    raise UserError(f"{where}: no llama_proj.weight and llama_proj.bias{trap}; {PUBLISHED_FILES['projection']}")


def check_hub_config(where: str, config: Mapping[str, object], width: int = T5_XXL_WIDTH) -> None:
    """Raise UserError unless a hub folder's config.json is that of BLIP-2 with T5 of the given width."""
    text = config.get("text_config")
    found = text if isinstance(text, dict) else {}
    kind, family, size = config.get("model_type"), found.get("model_type"), found.get("d_model")
    if (kind, family, size) != ("blip-2", "t5", width):
        raise UserError(_wrong_family(where, f"config.json says {kind} with {family} of width {size}"))


def _wrong_family(where: str, what: str) -> str:
    return f"{where}: not the Q-Former of BLIP-2 flan-t5-xxl, {what}; {PUBLISHED_FILES['qformer']}"
