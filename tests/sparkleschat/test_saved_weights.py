"""The two saved forms, and the refusal of a projection beside weights that it was not trained with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'local'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'local'")

from safetensors.torch import load_file, save_file  # noqa: E402

from sparkles_eval.core.errors import UserError  # noqa: E402
from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration, SparklesChatProcessor  # noqa: E402
from sparkles_eval.sparkleschat.saved_weights import part_hashes  # noqa: E402

if TYPE_CHECKING:
    from sparkles_eval.sparkleschat import SparklesChatConfig


@pytest.fixture
def base(tmp_path: Path, converted: Path) -> Path:
    return Path(shutil.copytree(converted, tmp_path / "base"))


def trained(base: Path) -> SparklesChatForConditionalGeneration:
    model = SparklesChatForConditionalGeneration.from_pretrained(base)
    with torch.no_grad():
        model.language_projection.weight.add_(1.0)
    return model


def same(one: SparklesChatForConditionalGeneration, other: SparklesChatForConditionalGeneration) -> bool:
    left, right = one.state_dict(), other.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_whole_round_trip(tmp_path: Path, base: Path) -> None:
    model = trained(base)
    model.save_pretrained(tmp_path / "again")
    loaded = SparklesChatForConditionalGeneration.from_pretrained(tmp_path / "again")
    assert same(model, loaded)
    tower: Any = loaded.vision_model
    assert tower.post_layernorm.eps == 1e-5  # in no file: the class sets it
    assert tower.encoder.layers[0].layer_norm1.eps == 1e-6
    assert part_hashes(tmp_path / "again") == part_hashes(base)
    assert loaded.config.frozen_parts is not None
    assert loaded.config.frozen_parts["vision"]["name"] == "eva_vit_g.pth"


def test_hashes_do_not_depend_on_shards(tmp_path: Path, base: Path) -> None:
    SparklesChatForConditionalGeneration.from_pretrained(base).save_pretrained(
        tmp_path / "many", max_shard_size="200KB"
    )
    assert len(list((tmp_path / "many").glob("model-*.safetensors"))) > 2
    assert part_hashes(tmp_path / "many") == part_hashes(base)


def test_projection_round_trip(tmp_path: Path, base: Path) -> None:
    model = trained(base)
    model.save_pretrained(tmp_path / "own", projection_only=True)
    assert (tmp_path / "own" / "projection.safetensors").stat().st_size < 10_000
    loaded = SparklesChatForConditionalGeneration.from_pretrained(tmp_path / "own")
    assert same(model, loaded)
    assert [name for name, own in loaded.named_parameters() if own.requires_grad] == [
        "language_projection.weight",
        "language_projection.bias",
    ]
    loaded.save_pretrained(tmp_path / "next", projection_only=True)
    assert same(model, SparklesChatForConditionalGeneration.from_pretrained(tmp_path / "next"))


def test_auto_classes_know_both_forms(tmp_path: Path, base: Path) -> None:
    trained(base).save_pretrained(tmp_path / "own", projection_only=True)
    for folder in (base, tmp_path / "own"):
        model = transformers.AutoModelForImageTextToText.from_pretrained(folder)
        assert type(model) is SparklesChatForConditionalGeneration
    assert type(transformers.AutoProcessor.from_pretrained(base)) is SparklesChatProcessor
    assert transformers.AutoConfig.from_pretrained(base).model_type == "sparkleschat"


def test_other_frozen_parts_are_refused(tmp_path: Path, base: Path) -> None:
    trained(base).save_pretrained(tmp_path / "own", projection_only=True)
    file = base / "model.safetensors"
    state = load_file(file)
    state["language_model.model.norm.weight"] = state["language_model.model.norm.weight"] + 1e-3
    save_file(state, file, metadata={"format": "pt"})
    with pytest.raises(
        UserError, match=r"trained with other frozen parts.*\n  language: trained with vicuna"
    ) as caught:
        SparklesChatForConditionalGeneration.from_pretrained(tmp_path / "own")
    assert "vision" not in str(caught.value)
    assert "give base=FOLDER" in str(caught.value)
    # what the folder says of itself is believed only when asked to
    SparklesChatForConditionalGeneration.from_pretrained(tmp_path / "own", rehash=False)


def test_a_moved_base_must_be_named(tmp_path: Path, base: Path) -> None:
    model = trained(base)
    model.save_pretrained(tmp_path / "own", projection_only=True)
    moved = base.rename(tmp_path / "moved")
    with pytest.raises(UserError, match=r"give base=FOLDER .*vision: eva_vit_g.pth"):
        SparklesChatForConditionalGeneration.from_pretrained(tmp_path / "own")
    assert same(model, SparklesChatForConditionalGeneration.from_pretrained(tmp_path / "own", base=moved))
    with pytest.raises(UserError, match="no such folder"):
        SparklesChatForConditionalGeneration.from_pretrained(tmp_path / "own", base=tmp_path / "nowhere")
    with pytest.raises(UserError, match="base is for a projection alone"):
        SparklesChatForConditionalGeneration.from_pretrained(moved, base=moved)


def test_a_base_beside_the_projection_is_found(tmp_path: Path, base: Path) -> None:
    trained(base).save_pretrained(tmp_path / "own", projection_only=True)
    file = tmp_path / "own" / "projection.json"
    record = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**record, "base": "../base"}), encoding="utf-8")
    SparklesChatForConditionalGeneration.from_pretrained(tmp_path / "own")


def test_weights_that_are_not_there_are_not_made_up(base: Path) -> None:
    state = load_file(base / "model.safetensors")
    del state["query_tokens"]
    save_file(state, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"1 tensors of this model are not in its files \(query_tokens"):
        SparklesChatForConditionalGeneration.from_pretrained(base)


def test_damage_is_refused(tmp_path: Path, base: Path) -> None:
    own = tmp_path / "own"
    trained(base).save_pretrained(own, projection_only=True)
    weights = own / "projection.safetensors"
    good = weights.read_bytes()
    weights.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(UserError, match="its hash is not the recorded one"):
        SparklesChatForConditionalGeneration.from_pretrained(own)
    weights.write_bytes(b"not safetensors")
    with pytest.raises(UserError, match="not a readable safetensors file"):
        SparklesChatForConditionalGeneration.from_pretrained(own)
    weights.unlink()
    with pytest.raises(UserError, match=r"is missing beside projection\.json"):
        SparklesChatForConditionalGeneration.from_pretrained(own)
    (own / "projection.json").write_text('{"format": 1, "surprise": true}', encoding="utf-8")
    with pytest.raises(UserError, match="not a projection record"):
        SparklesChatForConditionalGeneration.from_pretrained(own)


def test_a_projection_of_weights_that_are_nowhere_is_refused(tmp_path: Path, config: SparklesChatConfig) -> None:
    fresh = SparklesChatForConditionalGeneration(config)
    with pytest.raises(UserError, match="save the whole model first"):
        fresh.save_pretrained(tmp_path / "own", projection_only=True)
    fresh.save_pretrained(tmp_path / "whole")
    fresh.save_pretrained(tmp_path / "own", projection_only=True)
    fresh.set_trainable("all")  # from here the recorded hashes may no longer hold
    with pytest.raises(UserError, match="save the whole model first"):
        fresh.save_pretrained(tmp_path / "later", projection_only=True)


def test_a_stem_survives_saving(tmp_path: Path) -> None:
    from sparkles_eval.sparkleschat import SparklesChatConfig

    small = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 32}
    config = SparklesChatConfig(
        vision_config={**small, "image_size": 64, "patch_size": 16},
        qformer_config={**small, "vocab_size": 8},
        text_config={**small, "vocab_size": 40},
        stem_channels=[8, 8, 8],
        num_query_tokens=4,
    )
    model = SparklesChatForConditionalGeneration(config)
    features = model.encode_images(torch.ones(2, 3, 64, 64))
    assert features.shape == (2, 4, 16)
    model.save_pretrained(tmp_path / "stem")
    loaded = SparklesChatForConditionalGeneration.from_pretrained(tmp_path / "stem")
    assert torch.equal(loaded.encode_images(torch.ones(2, 3, 64, 64)), features)
    config.vision.patch_size = 8
    with pytest.raises(ValueError, match="patches of 16 px"):
        SparklesChatConfig(vision_config=config.vision.to_dict(), stem_channels=[8, 8, 8])
