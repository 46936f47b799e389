"""Published files -> our forms: what is used, what is dropped and why, what is refused."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'local'")
pytest.importorskip("transformers", reason="needs the extra 'local'")

from safetensors.torch import load_file, save_file  # noqa: E402

from sparkles_eval.core.errors import DataError, UserError  # noqa: E402
from sparkles_eval.sparkleschat import (  # noqa: E402
    SparklesChatForConditionalGeneration,
    SparklesChatProcessor,
    convert,
    convert_projection,
)
from sparkles_eval.sparkleschat.conversion import published_projection  # noqa: E402

if TYPE_CHECKING:
    from torch import Tensor

    from sparkles_eval.sparkleschat import Sources, SparklesChatConfig

MakeSources = Callable[[Path], "Sources"]


def change(file: Path, edit: Callable[[dict[str, Tensor]], None]) -> None:
    """Rewrite a checkpoint's tensors."""
    value = torch.load(file, weights_only=True)
    edit(value.get("model", value))
    torch.save(value, file)


def test_every_tensor_is_accounted_for(sources: Sources, converted: Path, original: dict[str, Tensor]) -> None:
    report = json.loads((converted / "conversion.json").read_text(encoding="utf-8"))
    # q and v biases become one tensor per block: three blocks, two halves each
    assert report["used"] == len(original) - 3
    dropped = {key for names in report["dropped"].values() for key in names}
    assert {"blocks.3.attn.q_bias", "mask_token", "t5_proj.weight", "Qformer.cls.predictions.bias"} <= dropped
    assert "model.layers.0.self_attn.rotary_emb.inv_freq" in dropped
    read = sum(len(torch.load(file, weights_only=True)) for file in (sources.vision,))
    read += len(torch.load(sources.qformer, weights_only=True)["model"]) + 2
    read += len(load_file(sources.language / "model.safetensors"))
    assert report["used"] + 3 + len(dropped) == read


def test_hashes_are_those_of_the_files(sources: Sources, converted: Path) -> None:
    report = json.loads((converted / "conversion.json").read_text(encoding="utf-8"))
    recorded = {entry["part"]: entry["sha256"] for entry in report["files"]}
    assert recorded["vision"] == hashlib.sha256(sources.vision.read_bytes()).hexdigest()
    assert set(recorded) == {"vision", "qformer", "projection", "language"}
    config = json.loads((converted / "config.json").read_text(encoding="utf-8"))
    assert {part: known["sha256"] for part, known in config["frozen_parts"].items()} == report["parts"]
    assert config["frozen_parts"]["vision"]["name"] == "eva_vit_g.pth"


def test_weights_are_the_originals(model: SparklesChatForConditionalGeneration, original: dict[str, Tensor]) -> None:
    assert torch.equal(model.language_projection.weight, original["llama_proj.weight"])
    layers: Any = model.vision_model.encoder.layers
    bias = layers[1].self_attn.qkv.bias
    block = "visual_encoder.blocks.1.attn."
    assert torch.equal(bias, torch.cat([original[block + "q_bias"], torch.zeros(48), original[block + "v_bias"]]))


def test_the_published_settings_are_saved(converted: Path, model: SparklesChatForConditionalGeneration) -> None:
    settings = model.generation_config
    assert (settings.do_sample, settings.top_p, settings.top_k, settings.max_new_tokens) == (True, 0.9, 50, 1000)
    assert SparklesChatProcessor.from_pretrained(converted).settings.image_token_id == 318


def test_one_complete_file_serves_every_part(
    tmp_path: Path, golden: Path, config: SparklesChatConfig, sources: Sources, converted: Path
) -> None:
    whole = golden / "tiny_original_weights.safetensors"
    everything = replace(
        sources, vision=whole, qformer=whole, projection=whole, language=whole, tokenizer=sources.language
    )
    done = convert(everything, tmp_path / "out", config, t5_width=64)
    assert done.used == 152
    assert done.parts == json.loads((converted / "conversion.json").read_text(encoding="utf-8"))["parts"]


def test_a_hub_folder_serves_tower_and_qformer(
    tmp_path: Path, sources: Sources, converted: Path, config: SparklesChatConfig
) -> None:
    """Of its shards only those with the wanted tensors are opened: the T5 shard is not even there as a weight file."""
    hub = tmp_path / "blip2-flan-t5-xxl"
    hub.mkdir()
    ours = load_file(converted / "model.safetensors")
    wanted = {name: own for name, own in ours.items() if name.startswith(("vision_model.", "qformer.", "query_tokens"))}
    first = {**wanted, "language_model.encoder.block.0.weight": torch.ones(2)}
    save_file(first, hub / "model-00001-of-00002.safetensors")
    (hub / "model-00002-of-00002.safetensors").write_bytes(b"four tens of gigabytes, never opened")
    places = dict.fromkeys(first, "model-00001-of-00002.safetensors")
    places["language_projection.weight"] = "model-00002-of-00002.safetensors"
    (hub / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}), encoding="utf-8")
    text = {"model_type": "t5", "d_model": 64}
    (hub / "config.json").write_text(json.dumps({"model_type": "blip-2", "text_config": text}), encoding="utf-8")
    done = convert(replace(sources, vision=hub, qformer=hub), tmp_path / "out", config, t5_width=64)
    assert done.parts == json.loads((converted / "conversion.json").read_text(encoding="utf-8"))["parts"]
    text["model_type"] = "opt"
    (hub / "config.json").write_text(json.dumps({"model_type": "blip-2", "text_config": text}), encoding="utf-8")
    with pytest.raises(UserError, match=r"config\.json says blip-2 with opt"):
        convert(replace(sources, vision=hub, qformer=hub), tmp_path / "no", config, t5_width=64)


def test_unknown_missing_and_misshapen_are_all_named(
    tmp_path: Path, make_sources: MakeSources, config: SparklesChatConfig
) -> None:
    sources = make_sources(tmp_path)

    def spoil(state: dict[str, Tensor]) -> None:
        state["blocks.0.attn.rel_pos"] = torch.ones(1)
        state["blocks.7.norm1.weight"] = torch.ones(48)
        del state["pos_embed"]
        state["cls_token"] = torch.ones(1, 1, 50)

    change(sources.vision, spoil)
    with pytest.raises(DataError) as caught:
        convert(sources, tmp_path / "out", config, t5_width=64)
    assert {problem.item: problem.what for problem in caught.value.problems} == {
        "blocks.0.attn.rel_pos": "unknown tensor in eva_vit_g.pth",
        "blocks.7.norm1.weight": "unknown tensor in eva_vit_g.pth",
        "vision_model.embeddings.position_embedding": "no tensor was found for it",
        "vision_model.embeddings.class_embedding": "is (1, 1, 50), the configuration wants (1, 1, 48)",
    }
    assert not (tmp_path / "out").exists()


def test_half_a_fused_bias_is_missing(tmp_path: Path, make_sources: MakeSources, config: SparklesChatConfig) -> None:
    sources = make_sources(tmp_path)
    change(sources.vision, lambda state: state.__delitem__("blocks.2.attn.v_bias"))
    with pytest.raises(DataError, match=r"layers\.2\.self_attn\.qkv\.bias: no tensor was found"):
        convert(sources, tmp_path / "out", config, t5_width=64)


def test_missing_files_say_what_to_get(tmp_path: Path, sources: Sources, config: SparklesChatConfig) -> None:
    gone = replace(sources, vision=tmp_path / "eva.pth", projection=tmp_path / "sparkles.pth")
    with pytest.raises(DataError) as caught:
        convert(gone, tmp_path / "out", config)
    assert [problem.item for problem in caught.value.problems] == ["vision", "projection"]
    assert "eva_vit_g.pth" in str(caught.value)
    assert "licence" in str(caught.value)


@pytest.mark.parametrize(
    ("names", "family"),
    [
        ({"t5_proj.weight": (2048, 32)}, "flan-t5-xl"),
        ({"opt_proj.weight": (64, 32)}, "OPT"),
        ({"llm_proj.weight": (64, 32)}, "InstructBLIP"),
        ({"t5_proj.weight": (64, 32), "Qformer.bert.embeddings.word_embeddings.weight": (9, 32)}, "InstructBLIP"),
        ({"itm_head.weight": (2, 32)}, "first stage"),
        ({}, "by which flan-t5-xxl's file is told"),
    ],
)
def test_the_wrong_qformer_is_refused(
    tmp_path: Path,
    make_sources: MakeSources,
    config: SparklesChatConfig,
    names: dict[str, tuple[int, ...]],
    family: str,
) -> None:
    sources = make_sources(tmp_path)

    def other(state: dict[str, Tensor]) -> None:
        for name in [name for name in state if "cls." in name or "t5_proj" in name or "word_embeddings" in name]:
            del state[name]
        state.update({name: torch.ones(shape) for name, shape in names.items()})

    change(sources.qformer, other)
    with pytest.raises(UserError, match=family) as caught:
        convert(sources, tmp_path / "out", config, t5_width=64)
    assert "get blip2_pretrained_flant5xxl.pth from" in str(caught.value)


def test_the_projection_into_t5_is_refused(
    tmp_path: Path, make_sources: MakeSources, config: SparklesChatConfig
) -> None:
    """It has the shape of the wanted one: nothing but its name tells them apart."""
    sources = make_sources(tmp_path)
    hub = tmp_path / "language_projection.safetensors"
    save_file({"language_projection.weight": torch.ones(64, 32), "language_projection.bias": torch.ones(64)}, hub)
    for wrong, name in ((sources.qformer, "t5_proj"), (hub, "language_projection")):
        with pytest.raises(UserError, match=rf"no llama_proj.*{name}.*BLIP-2's own projection into T5"):
            convert(replace(sources, projection=wrong), tmp_path / "out", config, t5_width=64)


def test_a_pickle_is_not_run(tmp_path: Path, make_sources: MakeSources, config: SparklesChatConfig) -> None:
    sources = make_sources(tmp_path)
    mark = tmp_path / "ran"

    class Harm:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (mark,))  # type: ignore[return-value]

    torch.save({"model": {"llama_proj.weight": Harm()}}, sources.projection)
    with pytest.raises(UserError, match="more than tensors and plain values"):
        convert(sources, tmp_path / "out", config, t5_width=64)
    sources.projection.write_bytes(pickle.dumps(Harm(), protocol=2))
    with pytest.raises(UserError, match="more than tensors and plain values"):
        convert(sources, tmp_path / "out", config, t5_width=64)
    assert not mark.exists()


def test_a_language_folder_brings_its_own_sizes(tmp_path: Path, sources: Sources) -> None:
    """Without a configuration the published sizes hold, save for the language model's: here they do not fit."""
    with pytest.raises(DataError, match="the configuration wants") as caught:
        convert(sources, tmp_path / "out", t5_width=64)
    misshapen = [problem for problem in caught.value.problems if "wants" in problem.what]
    assert not any(problem.item.startswith("language_model.") for problem in misshapen)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"model_type": "opt"}', encoding="utf-8")
    with pytest.raises(UserError, match="a opt model; this one needs a LLaMA"):
        convert(replace(sources, language=tmp_path / "other"), tmp_path / "out", t5_width=64)


def test_a_projection_beside_a_converted_model(tmp_path: Path, sources: Sources, converted: Path) -> None:
    """How a second system is added: the same frozen parts, another projection, 12.6 MB at the published size."""
    other = tmp_path / "minigpt4.pth"
    torch.save({"model": {"llama_proj.weight": torch.ones(64, 32), "llama_proj.bias": torch.zeros(64)}}, other)
    done = convert_projection(other, converted, tmp_path / "minigpt4")
    assert done.used == 2
    model = SparklesChatForConditionalGeneration.from_pretrained(tmp_path / "minigpt4")
    assert torch.equal(model.language_projection.weight, torch.ones(64, 32))
    assert SparklesChatProcessor.from_pretrained(tmp_path / "minigpt4").settings.num_query_tokens == 32
    torch.save({"model": {"llama_proj.weight": torch.ones(64, 31), "llama_proj.bias": torch.zeros(64)}}, other)
    with pytest.raises(DataError, match=r"is \[64, 31\], the base takes \[64, 32\]"):
        convert_projection(other, converted, tmp_path / "no")
    with pytest.raises(UserError, match="no llama_proj"):
        convert_projection(sources.qformer, converted, tmp_path / "no")
    with pytest.raises(UserError, match=r"is missing; get sparkleschat_7b\.pth"):
        convert_projection(tmp_path / "absent.pth", converted, tmp_path / "no")


def test_back_to_the_published_names(
    tmp_path: Path, model: SparklesChatForConditionalGeneration, original: dict[str, Tensor]
) -> None:
    torch.save({"model": published_projection(model), "epoch": 4}, tmp_path / "checkpoint_4.pth")
    state = torch.load(tmp_path / "checkpoint_4.pth", weights_only=True)["model"]
    assert set(state) == {"llama_proj.weight", "llama_proj.bias"}
    assert all(torch.equal(state[name], original[name]) for name in state)
