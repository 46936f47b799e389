"""What is written: training records in the published shape, images, the hub's folder with its card, statistics."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image as Pillow

from sparkles_eval.core.errors import DataError, UserError
from sparkles_eval.data.dialogues.figures import figures
from sparkles_eval.data.dialogues.hf_export import SetOrigin, dataset_card, write_hf_folder
from sparkles_eval.data.dialogues.inputs import CandidateImages, ImageRow, read_demonstrations
from sparkles_eval.data.dialogues.outputs import records, training_form, valid_name, write_set
from sparkles_eval.data.dialogues.records import CandidateImage, GeneratedDialogue, Rejection
from sparkles_eval.data.dialogues.spec import find_style
from sparkles_eval.data.dialogues.statistics import outcome_table, overview, root_table, set_statistics
from sparkles_eval.data.dialogues.stored_dialogues import StoredDialogue, WrittenMessage
from sparkles_eval.data.dialogues.text_analysis import rule_root
from tests.data.dialogues.making import talk

PLACE = "<Img><ImageHere></Img>"


def item(name: str, dialogue: GeneratedDialogue) -> StoredDialogue:
    return StoredDialogue(
        name, dialogue, None, tuple(WrittenMessage(m.role, m.content, m.images) for m in dialogue.messages)
    )


def rejected(name: str = "bad") -> StoredDialogue:
    return StoredDialogue(
        name, None, Rejection("messages", "3 messages; it must be 4"), (WrittenMessage("user", "x", ()),)
    )


@pytest.fixture
def pool(tmp_path: Path) -> dict[str, CandidateImage]:
    """Images of four kinds, under their ids."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(("12.jpg", "14.png", "31.webp", "7.gif")):
        Pillow.new("RGB", (30, 20), (10 * number, 90, 200)).save(folder / name)
    rows = [ImageRow(name, "", f"Caption of {name}.") for name in ("12", "14", "31", "7")]
    found, problems = CandidateImages(folder).read(rows)
    assert problems == []
    return {candidate.id: candidate for candidate in found}


def test_records_have_the_published_shape() -> None:
    dialogue = talk(questions=("Compare {} and IMAGE#12 again.", "And {} beside IMAGE#14?"), answers=("One.", "Two."))
    captions = {"12": "A lake.", "14": "A field.", "31": "A hill."}
    first, second = records(dialogue, captions)
    q1 = f"Compare IMAGE#12{PLACE} and IMAGE#14{PLACE} and IMAGE#12 again."
    q2 = f"And IMAGE#31{PLACE} beside IMAGE#14?"
    assert first == (
        1,
        2,
        {
            "uniform_question": q1,
            "instruction": f"###Human: {q1}###Assistant: ",
            "answer": "One.",
            "tgt_imgs": [{"image_id": "12", "caption": "A lake."}, {"image_id": "14", "caption": "A field."}],
        },
    )
    assert second[:2] == (2, 3) and second[2]["uniform_question"] == q2 and second[2]["answer"] == "Two."
    assert second[2]["instruction"] == f"###Human: {q1}###Assistant: One.###Human: {q2}###Assistant: "
    assert second[2]["tgt_imgs"] == [{"image_id": name, "caption": captions[name]} for name in ("12", "14", "31")]


def test_a_written_dialogue_can_be_a_demonstration(tmp_path: Path) -> None:
    dialogue = talk()
    file = tmp_path / "mine.jsonl"
    file.write_text(json.dumps({"dialogue": training_form(dialogue, {"12": "A lake."})}), encoding="utf-8")
    (read,) = read_demonstrations(file, 4)
    assert read.dialogue == dialogue and dict(read.captions) == {"12": "A lake.", "14": "", "31": ""}


def test_a_folder_is_whole_and_written_again(tmp_path: Path, pool: dict[str, CandidateImage]) -> None:
    out = tmp_path / "out"
    items = [item("a", talk()), rejected(), item("b", talk(("7",), ("12",)))]
    groups = write_set(out, "mine", items, pool.values())
    assert [(group.turn, group.images, group.records) for group in groups] == [
        (1, 1, 1),
        (1, 2, 1),
        (2, 2, 1),
        (2, 3, 1),
    ]
    assert sorted(file.name for file in (out / "images").iterdir()) == ["12.jpg", "14.png", "31.png", "7.png"]
    for file in (out / "images").iterdir():
        with Pillow.open(file) as opened:
            assert opened.size == (30, 20)
    (line,) = (out / "rejected.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["reason"] == "3 messages; it must be 4"
    groups = write_set(out, "mine", items[:1], pool.values())
    assert sorted(file.name for file in (out / "annotations").iterdir()) == [
        "mine_turn1_2img.json",
        "mine_turn2_3img.json",
    ]
    assert write_set(out, "mine", [rejected()], pool.values()) == [] and not (out / "recipe.yaml").exists()


def test_an_image_that_is_gone_is_told(tmp_path: Path, pool: dict[str, CandidateImage]) -> None:
    with pytest.raises(DataError, match="not among the images"):
        write_set(tmp_path / "out", "mine", [item("a", talk(("99",), ("12",)))], pool.values())
    for name in ("", "a b", "../x", ".hidden", "x" * 81):
        with pytest.raises(UserError, match="--name"):
            valid_name(name)


def test_the_hub_s_folder_loads_with_its_images(
    tmp_path: Path, pool: dict[str, CandidateImage], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    datasets = pytest.importorskip("datasets", reason="Hugging Face datasets is not installed")
    items = [item("a", talk()), item("b", talk(("7",), ("12",))), rejected()]
    found = set_statistics([one.dialogue for one in items if one.dialogue], ("rule", rule_root))
    origin = SetOrigin("mine", find_style("cc").spec, "openai/good", seen=False, seed=3, demonstrations="6")
    write_hf_folder(tmp_path / "hub", origin, items, pool, found)
    loaded = datasets.load_dataset(str(tmp_path / "hub"), split="train", cache_dir=str(tmp_path / "cache"))
    assert list(loaded["id"]) == ["a", "b"]
    row = loaded[1]
    assert [image.size for image in row["images"]] == [(30, 20), (30, 20)] and row["image_ids"] == ["7", "12"]
    assert row["messages"][0]["content"].count(PLACE) == 1 and row["captions"][0] == "Caption of 7."


def test_two_processes_may_write_one_folder(tmp_path: Path, pool: dict[str, CandidateImage]) -> None:
    pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    items = [item(f"{number}", talk()) for number in range(120)]
    found = set_statistics([talk()], ("rule", rule_root))
    origin = SetOrigin("mine", find_style("cc").spec, "openai/good", seen=False, seed=3, demonstrations="6")
    with ThreadPoolExecutor(4) as threads:
        done = [threads.submit(write_hf_folder, tmp_path / "hub", origin, items, pool, found) for _ in range(4)]
        assert [one.result() for one in done] == [None] * 4
    assert [path.name for path in (tmp_path / "hub" / "data").iterdir()] == ["train-00000-of-00001.parquet"]


def test_the_card_says_how_many_of_what_and_under_which_terms() -> None:
    items = [item("a", talk()), rejected()]
    found = set_statistics([talk()], ("rule", rule_root))
    origin = SetOrigin(
        "mine", find_style("vg").spec, "evil`<script>\n# x", seen=False, seed=3, demonstrations="6", against=("bison",)
    )
    text = dataset_card(origin, items, found)
    assert "1 dialogues of 2 turns each" in text and "(3 in all)" in text and "## Licence" in text
    assert "SparklesDialogueVG" in text and "Kept apart from: bison" in text and "size_categories: [n<1K]" in text
    assert "<script>" not in text.replace("\\<script>", "") and "\n# x" not in text and text.startswith("---\n")


def test_statistics_count_what_is_there() -> None:
    one = talk(
        questions=("Could you write a poem about {}?", "What mood does {} convey?"), answers=("One two.", "Three.")
    )
    two = talk(
        ("12",), ("7",), questions=("Please write a poem about {}.", "{}?"), answers=("Four.", "Five six seven.")
    )
    found = set_statistics([one, two], ("rule", rule_root))
    assert (found.dialogues, found.unique_images, found.total_images) == (2, 4, 5)
    assert found.assistant_words == (2, 1, 1, 3) and found.user_words == (9, 5, 6, 1)
    assert found.images_per_turn == (((1, 1), 1), ((1, 2), 1), ((2, 1), 2))
    assert found.roots == ((("write", "poem"), 2), (("convey", "mood"), 1)) and found.questions == 4
    assert overview("mine", found).rows[0] == ("mine", 2, 4, 5, 2.5, 5.2, 1.8)
    assert overview("mine", found).rows[1][1:5] == (4521, 3373, 12979, 2.87)
    assert root_table(found).rows[0] == ("write", "poem", 2)
    counted = {str(row[0]): row[1] for row in outcome_table([item("a", one), rejected()]).rows}
    assert (counted["kept"], counted["messages"], counted["all"]) == (1, 1, 2)


def test_statistics_of_nothing() -> None:
    found = set_statistics([], ("rule", rule_root))
    assert overview("mine", found).rows[0] == ("mine", 0, 0, 0, None, None, None)


def test_figures_draw_what_the_tables_say() -> None:
    pytest.importorskip("altair", reason="the extra figures is not installed")
    pytest.importorskip("vl_convert", reason="the extra figures is not installed")
    verbs = ("write a poem", "plan a trip", "suggest a title")
    talks = [
        talk(questions=(f"Could you {verbs[number % 3]} about {{}}?", "What mood does {} convey?"))
        for number in range(12)
    ]
    drawn = figures(set_statistics(talks, ("rule", rule_root)))
    assert [figure.name for figure in drawn] == ["lengths", "verbs", "words", "images"]
    for figure in drawn:
        svg = figure.file("svg").decode()
        ET.fromstring(svg)  # noqa: S314 - made a moment ago
        assert figure.data.rows and figure.caption and figure.alt
    found = ET.fromstring(drawn[1].file("svg")).iter("{http://www.w3.org/2000/svg}text")  # noqa: S314
    texts = {" ".join("".join(text.itertext()).split()) for text in found}
    assert {"convey 12", "mood 12", "write 4", "poem 4", "title 4", "trip 4"} <= texts
    assert figures(set_statistics([], ("rule", rule_root))) == []
