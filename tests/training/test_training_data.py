"""Training data: the published form, whole dialogues, and every fault of all files at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from sparkles_eval.core.errors import ContentError, DataError
from sparkles_eval.training.recipes import SubsetSpec
from sparkles_eval.training.training_data import read_subsets

PLACE = "<Img><ImageHere></Img>"


def spec(name: str = "some") -> SubsetSpec:
    return SubsetSpec(name=name, weight=1, annotations=f"{name}.json", images="images")


def folder(root: Path, records: list[object], name: str = "some") -> Path:
    (root / "images").mkdir(exist_ok=True)
    for number in (1, 2):
        Image.new("RGB", (20, 20), (number, 90, 90)).save(root / "images" / f"{number}.jpg")
    (root / f"{name}.json").write_text(json.dumps(records), encoding="utf-8")
    return root


def test_a_published_record(tmp_path: Path) -> None:
    """The instruction is taken as it is, a corrected answer goes before the first one, images stay in order."""
    record = {
        "uniform_question": "not used",
        "instruction": f"###Human: IMAGE#2{PLACE} and IMAGE#1{PLACE}###Assistant: ",
        "answer": "wrong",
        "fix_answer": "right",
        "tgt_imgs": [{"image_id": 2, "caption": "b"}, {"image_id": "1"}],
    }
    (subset,) = read_subsets([spec()], folder(tmp_path, [record]))
    (exchange,) = subset.exchanges
    assert exchange.instruction == record["instruction"] and exchange.answer == "right"
    assert [image.id for image in exchange.images] == ["2", "1"]


def test_a_question_alone_becomes_an_instruction(tmp_path: Path) -> None:
    record = {"uniform_question": f"What is in {PLACE}?", "answer": "A cup.", "tgt_imgs": [{"image_id": 1}]}
    (subset,) = read_subsets([spec()], folder(tmp_path, [record]))
    assert subset.exchanges[0].instruction == f"###Human: What is in {PLACE}?###Assistant: "


def test_a_dialogue_gives_both_turns(tmp_path: Path) -> None:
    dialogue = [
        {"role": "user", "content": f"See {PLACE}", "images": [{"image_id": 1}]},
        {"role": "assistant", "content": "One."},
        {"role": "user", "content": f"And {PLACE}", "images": [{"image_id": 2}]},
        {"role": "assistant", "content": "Two."},
    ]
    (subset,) = read_subsets([spec()], folder(tmp_path, [{"dialogue": dialogue}]))
    first, second = subset.exchanges
    assert (first.answer, second.answer) == ("One.", "Two.")
    assert second.instruction == f"###Human: See {PLACE}###Assistant: One.###Human: And {PLACE}###Assistant: "
    assert [image.id for image in second.images] == ["1", "2"]


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    good = {"question": "Hello?", "answer": "Yes."}
    records: list[object] = [
        {"question": f"See {PLACE}", "answer": "A.", "tgt_imgs": [{"image_id": 99}]},
        {"question": f"See {PLACE} {PLACE}", "answer": "A.", "tgt_imgs": [{"image_id": 1}]},
        {"question": "See", "answer": "  "},
        {"question": "See", "answer": f"Look {PLACE}"},
        {"question": f"See {PLACE}", "answer": "A.", "tgt_imgs": [{"image_id": "../../secret"}]},
        {"answer": "No question."},
        {"question": 7, "answer": "A."},
        {"dialogue": [{"role": "assistant", "content": "I begin."}]},
        good,
    ]
    place = folder(tmp_path, records)
    with pytest.raises(DataError) as told:
        read_subsets([spec()], place)
    said = str(told.value)
    for what in (
        "missing file 99.jpg",
        "2 places for images",
        "answer is empty",
        "which only a question may",
        "secret",
        "neither instruction nor question",
        "entry 7",
        "user, assistant",
        "--skip-bad",
    ):
        assert what in said
    (subset,) = read_subsets([spec()], place, skip_bad=True)
    assert [exchange.answer for exchange in subset.exchanges] == ["Yes."]


def test_missing_files_cannot_be_skipped(tmp_path: Path) -> None:
    place = folder(tmp_path, [{"question": "Hello?", "answer": "Yes."}])
    with pytest.raises(DataError, match=r"other: missing file other\.json"):
        read_subsets([spec(), spec("other")], place, skip_bad=True)
    with pytest.raises(DataError, match="is no folder"):
        read_subsets([spec()], tmp_path / "nowhere")


def test_a_subset_without_a_sound_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no record that can be used"):
        read_subsets([spec()], folder(tmp_path, [{"question": "a", "answer": ""}]), skip_bad=True)


@pytest.mark.parametrize("whole", [True, False])
def test_captions_answer_the_recipes_questions_in_turn(tmp_path: Path, whole: bool) -> None:
    """As MiniGPT-4's second stage is published ({"annotations": [...]}), and as a plain list."""
    captions: list[object] = [{"image_id": str(1 + n % 2), "caption": f"Caption {n}."} for n in range(3)]
    folder(tmp_path, captions)
    if whole:
        (tmp_path / "some.json").write_text(json.dumps({"annotations": captions}), encoding="utf-8")
    questions = (f"{PLACE} What is it?", f"Describe {PLACE}")
    (subset,) = read_subsets([spec().model_copy(update={"questions": questions})], tmp_path)
    assert [(one.instruction, one.answer, one.images[0].id) for one in subset.exchanges] == [
        (f"###Human: {PLACE} What is it?###Assistant: ", "Caption 0.", "1"),
        (f"###Human: Describe {PLACE}###Assistant: ", "Caption 1.", "2"),
        (f"###Human: {PLACE} What is it?###Assistant: ", "Caption 2.", "1"),
    ]


def test_faults_of_captions_are_named(tmp_path: Path) -> None:
    captions = {
        "annotations": [{"caption": "no image"}, {"image_id": "1", "caption": " "}, {"image_id": 9, "caption": "x"}]
    }
    folder(tmp_path, [])
    (tmp_path / "some.json").write_text(json.dumps(captions), encoding="utf-8")
    asked = spec().model_copy(update={"questions": (f"{PLACE}?",)})
    with pytest.raises(DataError) as caught:
        read_subsets([asked], tmp_path)
    told = str(caught.value)
    assert "entry 1: has no image_id" in told and "entry 2: its answer is empty" in told and "9.jpg" in told
    (tmp_path / "some.json").write_text('{"annotations": 3}', encoding="utf-8")
    with pytest.raises(ContentError, match="no list of captions"):
        read_subsets([asked], tmp_path)


def test_a_caption_question_has_one_place() -> None:
    with pytest.raises(ValueError, match="one place of an image"):
        SubsetSpec(name="a", weight=1, annotations="a.json", images="images", questions=("Describe it.",))
