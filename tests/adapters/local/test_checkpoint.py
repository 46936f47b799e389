"""How a checkpoint may be loaded: adapters, its own code, quantised weights, attention, settings of its pictures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("torch", reason="needs the extra 'local'")

from sparkles_eval.adapters.local.transformers import Transformers
from sparkles_eval.core import Generation, Image, Reply
from sparkles_eval.core.errors import UserError
from tests.adapters.architectures.asked import ASKED
from tests.adapters.architectures.making import BEGIN, write_checkpoint, write_json
from tests.adapters.feeding import pictures, run
from tests.adapters.making import build, request

GREEDY = Generation(temperature=0, max_tokens=8)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    return pictures(tmp_path_factory.mktemp("images"), 3)


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint("qwen2_vl", ASKED["qwen2_vl"], tmp_path_factory.mktemp("models") / "qwen")


@pytest.fixture
def changed(qwen: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(qwen, tmp_path / "qwen")


def loaded(folder: Path, **args: object) -> Transformers:
    return cast("Transformers", build(f"transformers/{folder}", None, **args))


def answers(model: Transformers, images: list[Image], size: int = 1) -> list[Reply]:
    generation = model.effective(GREEDY)
    return run(model, [request("Which", image, "?", generation=generation) for image in images], size).replies()


def change(file: Path, **values: object) -> None:
    write_json(file, {**json.loads(file.read_text()), **values})


# --- pictures -------------------------------------------------------------------------------------------------------


def test_pixel_limits_change_the_tokens_of_a_picture_and_the_identity(qwen: Path, images: list[Image]) -> None:
    plain, large = loaded(qwen), loaded(qwen, min_pixels=28 * 28 * 9)
    few, many = (answers(model, images[:1])[0].usage.input_tokens or 0 for model in (plain, large))
    assert many > few
    assert large.model.settings["min_pixels"] == str(28 * 28 * 9)
    assert plain.model.identity != large.model.identity != loaded(qwen, max_pixels=28 * 28 * 4).model.identity


def test_any_setting_of_the_image_processor_may_be_given_and_an_unknown_one_is_refused(
    qwen: Path, images: list[Image]
) -> None:
    sized = loaded(qwen, **{"processor.size": "{shortest_edge: 7056, longest_edge: 12544}"})
    assert answers(sized, images[:1]) == answers(loaded(qwen, min_pixels=7056, max_pixels=12544), images[:1])
    with pytest.raises(UserError, match=r"Qwen2VLImageProcessorPil has no max_tiles; it has .*max_pixels"):
        loaded(qwen, **{"processor.max_tiles": 2})


def test_a_limit_of_pixels_is_refused_where_images_are_not_counted_so(tmp_path: Path) -> None:
    folder = write_checkpoint("gemma3", ASKED["gemma3"], tmp_path / "gemma")
    with pytest.raises(UserError, match="Gemma3ImageProcessorPil has no max_pixels"):
        loaded(folder, max_pixels=784)


# --- what checkpoints bring along -----------------------------------------------------------------------------------


def test_a_tokenizer_that_pads_on_the_right_and_cuts_answers_as_one_that_does_not(
    qwen: Path, changed: Path, images: list[Image]
) -> None:
    change(changed / "tokenizer_config.json", padding_side="right", max_length=6, truncation=True, model_max_length=6)
    expected = answers(loaded(qwen), images)
    assert answers(loaded(changed), images) == expected
    assert answers(loaded(changed), images, size=3) == expected


def test_a_mark_of_the_beginning_stands_once_where_tokenizer_and_template_both_write_it(
    tmp_path: Path, images: list[Image]
) -> None:
    model = loaded(write_checkpoint("gemma3", ASKED["gemma3"], tmp_path / "gemma"))
    template = model.template
    text = template.render(request("Which", "?").conversation)
    ids = template.encode([text], [[]])["input_ids"][0].tolist()
    assert ids.count(template.tokenizer.convert_tokens_to_ids(BEGIN)) == 1


@pytest.mark.parametrize(
    ("settings", "needs"),
    [
        ({"quant_method": "awq", "bits": 4, "group_size": 32}, "gptqmodel|autoawq"),
        ({"quant_method": "gptq", "bits": 4, "group_size": 32}, "optimum|gptqmodel"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bitsandbytes"),
    ],
)
def test_quantised_weights_are_refused_at_once_with_the_library_that_reads_them(
    changed: Path, settings: dict[str, object], needs: str
) -> None:
    change(changed / "config.json", quantization_config=settings)
    with pytest.raises(UserError, match=rf"its quantised weights: .*({needs})"):
        loaded(changed)


def test_fp8_weights_are_read_and_computed_with_their_scales_on_a_cpu(changed: Path, images: list[Image]) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    stored: dict[str, Any] = {}
    for name, weight in load_file(changed / "model.safetensors").items():
        if ".layers." in name and name.endswith("proj.weight"):
            scale = weight.abs().max() / 448  # the largest number of the format
            stored |= {name: (weight / scale).to(torch.float8_e4m3fn), f"{name}_scale_inv": scale.reshape(1, 1)}
        else:
            stored[name] = weight
    before = cast("Any", loaded(changed).replica(0).model).state_dict()
    save_file(stored, changed / "model.safetensors", metadata={"format": "pt"})
    rounded = {"quant_method": "fp8", "activation_scheme": "dynamic", "weight_block_size": [128, 128]}
    rounded["modules_to_not_convert"] = ["lm_head", "visual"]
    change(changed / "config.json", quantization_config=rounded)
    model = loaded(changed)
    assert model.model.settings["quantised"] == "fp8"
    after = cast("Any", model.replica(0).model).state_dict()
    (name,) = (name for name in before if name.endswith("layers.1.mlp.down_proj.weight"))
    error = (after[name].float() - before[name].float()).abs().max() / before[name].abs().max()
    assert 0 < error < 0.07
    assert len(answers(model, images)) == 3


def test_attention_code_is_part_of_the_identity_and_an_unknown_one_is_refused(qwen: Path, images: list[Image]) -> None:
    eager = loaded(qwen, attn="eager")
    assert eager.model.settings["attn"] == "eager" and eager.model.identity != loaded(qwen).model.identity
    assert [reply.text for reply in answers(eager, images)] == [reply.text for reply in answers(loaded(qwen), images)]
    with pytest.raises(UserError, match="cannot be loaded"):
        answers(loaded(qwen, attn="nothing_like_it"), images)


def test_one_copy_over_all_devices_answers_the_same_and_is_the_same_model(qwen: Path, images: list[Image]) -> None:
    spread, plain = loaded(qwen, device_map="auto"), loaded(qwen)
    assert answers(spread, images, size=3) == answers(plain, images)
    assert spread.replicas == 1 and spread.model.identity == plain.model.identity


def test_a_checkpoint_that_lacks_weights_is_refused_and_not_filled_with_random_ones(
    changed: Path, images: list[Image]
) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(changed / "model.safetensors")
    gone = next(name for name in weights if name.endswith("mlp.down_proj.weight"))
    kept = {name: weight for name, weight in weights.items() if name != gone}
    save_file(kept, changed / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(UserError, match=r"lacks 1 of the model's weights, .*down_proj\.weight among them"):
        answers(loaded(changed), images)


# --- adapters -------------------------------------------------------------------------------------------------------


def write_lora(base: Path, folder: Path, scale: float) -> Path:
    peft = pytest.importorskip("peft", reason="needs the extra 'train'")
    import torch
    from transformers import AutoModelForImageTextToText

    torch.manual_seed(0)
    auto: Any = AutoModelForImageTextToText
    config = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    model = peft.get_peft_model(auto.from_pretrained(base), config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.mul_(scale)
    model.save_pretrained(folder)
    return folder


def test_a_lora_changes_answers_and_identity_and_one_that_does_nothing_changes_no_answer(
    qwen: Path, images: list[Image], tmp_path: Path
) -> None:
    plain = loaded(qwen)
    strong = loaded(qwen, peft=write_lora(qwen, tmp_path / "strong", 40.0))
    idle = loaded(qwen, peft=write_lora(qwen, tmp_path / "idle", 0.0))
    assert answers(idle, images) == answers(plain, images) != answers(strong, images)
    assert answers(strong, images, size=3) == answers(strong, images)
    assert len({model.model.identity for model in (plain, strong, idle)}) == 3
    with pytest.raises(UserError, match=r"no adapter_config\.json there"):
        loaded(qwen, peft=tmp_path)


# --- a checkpoint's own code ----------------------------------------------------------------------------------------

OWN = """
from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration


class OwnConfig(Qwen2VLConfig):
    model_type = "own_vl"


class OwnModel(Qwen2VLForConditionalGeneration):
    config_class = OwnConfig
"""


@pytest.fixture
def own(changed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The same checkpoint under a type of its own, with the code for it."""
    from safetensors.torch import save_file
    from transformers import AutoModelForImageTextToText

    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.syspath_prepend(str(tmp_path / "modules"))
    (changed / "own.py").write_text(OWN)
    names = {"AutoConfig": "own.OwnConfig", "AutoModelForImageTextToText": "own.OwnModel"}
    auto: Any = AutoModelForImageTextToText
    weights = {name: weight.contiguous() for name, weight in auto.from_pretrained(changed).state_dict().items()}
    save_file(weights, changed / "model.safetensors", metadata={"format": "pt"})  # under the class's own names
    change(changed / "config.json", model_type="own_vl", auto_map=names, architectures=["OwnModel"])
    return changed


def test_a_checkpoints_own_code_runs_only_where_the_command_line_says_so(
    own: Path, qwen: Path, images: list[Image]
) -> None:
    with pytest.raises(UserError, match="it brings code of its own; read it, and --model-arg trust_remote_code=true"):
        loaded(own)
    model = loaded(own, trust_remote_code="true")
    assert [it.text for it in answers(model, images)] == [it.text for it in answers(loaded(qwen), images)]
    assert type(model.replica(0).model).__name__ == "OwnModel"


def test_another_line_of_that_code_is_another_model(own: Path) -> None:
    before = loaded(own, trust_remote_code="true").model
    (own / "own.py").write_text(OWN + "\n# changed\n")
    after = loaded(own, trust_remote_code="true").model
    assert before.settings["code"] != after.settings["code"] and before.identity != after.identity


def test_a_preset_cannot_trust_a_checkpoints_code(own: Path, tmp_path: Path) -> None:
    preset = tmp_path / "mine.yaml"
    preset.write_text(f"kind: transformers\nmodel: {own}\ntitle: Mine\nsettings: {{trust_remote_code: true}}\n")
    with pytest.raises(UserError, match="its preset asks for trust_remote_code, which a file may not"):
        build(str(preset))
