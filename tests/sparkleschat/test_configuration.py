"""What the configuration says by default, and what it refuses."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'local'")
pytest.importorskip("transformers", reason="needs the extra 'local'")

from sparkles_eval.sparkleschat import SparklesChatConfig, SparklesChatForConditionalGeneration  # noqa: E402


def test_golden_parameter_counts() -> None:
    """The published sizes to the last parameter, counted on the original modules. No memory is used for them."""
    with torch.device("meta"):
        model = SparklesChatForConditionalGeneration(SparklesChatConfig())
    counts = {name: sum(own.numel() for own in child.parameters()) for name, child in model.named_children()}
    assert counts == {
        "vision_model": 985_952_256,
        "qformer": 105_137_664,
        "language_projection": 3_149_824,
        "language_model": 6_738_423_808,
    }
    assert model.query_tokens.numel() == 24_576
    assert model.num_parameters(only_trainable=True) == 3_149_824


def test_defaults_are_the_published_system() -> None:
    config = SparklesChatConfig()
    assert (config.vision.num_hidden_layers, config.vision.layer_norm_eps, config.vision.hidden_act) == (
        39,
        1e-6,
        "gelu",
    )
    assert (config.qformer.layer_norm_eps, config.qformer.encoder_hidden_size) == (1e-12, 1408)
    assert (config.text.vocab_size, config.text.rms_norm_eps) == (32001, 1e-6)
    assert config.stop_sequences == [[835], [2277, 29937]]


def test_parts_given_as_dictionaries_keep_the_other_defaults() -> None:
    config = SparklesChatConfig(
        text_config={"num_hidden_layers": 2}, vision_config={"hidden_size": 16, "num_attention_heads": 2}
    )
    assert (config.text.vocab_size, config.text.num_hidden_layers) == (32001, 2)
    assert config.vision.initializer_range == 0.02  # the library's own 1e-10 learns nothing
    assert config.qformer.encoder_hidden_size == 16


def test_a_stem_must_fit_its_patches() -> None:
    with pytest.raises(ValueError, match=r"makes patches of 8 px, vision_config\.patch_size says 14; set it to 8"):
        SparklesChatConfig(stem_channels=[8, 8])
