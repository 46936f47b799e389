"""Small random checkpoints of current families whose processors read video too, in folders as downloads would be.

Written without making the video processor, which needs torchvision: its settings are only a file there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_WORDS = ("user", "assistant", "Which", "is", "brighter", "first", "second", "TRUE", "FALSE", "or", "?", ".", "yes")
_TEXT = {
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.4,
}
_ROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 2, 2]}
_TOWER = {"depth": 2, "num_heads": 4, "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2}
_SIGLIP = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


def _template(mark: str) -> str:
    """Turns as <|start|> role ... <|end|>, a mark at each picture: the shape that most families use."""
    return (
        "{% for m in messages %}<|start|> {{ m.role }} {% for c in m.content %}{% if c.type == 'image' %}" + mark + " "
        "{% else %}{{ c.text }} {% endif %}{% endfor %}<|end|> {% endfor %}"
        "{% if add_generation_prompt %}<|start|> assistant {% endif %}"
    )


@dataclass(frozen=True)
class Family:
    """How one architecture's tiny checkpoint is made."""

    processor: str
    mark: str
    """What the chat template writes for a picture."""
    special: tuple[str, ...]
    image_processor: Callable[[], Any]
    config: Callable[[Callable[[str], int], int], Any]
    """From the id of a token and the size of the vocabulary."""
    video: str
    settings: Mapping[str, object] | None = None
    named: Mapping[str, str] | None = None
    """Tokens that the tokenizer knows under a name."""


def write_vlm(family: str, folder: Path, *, seed: int = 0, context: int = 4096) -> Path:
    """A checkpoint of a key of `FAMILIES`, with its own processor files; `context` positions at the most."""
    import torch
    from transformers import AutoModelForImageTextToText

    made = FAMILIES[family]
    tokenizer = _tokenizer(made)
    config = made.config(tokenizer.convert_tokens_to_ids, len(tokenizer))
    config.text_config.max_position_embeddings = context
    ends, fills = tokenizer.convert_tokens_to_ids(["<|end|>", "<pad>"])
    config.text_config.eos_token_id, config.text_config.pad_token_id = ends, fills
    torch.manual_seed(seed)
    auto: Any = AutoModelForImageTextToText
    model = auto.from_config(config)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = ends, fills
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    made.image_processor().save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(_template(made.mark))
    settings = {"processor_class": made.processor, **(made.settings or {})}
    (folder / "processor_config.json").write_text(json.dumps(settings))
    (folder / "video_preprocessor_config.json").write_text(
        json.dumps({"processor_class": made.processor, "video_processor_type": made.video})
    )
    return folder


def _tokenizer(family: Family) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    marks = ("<pad>", "<unk>", "<|start|>", "<|end|>", *family.special)
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate((*marks, *_WORDS))}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    # Given by name, they are the only ones: a second list would be forgotten.
    named = family.named and {"start_of_turn": "<|start|>", **family.named}
    special: dict[str, Any] = {"extra_special_tokens": named or ["<|start|>", *family.special]}
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=words, pad_token="<pad>", eos_token="<|end|>", unk_token="<unk>", **special
    )


def _qwen_images() -> Any:
    from transformers import Qwen2VLImageProcessorPil

    return Qwen2VLImageProcessorPil(size={"shortest_edge": 28 * 28, "longest_edge": 28 * 28 * 16})


def _qwen_marks(ids: Callable[[str], int]) -> dict[str, Any]:
    return {
        "image_token_id": ids("<|image_pad|>"),
        "video_token_id": ids("<|video_pad|>"),
        "vision_start_token_id": ids("<|vision_start|>"),
        "vision_end_token_id": ids("<|vision_end|>"),
    }


def _qwen2_vl(ids: Callable[[str], int], size: int) -> Any:
    from transformers import Qwen2VLConfig

    return Qwen2VLConfig(
        text_config={**_TEXT, "vocab_size": size, "rope_parameters": _ROPE},
        vision_config={**_TOWER, "embed_dim": 32, "hidden_size": 48},
        **_qwen_marks(ids),
    )


def _qwen2_5_vl(ids: Callable[[str], int], size: int) -> Any:
    from transformers import Qwen2_5_VLConfig

    tower = {"hidden_size": 32, "intermediate_size": 64, "out_hidden_size": 48, "fullatt_block_indexes": [1]}
    return Qwen2_5_VLConfig(
        text_config={**_TEXT, "vocab_size": size, "rope_parameters": _ROPE},
        vision_config={**_TOWER, **tower, "window_size": 56},
        **_qwen_marks(ids),
    )


def _qwen3_vl(ids: Callable[[str], int], size: int) -> Any:
    from transformers import Qwen3VLConfig

    tower = {"hidden_size": 32, "intermediate_size": 64, "out_hidden_size": 48, "num_position_embeddings": 64}
    return Qwen3VLConfig(
        text_config={**_TEXT, "vocab_size": size, "head_dim": 12, "rope_parameters": _ROPE},
        vision_config={**_TOWER, **tower, "deepstack_visual_indexes": [0]},
        **_qwen_marks(ids),
    )


def _qwen3_5(ids: Callable[[str], int], size: int) -> Any:
    from transformers import Qwen3_5Config

    linear = {"linear_key_head_dim": 8, "linear_value_head_dim": 8, "linear_num_key_heads": 2}
    tower = {"hidden_size": 32, "intermediate_size": 64, "out_hidden_size": 48, "num_position_embeddings": 64}
    rope = {**_ROPE, "partial_rotary_factor": 0.5, "mrope_section": [1, 1, 1]}
    return Qwen3_5Config(
        text_config={
            **_TEXT,
            **linear,
            "vocab_size": size,
            "head_dim": 12,
            "linear_num_value_heads": 2,
            "layer_types": ["linear_attention", "full_attention"],
            "rope_parameters": rope,
        },
        vision_config={**_TOWER, **tower},
        **_qwen_marks(ids),
    )


def _glm4v(ids: Callable[[str], int], size: int) -> Any:
    from transformers import Glm4vConfig

    tower = {"hidden_size": 32, "intermediate_size": 64, "out_hidden_size": 48, "image_size": 56}
    return Glm4vConfig(
        text_config={**_TEXT, "vocab_size": size, "rope_parameters": {**_ROPE, "partial_rotary_factor": 1.0}},
        vision_config={**_TOWER, **tower},
        image_token_id=ids("<|image|>"),
        video_token_id=ids("<|video|>"),
        image_start_token_id=ids("<|begin_of_image|>"),
        image_end_token_id=ids("<|end_of_image|>"),
        video_start_token_id=ids("<|video|>"),
        video_end_token_id=ids("<|video|>"),
    )


def _glm_images() -> Any:
    from transformers import Glm4vImageProcessorPil

    return Glm4vImageProcessorPil(size={"shortest_edge": 28 * 28 * 2, "longest_edge": 28 * 28 * 32})


def _internvl(ids: Callable[[str], int], size: int) -> Any:
    from transformers import InternVLConfig

    return InternVLConfig(
        text_config={**_TEXT, "model_type": "qwen2", "vocab_size": size},
        vision_config={**_SIGLIP, "image_size": [32, 32], "patch_size": [8, 8]},
        image_token_id=ids("<IMG_CONTEXT>"),
        image_seq_length=4,
    )


def _internvl_images() -> Any:
    from transformers import GotOcr2ImageProcessorPil

    return GotOcr2ImageProcessorPil(size={"height": 32, "width": 32}, crop_to_patches=False)


def _llava_onevision(ids: Callable[[str], int], size: int) -> Any:
    from transformers import LlavaOnevisionConfig

    return LlavaOnevisionConfig(
        text_config={**_TEXT, "model_type": "qwen2", "vocab_size": size},
        vision_config={
            **_SIGLIP,
            "model_type": "siglip_vision_model",
            "image_size": 32,
            "patch_size": 8,
            "vision_use_head": False,
        },
        image_token_index=ids("<image>"),
        video_token_index=ids("<video>"),
        image_grid_pinpoints=[[32, 32], [32, 64], [64, 32]],
        vision_aspect_ratio="anyres_max_9",
    )


def _onevision_images() -> Any:
    from transformers import LlavaOnevisionImageProcessorPil

    return LlavaOnevisionImageProcessorPil(
        size={"height": 32, "width": 32}, image_grid_pinpoints=[[32, 32], [32, 64], [64, 32]]
    )


def _smolvlm(ids: Callable[[str], int], size: int) -> Any:
    from transformers import SmolVLMConfig

    return SmolVLMConfig(
        text_config={**_TEXT, "model_type": "llama", "vocab_size": size, "pad_token_id": 0},
        vision_config={**_SIGLIP, "image_size": 32, "patch_size": 8},
        image_token_id=ids("<image>"),
        scale_factor=2,
    )


def _smolvlm_images() -> Any:
    from transformers import SmolVLMImageProcessorPil

    return SmolVLMImageProcessorPil(size={"longest_edge": 32}, max_image_size={"longest_edge": 32})


_QWEN = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
_QWEN_MARK = "<|vision_start|><|image_pad|><|vision_end|>"
FAMILIES: Mapping[str, Family] = {
    "qwen2_vl": Family("Qwen2VLProcessor", _QWEN_MARK, _QWEN, _qwen_images, _qwen2_vl, "Qwen2VLVideoProcessor"),
    "qwen2_5_vl": Family("Qwen2_5_VLProcessor", _QWEN_MARK, _QWEN, _qwen_images, _qwen2_5_vl, "Qwen2VLVideoProcessor"),
    "qwen3_vl": Family("Qwen3VLProcessor", _QWEN_MARK, _QWEN, _qwen_images, _qwen3_vl, "Qwen3VLVideoProcessor"),
    "qwen3_5": Family("Qwen3VLProcessor", _QWEN_MARK, _QWEN, _qwen_images, _qwen3_5, "Qwen3VLVideoProcessor"),
    "glm4v": Family(
        "Glm4vProcessor",
        "<|begin_of_image|><|image|><|end_of_image|>",
        ("<|image|>", "<|video|>", "<|begin_of_image|>", "<|end_of_image|>"),
        _glm_images,
        _glm4v,
        "Glm4vVideoProcessor",
    ),
    "internvl": Family(
        "InternVLProcessor",
        "<IMG_CONTEXT>",
        ("<IMG_CONTEXT>", "<img>", "</img>", "<video>"),
        _internvl_images,
        _internvl,
        "InternVLVideoProcessor",
        {"image_seq_length": 4},
        {
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        },
    ),
    "llava_onevision": Family(
        "LlavaOnevisionProcessor",
        "<image>",
        ("<image>", "<video>"),
        _onevision_images,
        _llava_onevision,
        "LlavaOnevisionVideoProcessor",
        {"num_image_tokens": 16, "vision_feature_select_strategy": "full"},
    ),
    "smolvlm": Family(
        "SmolVLMProcessor",
        "<image>",
        ("<image>", "<video>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"),
        _smolvlm_images,
        _smolvlm,
        "SmolVLMVideoProcessor",
        {"image_seq_len": 4},
    ),
}
