"""Writes a tiny random checkpoint of any architecture, in a folder as a download would be.

The model comes from transformers' own configuration class of the architecture, with every size made small; the
processor's files are written by hand, so that nothing has to be made that only torchvision can make.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WORDS = ("user", "assistant", "Which", "is", "brighter", "first", "second", "TRUE", "FALSE", "or", "?", ".", "yes")
START, END, BEGIN = "<|start|>", "<|end|>", "<|begin|>"
WIDTH = 32
SMALL: Mapping[str, int | float] = {
    **dict.fromkeys(("hidden_size", "embed_dim", "d_model", "out_hidden_size", "projection_dim"), WIDTH),
    **dict.fromkeys(("vision_embed_dim", "text_hidden_size", "vision_output_dim", "mm_hidden_size"), WIDTH),
    **dict.fromkeys(("intermediate_size", "mlp_dim", "dense_intermediate_size", "shared_intermediate_size"), 48),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size", "share_expert_dim"), 16),
    **dict.fromkeys(("num_hidden_layers", "num_layers", "depth", "n_layer", "encoder_layers", "decoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "num_heads", "n_head"), 4),
    **dict.fromkeys(("num_key_value_heads", "linear_num_key_heads", "linear_num_value_heads"), 2),
    **dict.fromkeys(("head_dim", "linear_key_head_dim", "linear_value_head_dim", "hidden_size_per_layer_input"), 8),
    **dict.fromkeys(("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"), 8),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank"), 16),
    **dict.fromkeys(("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts"), 4),
    **dict.fromkeys(("num_experts_per_tok", "moe_k"), 2),
    "num_position_embeddings": 64,
    "initializer_range": 0.4,
}
"""Key of a configuration -> what it becomes wherever it stands. One width for all, so that the parts fit together."""


@dataclass(frozen=True)
class Architecture:
    """What the tiny checkpoint of one architecture needs beyond its small sizes."""

    processor: str
    mark: str
    """What the chat template writes for a picture."""
    image_processor: str
    images: Mapping[str, object] = field(default_factory=dict)
    """Settings of the image processor, small enough for few tokens a picture."""
    special: tuple[str, ...] = ()
    """Special tokens besides those that `ids` and `named` name."""
    ids: Mapping[str, str] = field(default_factory=dict)
    """Key of the configuration (with dots) -> the token whose id it holds."""
    named: Mapping[str, str] = field(default_factory=dict)
    """Tokens that the tokenizer knows under a name."""
    config: Mapping[str, object] = field(default_factory=dict)
    """Key of the configuration (with dots) -> its value."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Settings of the processor."""
    model_type: str = ""
    """Where it is not the architecture's own name."""
    video: str = ""
    """Its video processor, where it has one."""
    videos: Mapping[str, object] = field(default_factory=dict)
    """Settings of the video processor."""
    begins: bool = False
    """True where tokenizer and chat template both write a mark of the beginning."""


def write_checkpoint(name: str, made: Architecture, folder: Path, *, seed: int = 0, context: int = 4096) -> Path:
    """A checkpoint of `name`, with its own processor files; `context` positions at the most."""
    import torch
    from transformers import AutoModelForImageTextToText

    tokenizer = _tokenizer(made)
    config = _config(made.model_type or name, made, tokenizer, context)
    torch.manual_seed(seed)
    auto: Any = AutoModelForImageTextToText
    model = auto.from_config(config)
    with torch.no_grad():
        for weight in model.parameters():
            if not weight.isfinite().all() or weight.abs().sum() == 0:  # left as it was allocated, or at nothing
                weight.normal_(std=0.2)
    ends, fills = tokenizer.convert_tokens_to_ids([END, "<pad>"])
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = ends, fills
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(_template(made))
    write_json(folder / "processor_config.json", {"processor_class": made.processor, **made.settings})
    kinds = {"processor_class": made.processor, "image_processor_type": made.image_processor}
    write_json(folder / "preprocessor_config.json", {**kinds, **made.images})
    if made.video:
        kinds = {"processor_class": made.processor, "video_processor_type": made.video}
        write_json(folder / "video_preprocessor_config.json", {**kinds, **made.videos})
    return folder


def write_json(file: Path, value: Mapping[str, object]) -> None:
    file.write_text(json.dumps(value, indent=1))


def _template(made: Architecture) -> str:
    """Turns as <|start|> role ... <|end|>, a mark at each picture: the shape that most architectures use."""
    return (
        f"{BEGIN if made.begins else ''}"
        "{% for m in messages %}<|start|> {{ m.role }} {% for c in m.content %}{% if c.type == 'image' %}"
        f"{made.mark} "
        "{% else %}{{ c.text }} {% endif %}{% endfor %}<|end|> {% endfor %}"
        "{% if add_generation_prompt %}<|start|> assistant {% endif %}"
    )


def _tokenizer(made: Architecture) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    own = dict.fromkeys((*made.ids.values(), *made.named.values(), *made.special))
    marks = dict.fromkeys(("<pad>", "<unk>", START, END, BEGIN, "<think>", "</think>", *own))
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate((*marks, *WORDS))}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if made.begins:
        first = [(BEGIN, words.token_to_id(BEGIN))]
        words.post_processor = processors.TemplateProcessing(f"{BEGIN} $A", special_tokens=first)
    # Tokens that are given by name are the only ones: a second list would be forgotten.
    unnamed = [token for token in (START, *own) if token not in made.named.values()]
    named = {**{f"mark_{n}": token for n, token in enumerate(unnamed)}, **made.named}
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=words,
        pad_token="<pad>",
        eos_token=END,
        unk_token="<unk>",
        extra_special_tokens=named,
        **({"bos_token": BEGIN} if made.begins else {}),
    )


def _config(model_type: str, made: Architecture, tokenizer: Any, context: int) -> Any:
    from transformers import CONFIG_MAPPING

    kind: Any = CONFIG_MAPPING[model_type]
    nested = kind().to_dict()
    for key, value in made.config.items():
        part, _, last = key.rpartition(".")
        if last == "model_type":  # a part that is chosen: whole, as its own class has it
            nested[part] = CONFIG_MAPPING[str(value)]().to_dict()
    _shrink(nested, len(tokenizer))
    for key, token in made.ids.items():
        _put(nested, key, tokenizer.convert_tokens_to_ids(token))
    for key, value in made.config.items():
        _put(nested, key, value)
    nested.pop("transformers_version", None)
    config = kind.from_dict(nested)
    text = config.get_text_config()
    text.max_position_embeddings = context
    text.eos_token_id, text.pad_token_id = tokenizer.convert_tokens_to_ids([END, "<pad>"])
    return config


def _shrink(nested: dict[str, Any], vocabulary: int) -> None:
    for key, value in nested.items():
        if isinstance(value, dict) and key not in ("rope_parameters", "id2label", "label2id"):
            _shrink(value, vocabulary)
        elif key.startswith("vocab_size") and isinstance(value, int):
            nested[key] = vocabulary
        elif key.endswith("_types") and isinstance(value, list):  # of layers: one of each kind
            nested[key] = (list(dict.fromkeys(value)) * 2)[:2]
        elif key in SMALL and isinstance(value, (int, float)):
            nested[key] = SMALL[key]
        elif key == "tie_word_embeddings":  # a random model with tied ones repeats its last word, whatever it sees
            nested[key] = False
        elif key in ("pad_token_id", "bos_token_id", "eos_token_id") and value is not None:
            nested[key] = 0


def _put(nested: dict[str, Any], path: str, value: object) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        if nested.get(parent) is None:
            nested[parent] = {}
        nested = nested[parent]
    nested[last] = value
