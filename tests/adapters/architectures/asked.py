"""The architectures that every version has to run: those that researchers evaluate most."""

from __future__ import annotations

from collections.abc import Mapping

from tests.adapters.architectures.making import Architecture

SIDES = {"shortest_edge": 28 * 28, "longest_edge": 28 * 28 * 16}
QWEN_IDS = {
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
}
QWEN_MARK = "<|vision_start|><|image_pad|><|vision_end|>"
ROPE = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]}
GLM_IDS = {
    "image_token_id": "<|image|>",
    "video_token_id": "<|video|>",
    "image_start_token_id": "<|begin_of_image|>",
    "image_end_token_id": "<|end_of_image|>",
    "video_start_token_id": "<|begin_of_video|>",
    "video_end_token_id": "<|end_of_video|>",
}
GLM_MARK = "<|begin_of_image|><|image|><|end_of_image|>"
SIGLIP = {"model_type": "siglip_vision_model", "image_size": 32, "patch_size": 8, "vision_use_head": False}
CLIP = {"model_type": "clip_vision_model", "image_size": 32, "patch_size": 8}
CROPS = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
GRID = [[32, 64], [64, 32]]


def nested(name: str, values: Mapping[str, object]) -> dict[str, object]:
    return {f"{name}.{key}": value for key, value in values.items()}


def _qwen(processor: str, **config: object) -> Architecture:
    return Architecture(
        processor,
        QWEN_MARK,
        "Qwen2VLImageProcessor",
        {"size": SIDES, "patch_size": config.get("vision_config.patch_size", 14)},
        ids=QWEN_IDS,
        config=config,
        video="Qwen2VLVideoProcessor" if processor != "Qwen3VLProcessor" else "Qwen3VLVideoProcessor",
    )


ASKED: Mapping[str, Architecture] = {
    "qwen2_vl": _qwen("Qwen2VLProcessor", **{"text_config.rope_parameters": ROPE}),
    "qwen2_5_vl": _qwen(
        "Qwen2_5_VLProcessor",
        **{
            "text_config.rope_parameters": ROPE,
            "vision_config.fullatt_block_indexes": [1],
            "vision_config.window_size": 56,
        },
    ),
    "qwen3_vl": _qwen(
        "Qwen3VLProcessor",
        **{
            "text_config.rope_parameters": ROPE,
            "vision_config.deepstack_visual_indexes": [0],
            "vision_config.patch_size": 14,
        },
    ),
    "qwen3_5": _qwen(
        "Qwen3VLProcessor",
        **{
            "text_config.rope_parameters": {**ROPE, "partial_rotary_factor": 0.5, "mrope_section": [1, 1, 0]},
            "vision_config.patch_size": 14,
        },
    ),
    "internvl": Architecture(
        "InternVLProcessor",
        "<IMG_CONTEXT>",
        "GotOcr2ImageProcessor",
        {"size": {"height": 32, "width": 32}, "crop_to_patches": False},
        ids={"image_token_id": "<IMG_CONTEXT>"},
        named={
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": "<video>",
        },
        config={"vision_config.image_size": [32, 32], "vision_config.patch_size": [8, 8], "image_seq_length": 4},
        settings={"image_seq_length": 4},
        video="InternVLVideoProcessor",
    ),
    "llava_onevision": Architecture(
        "LlavaOnevisionProcessor",
        "<image>",
        "LlavaOnevisionImageProcessor",
        {"size": {"height": 32, "width": 32}, "image_grid_pinpoints": [[32, 32], *GRID]},
        ids={"image_token_index": "<image>", "video_token_index": "<video>"},
        config={
            **nested("vision_config", SIGLIP),
            "image_grid_pinpoints": [[32, 32], *GRID],
            "vision_aspect_ratio": "anyres_max_9",
        },
        settings={"num_image_tokens": 16, "vision_feature_select_strategy": "full"},
        video="LlavaOnevisionVideoProcessor",
    ),
    "smolvlm": Architecture(
        "SmolVLMProcessor",
        "<image>",
        "SmolVLMImageProcessor",
        {"size": {"longest_edge": 32}, "max_image_size": {"longest_edge": 32}},
        special=("<video>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"),
        ids={"image_token_id": "<image>"},
        config={"vision_config.image_size": 32, "vision_config.patch_size": 8, "scale_factor": 2},
        settings={"image_seq_len": 4},
        video="SmolVLMVideoProcessor",
    ),
    "glm4v": Architecture(
        "Glm4vProcessor",
        GLM_MARK,
        "Glm4vImageProcessor",
        {"size": {"shortest_edge": 28 * 28 * 2, "longest_edge": 28 * 28 * 32}},
        ids=GLM_IDS,
        config={"text_config.rope_parameters": {**ROPE, "mrope_section": [1, 1, 0], "partial_rotary_factor": 0.5}},
        video="Glm4vVideoProcessor",
    ),
    "gemma3": Architecture(
        "Gemma3Processor",
        "<start_of_image>",
        "Gemma3ImageProcessor",
        {"size": {"height": 32, "width": 32}},
        ids={
            "image_token_index": "<image_soft_token>",
            "boi_token_index": "<start_of_image>",
            "eoi_token_index": "<end_of_image>",
        },
        named={"image_token": "<image_soft_token>", "boi_token": "<start_of_image>", "eoi_token": "<end_of_image>"},
        config={"vision_config.image_size": 32, "vision_config.patch_size": 8, "mm_tokens_per_image": 4},
        settings={"image_seq_length": 4},
        begins=True,
    ),
    "idefics3": Architecture(
        "Idefics3Processor",
        "<image>",
        "Idefics3ImageProcessor",
        {"size": {"longest_edge": 64}, "max_image_size": {"longest_edge": 32}},
        special=(
            "<fake_token_around_image>",
            "<global-img>",
            "<end_of_utterance>",
            *(f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2)),
        ),
        ids={"image_token_id": "<image>"},
        config={"vision_config.image_size": 32, "vision_config.patch_size": 8, "scale_factor": 2},
        settings={"image_seq_len": 4},
        begins=True,
    ),
    "llava_next": Architecture(
        "LlavaNextProcessor",
        "<image>",
        "LlavaNextImageProcessor",
        {**CROPS, "image_grid_pinpoints": GRID},
        ids={"image_token_index": "<image>"},
        config={**nested("vision_config", CLIP), "image_grid_pinpoints": GRID},
        settings={"patch_size": 8, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1},
        begins=True,
    ),
    "mistral3": Architecture(
        "PixtralProcessor",
        "[IMG]",
        "PixtralImageProcessor",
        {"size": {"longest_edge": 64}, "patch_size": {"height": 16, "width": 16}},
        special=("[IMG_BREAK]", "[IMG_END]"),
        ids={"image_token_index": "[IMG]"},
        config={"vision_config.patch_size": 8, "spatial_merge_size": 2},
        settings={"patch_size": 8, "spatial_merge_size": 2},
        begins=True,
    ),
    "pixtral": Architecture(
        "PixtralProcessor",
        "[IMG]",
        "PixtralImageProcessor",
        {"size": {"longest_edge": 64}, "patch_size": {"height": 16, "width": 16}},
        special=("[IMG_BREAK]", "[IMG_END]"),
        ids={"image_token_index": "[IMG]"},
        config={
            "vision_config": {
                "model_type": "pixtral",
                "hidden_size": 32,
                "intermediate_size": 48,
                "head_dim": 8,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "patch_size": 16,
                "image_size": 64,
            },
            "vision_feature_layer": -1,
            "vision_feature_select_strategy": "full",
        },
        settings={"patch_size": 16},
        model_type="llava",
        begins=True,
    ),
    "mllama": Architecture(
        "MllamaProcessor",
        "<|image|>",
        "MllamaImageProcessor",
        {"size": {"height": 32, "width": 32}, "max_image_tiles": 2},
        special=("<|python_tag|>",),
        ids={"image_token_index": "<|image|>"},
        config={
            "text_config.cross_attention_layers": [1],
            "vision_config.image_size": 32,
            "vision_config.patch_size": 8,
            "vision_config.max_num_tiles": 2,
            "vision_config.supported_aspect_ratios": [[1, 1], [1, 2], [2, 1]],
            "vision_config.num_global_layers": 1,
            "vision_config.attention_heads": 4,
            "vision_config.intermediate_layers_indices": [0],
            "vision_config.vision_output_dim": 64,
        },
        begins=True,
    ),
}
