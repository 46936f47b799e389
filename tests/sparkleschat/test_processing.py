"""Prompts and images into tensors, and ids back into answers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'local'")
pytest.importorskip("transformers", reason="needs the extra 'local'")

from PIL import Image  # noqa: E402

from sparkles_eval.core import Conversation, Message, Text  # noqa: E402
from sparkles_eval.core.errors import UserError  # noqa: E402
from sparkles_eval.sparkleschat import SparklesChatConfig, SparklesChatProcessor, prompts  # noqa: E402
from sparkles_eval.sparkleschat.processing import EncodedRow, ProcessorSettings  # noqa: E402
from sparkles_eval.sparkleschat.tokenizers import SentencePieceTokens  # noqa: E402

if TYPE_CHECKING:
    from sparkles_eval.sparkleschat import SparklesChatForConditionalGeneration

ONE = f"Human: {prompts.IMAGE} is red?"
QUESTION = f"###Human: Compare IMAGE#101{prompts.IMAGE} and IMAGE#202{prompts.IMAGE}.###Assistant: "


class Recorded:
    """The LLaMA ids of the texts that the original code tokenized; any other text is an error."""

    def __init__(self, known: Mapping[str, Sequence[int]]) -> None:
        self.known = known

    def encode(self, text: str) -> list[int]:
        return list(self.known[text])

    def decode(self, ids: Sequence[int]) -> str:
        return " ".join(str(number) for number in ids)

    def save(self, folder: Path) -> None:
        (folder / "recorded").touch()


@pytest.fixture
def processor(tokens: SentencePieceTokens, config: SparklesChatConfig) -> SparklesChatProcessor:
    return SparklesChatProcessor.for_model(tokens, config)


@pytest.fixture
def llama() -> SparklesChatProcessor:
    file = os.environ.get("SPARKLES_LLAMA_TOKENIZER")
    if not file:
        pytest.skip("set SPARKLES_LLAMA_TOKENIZER to LLaMA's tokenizer.model to compare token ids")
    return SparklesChatProcessor(SentencePieceTokens(Path(file)))


# --- the token protocol ---------------------------------------------------------------------------------


def test_golden_prompts_are_put_together_from_segments(protocol: dict[str, list[dict[str, Any]]]) -> None:
    """bos once, each segment's own ids, one image marker and 31 more between them."""
    for case in protocol["eval"]:
        segments: list[list[int]] = case["segment_ids"]
        known = {
            text: ids[1:] if n == 0 else ids
            for n, (text, ids) in enumerate(zip(case["segments"], segments, strict=True))
        }
        row = SparklesChatProcessor(Recorded(known)).encode(case["prompt"])
        expected = segments[0] + [number for ids in segments[1:] for number in [32000, *[32001] * 31, *ids]]
        assert list(row.input_ids) == expected
        assert row.images == len(segments) - 1
        assert [slot for slot in row.slots if slot >= 0] == list(range(32 * row.images))


def test_golden_ids_of_prompts(llama: SparklesChatProcessor, protocol: dict[str, list[dict[str, Any]]]) -> None:
    for case in protocol["eval"]:
        row = llama.encode(case["prompt"])
        text = [number for number in row.input_ids if number < 32000]
        assert text == [number for ids in case["segment_ids"] for number in ids]


def test_golden_ids_and_labels_of_training(
    llama: SparklesChatProcessor, protocol: dict[str, list[dict[str, Any]]]
) -> None:
    for case in protocol["train"]:
        row = llama.encode_training(case["instruction"], case["answer"])
        assert list(row.input_ids) == case["input_ids"]
        assert list(row.labels or ()) == case["labels"]


def test_labels_are_the_answer_alone(processor: SparklesChatProcessor) -> None:
    row = processor.encode_training(QUESTION, "The second image is brighter.")
    labels = [label for label in row.labels or () if label != -100]
    assert processor.tokenizer.decode(labels) == "The second image is brighter.###"
    assert row.labelled == len(labels)
    # the published rule: as many are left out as the instruction has tokens, less one
    assert (row.labels or ()).count(-100) == len(processor.encode(QUESTION).input_ids) - 1


@pytest.mark.parametrize("answer", ["x", " leading", "\nnewline", "IMAGE#1", "1", "é"])
def test_labels_hold_for_every_first_character(processor: SparklesChatProcessor, answer: str) -> None:
    row = processor.encode_training(QUESTION, answer)
    labels = [label for label in row.labels or () if label != -100]
    assert processor.tokenizer.decode(labels).removeprefix(" ") == (answer + "###").removeprefix(" ")


# --- cutting ----------------------------------------------------------------------------------------------


def test_training_is_cut_on_the_right(processor: SparklesChatProcessor) -> None:
    row = processor.encode_training(QUESTION, "The sky is clear. " * 400)
    assert len(row.input_ids) == len(row.slots) == len(row.labels or ()) == 1024
    lost = processor.encode_training(f"###Human: {'why? ' * 900}###Assistant: ", "Because.")
    assert lost.labelled == 0


def test_golden_left_cut_through_an_image(
    model: SparklesChatForConditionalGeneration, outputs: Mapping[str, npt.NDArray[np.float32]]
) -> None:
    """The original cuts embeddings; here ids are cut and the rest of a cut image keeps its own vectors."""
    ids = outputs["train_input_ids"][0, :80].tolist()
    places = [number for number, token in enumerate(ids) if token >= 318]
    slots = tuple(places.index(n) if n in places else -1 for n in range(80))
    row = EncodedRow(tuple(ids), slots, images=2).cut(last=60)
    assert row.slots[0] == 14  # the first 14 vectors of the first image are gone
    with torch.no_grad():
        ours = model.embed(
            torch.tensor([row.input_ids]), torch.from_numpy(outputs["image"]), slots=torch.tensor([row.slots])
        )
    assert float((ours - torch.from_numpy(outputs["context_embeds"][:, -60:])).abs().max()) < 2e-5


def test_prompts_leave_room_for_the_answer(processor: SparklesChatProcessor) -> None:
    text = "why? " * 3000
    whole = processor.encode(text).input_ids
    assert processor.encode_prompt(text).input_ids == whole[-1000:]
    assert processor.encode_prompt(text, max_new_tokens=1999).input_ids == whole[-1:]
    assert processor.encode_prompt("why?") == processor.encode("why?")
    with pytest.raises(UserError, match="no room is left for the prompt"):
        processor.encode_prompt(text, max_new_tokens=2000)


# --- batches ------------------------------------------------------------------------------------------------


def test_a_batch_for_generation(processor: SparklesChatProcessor) -> None:
    red, blue = (Image.new("RGB", (30, 20), colour) for colour in ("red", "blue"))
    batch = processor(images=[[red], [red, blue], []], text=[ONE, ONE + prompts.IMAGE, "hello"])
    longest = batch["input_ids"].shape[1]
    lengths = batch["attention_mask"].sum(1).tolist()
    assert lengths[1] == longest > lengths[0] > lengths[2]
    assert batch["pixel_values"].shape == (3, 3, 56, 56)
    assert set(batch["input_ids"][2, : longest - lengths[2]].tolist()) == {2}
    slots = batch["slots"]
    assert [sorted(set(row[row >= 0].tolist())) for row in slots] == [list(range(32)), list(range(32, 96)), []]
    assert "pixel_values" not in processor(text="hello")


def test_one_picture_in_many_rows_is_encoded_once(
    processor: SparklesChatProcessor, model: SparklesChatForConditionalGeneration
) -> None:
    red, blue = (Image.new("RGB", (30, 20), colour) for colour in ("red", "blue"))
    rows = [processor.encode(ONE), processor.encode(ONE + prompts.IMAGE), processor.encode(ONE)]
    shared = processor.collate(rows, "right", image_indices=[[0], [1, 0], [0]])
    apart = processor.collate(rows, "right")
    with torch.no_grad():
        once = model.embed(shared["input_ids"], processor.pixels([red, blue]), slots=shared["slots"])
        many = model.embed(apart["input_ids"], processor.pixels([red, blue, red, red]), slots=apart["slots"])
    assert torch.allclose(once, many, atol=1e-6)
    with pytest.raises(UserError, match="row 1: the text has places for 2 images, 1 came"):
        processor.collate(rows, "right", image_indices=[[0], [1], [0]])


def test_a_batch_for_training(processor: SparklesChatProcessor) -> None:
    rows = [processor.encode_training("###Human: hi###Assistant: ", answer) for answer in ("The sky.", "no")]
    batch = processor.collate(rows, side="right")
    assert batch["attention_mask"][1].tolist() == sorted(batch["attention_mask"][1].tolist(), reverse=True)
    assert (batch["labels"] != -100).sum(1).tolist() == [row.labelled for row in rows]
    assert set(batch["labels"][batch["attention_mask"] == 0].tolist()) == {-100}


def test_a_cut_row_does_not_shift_its_neighbours_images(
    processor: SparklesChatProcessor, model: SparklesChatForConditionalGeneration
) -> None:
    """With vectors taken in reading order, a row that lost part of its image would take them from the next row."""
    red, blue = (Image.new("RGB", (30, 20), colour) for colour in ("red", "blue"))
    whole, cut = processor.encode(ONE), processor.encode(ONE).cut(first=20)
    batch = processor.collate([cut, whole], side="right")
    with torch.no_grad():
        both = model.embed(batch["input_ids"], processor.pixels([red, blue]), slots=batch["slots"])
        alone = model.embed(torch.tensor([whole.input_ids]), processor.pixels([blue]))
    assert torch.allclose(both[1], alone[0], atol=1e-6)


def test_images_and_places_must_match(processor: SparklesChatProcessor) -> None:
    with pytest.raises(UserError, match=r"1 places for images .* and 0 images came"):
        processor(text=ONE)


# --- the whole way, and files -----------------------------------------------------------------------------


def test_from_conversation_to_answer(
    processor: SparklesChatProcessor, model: SparklesChatForConditionalGeneration
) -> None:
    text = processor.prompt(Conversation((Message("user", (Text("Is the sky clear?"),)),)))
    new = model.generate(**processor(text=text), do_sample=False, max_new_tokens=8)
    assert processor.batch_decode(new) == [processor.decode(new[0])]


def test_answers_are_cut_at_the_separator(processor: SparklesChatProcessor) -> None:
    ids = processor.tokenizer.encode("Human: x Assistant: The left one. ###Human: more")
    assert processor.decode([*ids, 2, 2]) == "The left one."
    assert processor.decode(torch.tensor(ids)) == "The left one."


def test_settings_survive_saving(tmp_path: Path, processor: SparklesChatProcessor) -> None:
    processor.save_pretrained(tmp_path)
    loaded = SparklesChatProcessor.from_pretrained(tmp_path)
    assert loaded.settings == processor.settings
    assert loaded.encode(ONE) == processor.encode(ONE)
    assert '"num_query_tokens": 32' in repr(loaded)


def test_damaged_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is missing; give the folder"):
        SparklesChatProcessor.from_pretrained(tmp_path)
    (tmp_path / "processor_config.json").write_text('{"surprise": 1}', encoding="utf-8")
    with pytest.raises(UserError, match="surprise"):
        SparklesChatProcessor.from_pretrained(tmp_path)


def test_published_lengths() -> None:
    settings = ProcessorSettings()
    assert (settings.image_size, settings.max_length, settings.max_context) == (224, 1024, 2000)
