"""The configuration of a SparklesChat model for transformers: its parts and their sizes."""

from __future__ import annotations

from typing import Any, ClassVar

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, Blip2QFormerConfig, Blip2VisionConfig, LlamaConfig, PreTrainedConfig

PUBLISHED_STOPS = [[835], [2277, 29937]]
"""Token ids of "###" in the LLaMA vocabulary: at the start of a word, and after any other character."""

_TEXT_7B: dict[str, int] = {"vocab_size": 32001, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}


@strict
class SparklesChatConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """Vision tower (Blip2VisionConfig), Q-Former (Blip2QFormerConfig) and language model (LlamaConfig) of one model.

    The defaults are the published 7B system: EVA ViT-g at 224 px, 39 blocks; 32 queries of width 768; LLaMA-7B with the
    32,001 rows of Vicuna v0.

    Attributes:
        num_query_tokens: vectors that replace one image in the text.
        image_token_id, image_pad_token_id: ids that mark an image in `input_ids`: the first of its vectors, and the
            others. They need not be rows of the embedding table: the model never looks them up.
        stem_channels: widths of a convolutional stem in place of the single patch convolution, for models trained from
            scratch on little data; empty for the published architecture. Each width halves the image once, a last
            convolution halves it once more, so `vision_config.patch_size` must be 2 ** (len(stem_channels) + 1).
        stop_sequences: token id sequences that end an answer; they are part of it until it is decoded.
        query_initializer_range: standard deviation of fresh query tokens (equal queries would stay equal in training).
        vision_in_fp32: keep the tower in fp32 when the rest is loaded in 16 bits, as the published evaluation did; a
            cache of its features pays for it once. May be given to `from_pretrained`.
        frozen_parts: part -> {"name", "revision", "sha256"} of the weights that the whole model was saved with.
    """

    model_type: ClassVar[str] = "sparkleschat"
    sub_configs_defaults: ClassVar[dict[str, Any]] = {
        "vision_config": Blip2VisionConfig,
        "qformer_config": Blip2QFormerConfig,
        "text_config": LlamaConfig,
    }

    vision_config: dict[str, Any] | PreTrainedConfig | None = None
    qformer_config: dict[str, Any] | PreTrainedConfig | None = None
    text_config: dict[str, Any] | PreTrainedConfig | None = None
    num_query_tokens: int = 32
    image_token_id: int = 32000
    image_pad_token_id: int = 32001
    stem_channels: list[int] | None = None
    stop_sequences: list[list[int]] | None = None
    query_initializer_range: float = 0.5
    initializer_range: float = 0.02
    vision_in_fp32: bool = False
    frozen_parts: dict[str, dict[str, str]] | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        # transformers' default of 1e-10 for this tower is for loading only: nothing learns from it
        if self.vision_config is None or isinstance(self.vision_config, dict):
            self.vision_config = {"initializer_range": self.initializer_range, **(self.vision_config or {})}
        if self.text_config is None or isinstance(self.text_config, dict):
            self.text_config = {**_TEXT_7B, **(self.text_config or {})}
        self.stem_channels = list(self.stem_channels or [])
        self.stop_sequences = [
            list(ids) for ids in (PUBLISHED_STOPS if self.stop_sequences is None else self.stop_sequences)
        ]
        self.frozen_parts = dict(self.frozen_parts or {})
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call]
        self.qformer.encoder_hidden_size = self.vision.hidden_size
        patch = 2 ** (len(self.stem_channels) + 1)
        if self.stem_channels and self.vision.patch_size != patch:
            raise ValueError(
                f"a stem of {len(self.stem_channels)} widths makes patches of {patch} px, vision_config.patch_size "
                f"says {self.vision.patch_size}; set it to {patch}"
            )

    @property
    def vision(self) -> Blip2VisionConfig:
        """`vision_config`, typed."""
        assert isinstance(self.vision_config, Blip2VisionConfig)
        return self.vision_config

    @property
    def qformer(self) -> Blip2QFormerConfig:
        """`qformer_config`, typed."""
        assert isinstance(self.qformer_config, Blip2QFormerConfig)
        return self.qformer_config

    @property
    def text(self) -> LlamaConfig:
        """`text_config`, typed."""
        assert isinstance(self.text_config, LlamaConfig)
        return self.text_config


AutoConfig.register("sparkleschat", SparklesChatConfig, exist_ok=True)
