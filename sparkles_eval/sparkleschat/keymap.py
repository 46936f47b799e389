"""What every tensor name of the published files becomes here. Knows names only, neither files nor values.

Sources: the EVA ViT-g, BLIP-2 and MiniGPT-4/SparklesChat checkpoints as released, and `Salesforce/blip2-*` on the hub.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Source: TypeAlias = Literal["vision", "qformer", "projection", "language"]
"""A file that the user names, by the part that is wanted from it."""


@dataclass(frozen=True, slots=True)
class Used:
    """Becomes (part of) our tensor `name`. `piece` is "q" or "v" for the two halves of a fused bias, else ""."""

    name: str
    piece: Literal["", "q", "v"] = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Left out on purpose."""

    why: str


Fate: TypeAlias = Used | Dropped

_OTHER = "belongs to another part, which its own file supplies"
_T5 = "the projection and language model of BLIP-2 itself (T5), never those of this model"
_TEXT_BRANCH = "text branch of the Q-Former, not used with images alone"
_VIT_TAIL = "beyond the depth that is used: last block, final norm, head, mask token"
_ROTARY = "rotary table, computed anew"

_LAST_NORM = ("ln_vision.", "vision_model.post_layernorm.")
_OWNERS: tuple[tuple[Source, tuple[str, ...]], ...] = (
    ("projection", ("llama_proj.",)),
    # the last norm is in the Q-Former's file of the original release, in the tower of the hub's: the same values
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


def fate(key: str, wanted: Source, depth: int) -> Fate | None:
    """What becomes of a tensor found in the file given for `wanted`; None where the name is unknown.

    `depth` is the number of vision blocks in use: block number `depth` itself is in the EVA file and is dropped.
    """
    if key.startswith(("t5_proj.", "language_projection.")):
        return Dropped(_T5)
    # the EVA file has no prefix: what nobody else claims may be the tower's
    owner = next(
        (source for source, starts in _OWNERS if key.startswith(starts)), "vision" if wanted == "vision" else None
    )
    if owner is None:
        return None
    if owner != wanted:
        return Dropped(_T5 if key.startswith("language_model.") else _OTHER)
    if owner == "projection":
        return Used("language_projection." + key.removeprefix("llama_proj."))
    return _vision(key, depth) if owner == "vision" else _qformer(key) if owner == "qformer" else _language(key)


def _vision(key: str, depth: int) -> Fate | None:
    if key.startswith("vision_model."):
        known = re.fullmatch(r"vision_model\.(embeddings|encoder\.layers\.\d+)\..+", key)
        return Used(key) if known else None
    name = key.removeprefix("visual_encoder.")
    if name in _VISION:
        return Used("vision_model." + _VISION[name])
    if re.fullmatch(rf"((norm|fc_norm|head){_WB})|mask_token|blocks\.{depth}\..+", name):
        return Dropped(_VIT_TAIL)
    block = re.fullmatch(r"blocks\.(\d+)\.(.+)\.(weight|bias|q_bias|v_bias)", name)
    return _vision_block(int(block[1]), block[2], block[3]) if block and int(block[1]) < depth else None


def _vision_block(number: int, module: str, leaf: str) -> Fate | None:
    layer = f"vision_model.encoder.layers.{number}."
    if module == "attn" and leaf in ("q_bias", "v_bias"):
        return Used(layer + "self_attn.qkv.bias", "q" if leaf == "q_bias" else "v")
    return Used(f"{layer}{_BLOCK[module]}.{leaf}") if module in _BLOCK and leaf in ("weight", "bias") else None


def _qformer(key: str) -> Fate | None:
    if key == "query_tokens":
        return Used(key)
    if key.startswith(_LAST_NORM):
        return Used("vision_model.post_layernorm." + key.rpartition(".")[2])
    if key.startswith("qformer."):
        own = key.removeprefix("qformer.")
        if re.fullmatch(r"encoder\.layer\.\d+\.(intermediate|output)\..+", own):
            return Dropped(_TEXT_BRANCH)
        return Used(key) if re.fullmatch(_OWN_QFORMER, own) else None
    name = key.removeprefix("Qformer.")
    for pattern, ours in _QFORMER:
        if match := re.fullmatch(pattern, name):
            return Used("qformer." + match.expand(ours))
    return Dropped(_TEXT_BRANCH) if any(re.fullmatch(p, name) for p in _QFORMER_DROPPED) else None


def _language(key: str) -> Fate | None:
    name = key.removeprefix("llama_model.")
    if name.endswith("rotary_emb.inv_freq"):
        return Dropped(_ROTARY)
    return Used("language_model." + name) if name.startswith(("model.", "lm_head.")) else None
