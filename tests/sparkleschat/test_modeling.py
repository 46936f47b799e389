"""The model against the original's numbers, and against itself: padding, batches, modes, refusals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'local'")
pytest.importorskip("transformers", reason="needs the extra 'local'")

if TYPE_CHECKING:
    from torch import Tensor

    from sparkles_eval.sparkleschat import SparklesChatConfig, SparklesChatForConditionalGeneration

Outputs = Mapping[str, npt.NDArray[np.float32]]


def error(ours: Tensor | None, theirs: npt.NDArray[np.float32]) -> float:
    """Greatest absolute difference, shapes being equal."""
    assert ours is not None
    assert tuple(ours.shape) == theirs.shape
    return float((ours.detach() - torch.from_numpy(np.asarray(theirs))).abs().max())


def images(outputs: Outputs) -> Tensor:
    return ids(outputs, "image")


def ids(outputs: Outputs, name: str) -> Tensor:
    value: Tensor = torch.from_numpy(outputs[name])
    return value


# --- parity with the original ---------------------------------------------------------------------------


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_golden_image_path(converted: Path, outputs: Outputs, attention: str) -> None:
    from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration

    model = SparklesChatForConditionalGeneration.from_pretrained(converted, attn_implementation=attention)
    with torch.no_grad():
        tower = model.vision_model
        raw = tower.encoder(inputs_embeds=tower.embeddings(images(outputs))).last_hidden_state
        assert error(raw, outputs["vit_out_pre_ln"]) < 1e-5
        assert error(tower(pixel_values=images(outputs)).last_hidden_state, outputs["image_embeds"]) < 1e-5
        found = model.encode_images(images(outputs))
        assert error(found, outputs["qformer_out"]) < 2e-5
        assert error(model.project(found), outputs["projected"]) < 2e-5


def test_golden_norms_of_small_variance(model: SparklesChatForConditionalGeneration, outputs: Outputs) -> None:
    """Only a low-variance input tells an epsilon of 1e-5 from 1e-6: a wrong one is off by more than 0.1."""
    small = torch.from_numpy(outputs["ln_vision_small_in"])
    assert error(model.vision_model.post_layernorm(small), outputs["ln_vision_small_out"]) < 1e-5
    layers: Any = model.vision_model.encoder.layers
    assert error(layers[0].layer_norm1(small), outputs["block0_norm1_small_out"]) < 1e-5


def test_golden_logits_and_context(model: SparklesChatForConditionalGeneration, outputs: Outputs) -> None:
    row = ids(outputs, "train_input_ids")
    with torch.no_grad():
        assert error(model(row, pixel_values=images(outputs)).logits, outputs["logits"]) < 5e-5
        assert error(model.embed(row[:, :80], images(outputs)), outputs["context_embeds"]) < 2e-5


def test_golden_loss_gradients_and_step(model: SparklesChatForConditionalGeneration, outputs: Outputs) -> None:
    model.train()
    projection = model.language_projection
    decayed = [
        {"params": [projection.weight], "weight_decay": 0.05},
        {"params": [projection.bias], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(decayed, lr=1e-3, betas=(0.9, 0.999))
    labels = ids(outputs, "train_labels")
    loss = model(ids(outputs, "train_input_ids"), pixel_values=images(outputs), labels=labels).loss
    assert abs(float(loss.detach().double()) - float(outputs["loss"])) < 1e-5
    loss.backward()
    assert error(projection.weight.grad, outputs["grad_llama_proj_weight"]) < 5e-6
    assert error(projection.bias.grad, outputs["grad_llama_proj_bias"]) < 5e-6
    assert [name for name, own in model.named_parameters() if own.grad is not None] == [
        "language_projection.weight",
        "language_projection.bias",
    ]
    optimizer.step()
    assert error(projection.weight, outputs["llama_proj_weight_after_adamw_lr1e-3"]) < 1e-6
    assert error(projection.bias, outputs["llama_proj_bias_after_adamw_lr1e-3"]) < 1e-6


def test_golden_loss_of_a_padded_batch(model: SparklesChatForConditionalGeneration, outputs: Outputs) -> None:
    batch = {name: ids(outputs, f"batch_{name}") for name in ("input_ids", "attention_mask", "labels")}
    both = images(outputs)
    loss = model(**batch, pixel_values=torch.cat([both, both.flip(0)])).loss
    assert abs(float(loss.detach().double()) - float(outputs["batch_loss"])) < 1e-5


def test_golden_greedy_ids(model: SparklesChatForConditionalGeneration, outputs: Outputs) -> None:
    prompt = ids(outputs, "train_input_ids")[:, :80]
    new = model.generate(prompt, pixel_values=images(outputs), do_sample=False, max_new_tokens=24)
    expected = outputs["greedy_ids_raw"][0, 1:]  # the original's library put a bos before the answer
    assert new.tolist() == [expected.tolist()]


# --- images at their words ---------------------------------------------------------------------------------


def test_slots_equal_reading_order(model: SparklesChatForConditionalGeneration, outputs: Outputs) -> None:
    row = ids(outputs, "train_input_ids")
    media = row >= 318
    slots = torch.where(media, media.flatten().cumsum(0).view_as(row) - 1, -1)
    with torch.no_grad():
        assert torch.equal(model.embed(row, images(outputs), slots=slots), model.embed(row, images(outputs)))


def test_cached_features_equal_pixels(model: SparklesChatForConditionalGeneration, outputs: Outputs) -> None:
    row = ids(outputs, "train_input_ids")
    with torch.no_grad():
        cached = model.encode_images(images(outputs))
        assert torch.equal(model(row, qformer_embeds=cached).logits, model(row, pixel_values=images(outputs)).logits)


def test_places_and_images_must_match(model: SparklesChatForConditionalGeneration, outputs: Outputs) -> None:
    row = ids(outputs, "train_input_ids")
    with pytest.raises(ValueError, match="64 places for 32 image vectors"):
        model(row, pixel_values=images(outputs)[:1])
    with pytest.raises(ValueError, match="neither pixel_values nor qformer_embeds"):
        model(row)
    assert model(torch.tensor([[1, 5, 6]])).logits.shape == (1, 3, 319)


def test_a_batch_without_labels_is_refused(model: SparklesChatForConditionalGeneration) -> None:
    with pytest.raises(ValueError, match="no position has a label"):
        model(torch.tensor([[1, 5, 6]]), labels=torch.full((1, 3), -100))


# --- batches -------------------------------------------------------------------------------------------------


def rows_of_different_length(outputs: Outputs) -> list[tuple[Tensor, list[int]]]:
    """(ids, indices of images) of four prompts: two, one, one and no image."""
    row = ids(outputs, "train_input_ids")[0]
    image = row[row >= 318][:32]
    return [
        (row[:80], [0, 1]),
        (torch.cat([row[:3], image, row[74:80]]), [1]),
        (torch.cat([row[:6], image]), [0]),
        (torch.tensor([1, 40, 50, 60, 70]), []),
    ]


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(model: SparklesChatForConditionalGeneration, outputs: Outputs, side: str) -> None:
    row = ids(outputs, "train_input_ids")
    pad, mask = torch.full((1, 7), 2), torch.zeros((1, 7), dtype=torch.long)

    def order(extra: Tensor, own: Tensor) -> Tensor:
        both: Tensor = torch.cat([extra, own] if side == "left" else [own, extra], 1)
        return both

    with torch.no_grad():
        plain = model(row, pixel_values=images(outputs)).logits
        padded = model(order(pad, row), order(mask, torch.ones_like(row)), pixel_values=images(outputs)).logits
    kept = padded[:, 7:] if side == "left" else padded[:, :-7]
    assert float((kept - plain).abs().max()) < 1e-5


def test_greedy_batch_of_one_equals_batch_of_many(
    model: SparklesChatForConditionalGeneration, outputs: Outputs
) -> None:
    rows = rows_of_different_length(outputs)
    cached = model.encode_images(images(outputs)).detach()
    alone = []
    for row, used in rows:
        features = cached[used] if used else None
        alone.append(model.generate(row[None], qformer_embeds=features, do_sample=False, max_new_tokens=12)[0].tolist())
    longest = max(len(row) for row, _ in rows)
    batch = torch.full((len(rows), longest), 2)
    mask = torch.zeros_like(batch)
    for number, (row, _) in enumerate(rows):
        batch[number, longest - len(row) :], mask[number, longest - len(row) :] = row, 1
    features = cached[[index for _, used in rows for index in used]]
    together = model.generate(batch, mask, qformer_embeds=features, do_sample=False, max_new_tokens=12).tolist()
    assert together == alone
    assert len({tuple(answer) for answer in alone}) == len(alone)


def test_rows_stop_by_themselves(model: SparklesChatForConditionalGeneration, outputs: Outputs) -> None:
    """A row that reaches a stop sequence is padded while the other goes on, and neither changes the other."""
    rows = rows_of_different_length(outputs)[2:]
    cached = model.encode_images(images(outputs)).detach()
    batch = torch.full((2, len(rows[0][0])), 2)
    mask = torch.zeros_like(batch)
    for number, (row, _) in enumerate(rows):
        batch[number, -len(row) :], mask[number, -len(row) :] = row, 1
    settings: dict[str, Any] = {"qformer_embeds": cached[:1], "do_sample": False, "max_new_tokens": 10}
    free = model.generate(batch, mask, **settings).tolist()
    stop = free[0][2:4]
    model.config.stop_sequences = [stop]
    stopped = model.generate(batch, mask, **settings).tolist()
    assert stopped[0][:4] == free[0][:4]
    assert set(stopped[0][4:]) <= {2}
    length = len(stopped[1])
    assert stopped[1] == free[1][:length] or stop == free[1][length - 2 : length]


def test_static_cache_equals_dynamic(model: SparklesChatForConditionalGeneration, outputs: Outputs) -> None:
    prompt = ids(outputs, "train_input_ids")[:, :80]
    settings: dict[str, Any] = {"pixel_values": images(outputs), "do_sample": False, "max_new_tokens": 6}
    dynamic = model.generate(prompt, **settings)
    assert torch.equal(model.generate(prompt, cache_implementation="static", **settings), dynamic)


def test_sampling_is_the_default_and_repeats_with_a_seed(
    model: SparklesChatForConditionalGeneration, outputs: Outputs
) -> None:
    prompt = ids(outputs, "train_input_ids")[:, :80].repeat(4, 1)
    features = model.encode_images(images(outputs)).detach().repeat(4, 1, 1)
    drawn = []
    for seed in (2023, 2023, 7):
        torch.manual_seed(seed)
        drawn.append(model.generate(prompt, qformer_embeds=features, max_new_tokens=6).tolist())
    assert drawn[0] == drawn[1] != drawn[2]
    assert len({tuple(row) for row in drawn[0]}) > 1


# --- what trains ------------------------------------------------------------------------------------------


def test_only_the_projection_trains(model: SparklesChatForConditionalGeneration) -> None:
    model.train()
    training = {name for name, module in model.named_modules() if module.training}
    assert training == {"", "language_projection"}
    assert not any(module.training for module in model.train(False).modules())
    wanted = {name for name, own in model.named_parameters() if own.requires_grad}
    assert wanted == {"language_projection.weight", "language_projection.bias"}


def test_training_mode_does_not_change_the_loss(model: SparklesChatForConditionalGeneration, outputs: Outputs) -> None:
    """The frozen Q-Former has dropout 0.1: were it switched on, the loss would move by 0.05."""
    batch = {"input_ids": ids(outputs, "train_input_ids"), "labels": ids(outputs, "train_labels")}
    losses = [model.train(mode)(**batch, pixel_values=images(outputs)).loss for mode in (False, True)]
    assert torch.equal(*losses)


def test_everything_can_train_from_nothing(config: SparklesChatConfig) -> None:
    """Fresh weights are not degenerate: gradients reach the tower, and queries differ."""
    from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration

    torch.manual_seed(0)
    fresh = SparklesChatForConditionalGeneration(config)
    fresh.set_trainable("all")
    fresh.train()
    assert all(module.training for module in fresh.modules())
    assert float(fresh.query_tokens.detach().std()) > 0.3
    row = torch.tensor([[1, 318, *[319] * 31, 7, 8]])
    loss = fresh(row, pixel_values=torch.randn(1, 3, 56, 56), labels=row.masked_fill(row > 300, -100)).loss
    loss.backward()
    first = fresh.vision_model.embeddings.patch_embedding.weight.grad
    assert first is not None
    assert float(first.abs().max()) > 0


def test_sixteen_bits_keep_the_small_parts_whole(converted: Path, outputs: Outputs) -> None:
    from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration

    half = SparklesChatForConditionalGeneration.from_pretrained(converted, dtype=torch.bfloat16)
    assert {half.language_model.lm_head.weight.dtype, half.vision_model.dtype} == {torch.bfloat16}
    assert {half.query_tokens.dtype, half.language_projection.weight.dtype} == {torch.float32}
    batch = {"input_ids": ids(outputs, "train_input_ids"), "labels": ids(outputs, "train_labels")}
    loss = half(**batch, pixel_values=images(outputs)).loss
    assert abs(float(loss.detach()) - float(outputs["loss"])) < 0.05


def test_the_tower_alone_can_stay_in_fp32(converted: Path, outputs: Outputs) -> None:
    from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration

    mixed = SparklesChatForConditionalGeneration.from_pretrained(converted, dtype=torch.bfloat16, vision_in_fp32=True)
    assert (mixed.vision_model.dtype, mixed.language_model.dtype) == (torch.float32, torch.bfloat16)
    with torch.no_grad():
        assert error(mixed.encode_images(images(outputs)), outputs["qformer_out"]) < 2e-5
