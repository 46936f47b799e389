"""Which model a Q-Former file or a projection file is of, told by its names and shapes; and where the right ones are.

All Q-Formers of BLIP-2 and InstructBLIP have the same shapes, and T5-XXL's projection has the shape of LLaMA-7B's: a
wrong file would load without a word and answer nonsense. Knows nothing of how files are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sparkles_eval.errors import UserError
from sparkles_eval.sparkleschat.keymap import Source


@dataclass(frozen=True, slots=True)
class Known:
    """A published file: what it is, where it is, under which licence."""

    what: str
    where: str
    licence: str

    def __str__(self) -> str:
        return f"get {self.what} from {self.where} (licence: {self.licence})"


_LAVIS = "https://storage.googleapis.com/sfr-vision-language-research/LAVIS/models/BLIP2"
KNOWN: Mapping[Source, Known] = {
    "vision": Known("eva_vit_g.pth", f"{_LAVIS}/eva_vit_g.pth, or Salesforce/blip2-flan-t5-xxl on the hub", "MIT"),
    "qformer": Known(
        "blip2_pretrained_flant5xxl.pth",
        f"{_LAVIS}/blip2_pretrained_flant5xxl.pth, or Salesforce/blip2-flan-t5-xxl on the hub",
        "BSD 3-Clause (LAVIS)",
    ),
    "projection": Known(
        "sparkleschat_7b.pth or a MiniGPT-4 7B checkpoint",
        "the resources of github.com/HYPJUDY/Sparkles or github.com/Vision-CAIR/MiniGPT-4",
        "that of LLaMA's weights",
    ),
    "language": Known(
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
    where: str, shapes: Mapping[str, tuple[int, ...]], width: int = T5_XXL_WIDTH, *, told: bool = False
) -> None:
    """Raise UserError unless these names and shapes are those of BLIP-2 flan-t5-xxl, or of a complete MiniGPT-4 state.

    `width` is the output width that the file's own projection must have: 4,096 is T5-XXL's. `told` says that something
    else named the family already (a hub folder's config.json), so that the projection may lie in an unopened shard.
    """
    for start, family in _FOREIGN.items():
        if any(key.startswith(start) for key in shapes):
            raise UserError(_wrong(where, f"has tensors named {start}*: it is {family}'s"))
    reads_text = "Qformer.bert.embeddings.word_embeddings.weight" in shapes
    if reads_text and not any(key.startswith("Qformer.cls.") for key in shapes):
        # InstructBLIP took the word head away and kept the words; a Q-Former that kept both is merely untrimmed
        raise UserError(_wrong(where, "its Q-Former reads text: it is InstructBLIP's"))
    heads = [key for key in ("t5_proj.weight", "language_projection.weight") if key in shapes]
    for key in heads:
        found = shapes[key][0]
        if found != width:
            family = {2048: "BLIP-2 flan-t5-xl", 2560: "BLIP-2 OPT-2.7B"}.get(found, "another BLIP-2")
            raise UserError(_wrong(where, f"{key} has width {found}, flan-t5-xxl's has {width}: it is {family}'s"))
    if not heads and not told and "llama_proj.weight" not in shapes:
        raise UserError(_wrong(where, "holds no t5_proj.weight, by which flan-t5-xxl's file is told from the others"))


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
    raise UserError(f"{where}: no llama_proj.weight and llama_proj.bias{trap}; {KNOWN['projection']}")


def check_hub_config(where: str, config: Mapping[str, object], width: int = T5_XXL_WIDTH) -> None:
    """Raise UserError unless a hub folder's config.json is that of BLIP-2 with T5 of the given width."""
    text = config.get("text_config")
    found = text if isinstance(text, dict) else {}
    kind, family, size = config.get("model_type"), found.get("model_type"), found.get("d_model")
    if (kind, family, size) != ("blip-2", "t5", width):
        raise UserError(_wrong(where, f"config.json says {kind} with {family} of width {size}"))


def _wrong(where: str, what: str) -> str:
    return f"{where}: not the Q-Former of BLIP-2 flan-t5-xxl, {what}; {KNOWN['qformer']}"
