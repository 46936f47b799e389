"""LoRA: the base stays as it was, what trained is saved apart, and a folder that has it is never run without it."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sparkles_eval.core.errors import ContentError, MissingExtra, UserError
from sparkles_eval.training.config import TrainConfig
from sparkles_eval.training.launch import launch_training
from sparkles_eval.training.recipes import ProjectionRecipe, read_recipe
from tests.training.making import INSTRUCTIONS, write_recipe

if TYPE_CHECKING:
    import torch

    from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration

EXTENSION = "LoRA on the language model"
LORA = "{rank: 4, alpha: 8, dropout: 0.1, targets: [q_proj, v_proj, down_proj]}"


@pytest.fixture(autouse=True)
def _peft() -> None:
    pytest.importorskip("peft", reason="needs the extra 'train'")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipes")
    return write_recipe(folder / "lora.yaml", extension=EXTENSION, lora=LORA)


def train_config(recipe: Path, folder: Path, model: Path, data: Path, **more: Any) -> TrainConfig:
    cache = folder.parent / "features"
    return TrainConfig(str(recipe), folder / "run", folder / "s.db", data, model, cache=cache, **more)


@pytest.fixture(scope="module")
def trained(recipe: Path, model_folder: Path, data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder of a training with adapters."""
    pytest.importorskip("peft", reason="needs the extra 'train'")
    return launch_training(train_config(recipe, tmp_path_factory.mktemp("lora"), model_folder, data_folder), str).model


def load(folder: Path, **more: object) -> SparklesChatForConditionalGeneration:
    from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration

    return SparklesChatForConditionalGeneration.from_pretrained(folder, **more)


def logits(model: SparklesChatForConditionalGeneration, folder: Path) -> torch.Tensor:
    import torch

    from sparkles_eval.sparkleschat import SparklesChatProcessor

    processor = SparklesChatProcessor.from_pretrained(folder)
    row = processor.encode_training(f"###Human: {INSTRUCTIONS[0][0]}###Assistant: ", INSTRUCTIONS[0][1])
    batch = processor.collate([row], "right")
    with torch.no_grad():
        found: torch.Tensor = model(**{name: batch[name] for name in ("input_ids", "attention_mask")}).logits
    return found


def test_the_published_recipe_has_none_and_an_extension_has_a_name(tmp_path: Path) -> None:
    published = read_recipe("sparkleschat-7b")
    assert isinstance(published, ProjectionRecipe) and published.lora is None and not published.extension
    with pytest.raises(ContentError, match="no part of the published training"):
        read_recipe(str(write_recipe(tmp_path / "unnamed.yaml", lora=LORA)))
    with pytest.raises(ContentError, match="targets"):
        read_recipe(str(write_recipe(tmp_path / "x.yaml", extension="x", lora="{targets: [embed_tokens]}")))


def test_without_peft_it_is_said_before_the_first_step(
    recipe: Path, model_folder: Path, data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)  # what the import system takes for "not there"
    with pytest.raises(MissingExtra, match=r"sparkles-eval\[train\]"):
        launch_training(train_config(recipe, tmp_path, model_folder, data_folder), str)
    assert not (tmp_path / "run").exists()


def test_the_loss_falls_and_the_base_is_untouched(trained: Path, model_folder: Path) -> None:
    from sparkles_eval.sparkleschat.saved_weights import load_record, part_hashes

    losses = [float(row.split(",")[2]) for row in (trained.parent / "metrics.csv").read_text().splitlines()[1:]]
    assert len(losses) == 12 and sum(losses[-3:]) < sum(losses[:3])
    record = load_record(trained)
    assert record is not None
    assert {part: known.sha256 for part, known in record.frozen_parts.items()} == part_hashes(model_folder)


def test_it_learns_more_than_the_projection_alone(
    trained: Path, recipe_file: Path, model_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    import torch

    alone = launch_training(train_config(recipe_file, tmp_path, model_folder, data_folder), str).model
    assert torch.equal(logits(load(alone), alone), logits(load(model_folder), model_folder)), "text alone: no images"
    assert not torch.allclose(logits(load(trained), trained), logits(load(alone), alone), atol=1e-3)


def test_frozen_parts_get_no_gradients(model_folder: Path) -> None:
    """In the model as it trains: gradients in the projection and the adapters, and nowhere else."""
    import torch

    from sparkles_eval.training.projection_step import LoraTraining
    from sparkles_eval.training.recipes import LoraSpec

    model = load(model_folder)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.train()
    adapters = LoraTraining(model, LoraSpec(rank=4, targets=("q_proj",)))
    assert all(dropout.training for dropout in adapters.dropouts) and not model.qformer.training
    embeds = torch.randn(1, 2, 16)
    ids = torch.tensor([[1, *[model.config.image_token_id] * 2, 3, 4, 5]])
    model(
        input_ids=ids, qformer_embeds=embeds, labels=ids.masked_fill(ids >= model.config.image_token_id, -100)
    ).loss.backward()
    got = {name for name, own in model.named_parameters() if own.grad is not None}
    assert {name.split(".")[0] for name in got if "lora_" not in name} == {"language_projection"}
    assert sum("lora_" in name for name in got) == 2
    after = {name.replace(".base_layer", ""): value for name, value in model.state_dict().items()}
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_saved_and_loaded_it_computes_the_same(model_folder: Path, tmp_path: Path) -> None:
    """The model as it trained, without dropout; the same loaded from its folder; and with the sum in the weights."""
    import torch

    from sparkles_eval.sparkleschat import SparklesChatProcessor
    from sparkles_eval.training.projection_step import LoraTraining
    from sparkles_eval.training.recipes import LoraSpec

    model = load(model_folder)
    adapters = LoraTraining(model, LoraSpec(rank=4, targets=("q_proj", "up_proj")))
    torch.manual_seed(0)
    for own in adapters.parameters.values():
        torch.nn.init.normal_(own, std=0.2)
    model.eval()  # type: ignore[no-untyped-call]
    for dropout in adapters.dropouts:
        dropout.eval()
    wanted = logits(model, model_folder)
    model.save_pretrained(tmp_path / "m", projection_only=True)
    SparklesChatProcessor.from_pretrained(model_folder).save_pretrained(tmp_path / "m")
    adapters.save(tmp_path / "m")
    loaded = load(tmp_path / "m")
    assert torch.equal(logits(loaded, model_folder), wanted)
    assert not torch.allclose(logits(load(model_folder), model_folder), wanted, atol=0.01)
    with pytest.raises(UserError, match="merge_lora"):
        loaded.save_pretrained(tmp_path / "again")
    merged = load(tmp_path / "m", merge_lora=True)
    assert torch.allclose(logits(merged, model_folder), wanted, atol=1e-5)
    merged.save_pretrained(tmp_path / "whole")
    assert torch.allclose(logits(load(tmp_path / "whole"), model_folder), wanted, atol=1e-5)


def test_peft_reads_what_is_saved(trained: Path, model_folder: Path) -> None:
    import torch
    from peft import PeftModel

    model = load(model_folder)
    PeftModel.from_pretrained(model.language_model, str(trained / "lora"))
    assert torch.allclose(logits(model, trained), logits(load(trained), trained), atol=1e-6)


def test_interrupted_and_resumed_it_ends_in_the_same_weights(
    trained: Path, recipe: Path, model_folder: Path, data_folder: Path, tmp_path: Path
) -> None:
    """Dropout included: it is drawn anew for each step."""

    def stop(line: str) -> None:
        if "00000006" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        launch_training(train_config(recipe, tmp_path, model_folder, data_folder), stop)
    done = launch_training(train_config(recipe, tmp_path, model_folder, data_folder, resume=True), str)
    for name in ("projection.safetensors", "lora/adapter_model.safetensors", "lora/adapter_config.json"):
        assert (done.model / name).read_bytes() == (trained / name).read_bytes(), name


def test_the_adapters_are_part_of_the_models_identity(trained: Path, tmp_path: Path) -> None:
    from sparkles_eval.adapters.local.sparkleschat_folder import identify

    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    assert identify(copy).weights == identify(trained).weights
    shutil.rmtree(copy / "lora")
    without = identify(copy)
    assert without.weights != identify(trained).weights and without.tower == identify(trained).tower
    assert not list(trained.parent.rglob("checkpoint.pth")), "the original code would run it without its adapters"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"r": 3}, "takes"),
        ({"rank_pattern": {"q_proj": 8}}, "rank_pattern"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"peft_type": "IA3"}, "plain LoRA"),
    ],
)
def test_adapters_that_are_something_else_are_refused(
    trained: Path, changes: dict[str, object], said: str, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    file = copy / "lora" / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    with pytest.raises(UserError, match=said):
        load(copy)


def test_adapters_of_another_model_are_refused(trained: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    file = copy / "lora" / "adapter_model.safetensors"
    tensors = load_file(file)
    save_file({name.replace("layers.0", "layers.7"): value for name, value in tensors.items()}, file)
    with pytest.raises(UserError, match="does not have"):
        load(copy)
    save_file({**tensors, "base_model.model.lm_head.weight": torch.zeros(2)}, file)
    with pytest.raises(UserError, match="other tensors"):
        load(copy)
    file.write_bytes(b"not safetensors")
    with pytest.raises(UserError, match="cannot be read"):
        load(copy)
