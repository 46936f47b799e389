"""Names: what each becomes, from the file that it is wanted from and from the others."""

from __future__ import annotations

import pytest

from sparkles_eval.sparkleschat.published_files import DroppedTensor, PublishedPart, UsedTensor, tensor_fate


@pytest.mark.parametrize(
    ("key", "wanted", "ours"),
    [
        ("blocks.0.attn.qkv.weight", "vision", "vision_model.encoder.layers.0.self_attn.qkv.weight"),
        ("visual_encoder.blocks.38.mlp.fc2.bias", "vision", "vision_model.encoder.layers.38.mlp.fc2.bias"),
        ("vision_model.embeddings.class_embedding", "vision", "vision_model.embeddings.class_embedding"),
        ("ln_vision.weight", "qformer", "vision_model.post_layernorm.weight"),
        ("vision_model.post_layernorm.bias", "qformer", "vision_model.post_layernorm.bias"),
        (
            "Qformer.bert.encoder.layer.10.crossattention.self.key.weight",
            "qformer",
            "qformer.encoder.layer.10.crossattention.attention.key.weight",
        ),
        (
            "Qformer.bert.encoder.layer.1.attention.output.LayerNorm.bias",
            "qformer",
            "qformer.encoder.layer.1.attention.output.LayerNorm.bias",
        ),
        ("llama_proj.bias", "projection", "language_projection.bias"),
        ("llama_model.model.norm.weight", "language", "language_model.model.norm.weight"),
        ("lm_head.weight", "language", "language_model.lm_head.weight"),
    ],
)
def test_used(key: str, wanted: PublishedPart, ours: str) -> None:
    assert tensor_fate(key, wanted, 39) == UsedTensor(ours)


def test_the_two_halves_of_a_bias() -> None:
    name = "vision_model.encoder.layers.4.self_attn.qkv.bias"
    assert tensor_fate("blocks.4.attn.q_bias", "vision", 39) == UsedTensor(name, "q")
    assert tensor_fate("blocks.4.attn.v_bias", "vision", 39) == UsedTensor(name, "v")


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("blocks.39.attn.qkv.weight", "vision"),
        ("head.weight", "vision"),
        ("t5_proj.weight", "qformer"),
        ("language_projection.weight", "projection"),
        ("language_model.encoder.block.0.layer.0.SelfAttention.q.weight", "qformer"),
        ("qformer.encoder.layer.0.intermediate.dense.weight", "qformer"),
        ("visual_encoder.cls_token", "projection"),
        ("llama_proj.weight", "qformer"),
        ("query_tokens", "vision"),
    ],
)
def test_dropped_on_purpose(key: str, wanted: PublishedPart) -> None:
    assert isinstance(tensor_fate(key, wanted, 39), DroppedTensor)


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("blocks.40.norm1.weight", "vision"),
        ("blocks.0.attn.rel_pos", "vision"),
        ("blocks.0.norm1.extra", "vision"),
        ("vision_model.surprise", "vision"),
        ("Qformer.bert.pooler.dense.weight", "qformer"),
        ("qformer.embeddings.word_embeddings.weight", "qformer"),
        ("temp", "qformer"),
        ("lora.weight", "projection"),
        ("model_ema", "language"),
        ("language_model.model.norm.weight", "language"),
    ],
)
def test_unknown(key: str, wanted: PublishedPart) -> None:
    assert tensor_fate(key, wanted, 39) is None
