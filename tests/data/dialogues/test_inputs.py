"""What dialogues are made of: every published caption shape, folders alone, demonstrations, and every fault at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from sparkles_eval.core.errors import ContentError, DataError, UserError
from sparkles_eval.data.dialogues.inputs import CandidateImages, ImageRow, read_demonstrations, read_image_rows
from sparkles_eval.data.dialogues.parse_dialogues import read_reply
from sparkles_eval.data.dialogues.plan_calls import (
    check_demonstration_slots,
    choose_demonstrations,
    diverse_demonstrations,
)
from sparkles_eval.data.dialogues.prepare import DEMONSTRATIONS
from sparkles_eval.data.dialogues.spec import find_style, shared_file
from sparkles_eval.data.dialogues.text_analysis import rule_root


def images(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (number, 90, 90)).save(folder / name)
    return folder


def rows(folder: Path, text: str | None) -> list[ImageRow]:
    file = None
    if text is not None:
        file = folder / "captions.json"
        file.write_text(text, encoding="utf-8")
    found, problems = read_image_rows(folder, file)
    assert problems == []
    return found


def test_lines_of_our_own(tmp_path: Path) -> None:
    text = '{"image": "a b.jpg", "caption": "A."}\n\n{"id": "b", "image": "x/b.png", "caption": "B.", "extra": 1}\n'
    assert rows(tmp_path, text) == [ImageRow("a_b", "a b.jpg", "A."), ImageRow("b", "x/b.png", "B.")]


def test_the_shape_of_cc_sbu_align(tmp_path: Path) -> None:
    text = json.dumps({"annotations": [{"image_id": "12", "caption": "A lake."}, {"image_id": 13, "caption": "B."}]})
    assert rows(tmp_path, text) == [ImageRow("12", "", "A lake."), ImageRow("13", "", "B.")]


@pytest.mark.parametrize("nested", [True, False])
def test_the_shape_of_svit(tmp_path: Path, nested: bool) -> None:
    said = [{"from": "user", "value": "Describe it."}, {"from": "gpt", "value": "A lake at dawn."}]
    talk = [{"content": said}] if nested else said
    text = json.dumps([{"image_id": 2331287, "conversations": talk}])
    assert rows(tmp_path, text) == [ImageRow("2331287", "", "A lake at dawn.")]


def test_a_folder_alone(tmp_path: Path) -> None:
    images(tmp_path, "b.jpg", "sub/IMG 2.PNG", "a.webp")
    (tmp_path / "notes.txt").write_text("x")
    assert rows(tmp_path, None) == [
        ImageRow("a", "a.webp", ""),
        ImageRow("b", "b.jpg", ""),
        ImageRow("IMG_2", "sub/IMG 2.PNG", ""),
    ]


def test_names_of_real_folders(tmp_path: Path) -> None:
    images(tmp_path, "My holiday (1).JPG", "Überfahrt.jpg", "日本.jpg", "100/IMG_1.JPG", "101/IMG_1.jpg")
    images(tmp_path, "._b.jpg", ".cache/c.jpg", "a b.jpg", "a+b.jpg")
    assert {row.file: row.id for row in rows(tmp_path, None)} == {
        "My holiday (1).JPG": "My_holiday_1",
        "Überfahrt.jpg": "Uberfahrt",
        "日本.jpg": "image-cf2abf0c5b",
        "100/IMG_1.JPG": "100_IMG_1",
        "101/IMG_1.jpg": "101_IMG_1",
        "a b.jpg": "image-1f97f74b93",
        "a+b.jpg": "image-236a9f6d6e",
    }


def test_images_are_found_where_the_published_sets_have_them(tmp_path: Path) -> None:
    images(tmp_path, "image/12.jpg", "VG_100K_2/2331287.jpg", "7.png")
    found, problems = CandidateImages(tmp_path).read(
        [ImageRow("12", "", "A."), ImageRow("2331287", "", ""), ImageRow("7", "", ""), ImageRow("9", "", "")]
    )
    assert [candidate.image.relpath for candidate in found] == ["image/12.jpg", "VG_100K_2/2331287.jpg", "7.png"]
    assert [(problem.item, problem.what) for problem in problems] == [("9", "missing file 9.jpg")]


def test_a_name_may_not_leave_the_folder(tmp_path: Path) -> None:
    images(tmp_path, "secret.jpg", "in/a.jpg")
    found, problems = CandidateImages(tmp_path / "in").read([ImageRow("a", "../secret.jpg", "")])
    assert found == [] and "leaves the data folder" in problems[0].what


def test_every_fault_is_told(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    lines = ['{"image": "a.jpg"}', '{"id": "A", "image": "b.jpg"}', '{"caption": "x"}', "nonsense", '{"id": "<b>"}']
    file.write_text("\n".join(lines), encoding="utf-8")
    found, problems = read_image_rows(tmp_path, file)
    assert [row.id for row in found] == ["a"]
    told = " | ".join(f"{problem.item} {problem.what}" for problem in problems)
    assert "stands twice" in told and "neither image nor id" in told and "line 4" in told and "<b>" in told


@pytest.mark.parametrize("text", ["", "[]", '{"annotations": []}', "\n\n"])
def test_nothing_to_use_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="names no image"):
        read_image_rows(tmp_path, tmp_path / "c.json")
    with pytest.raises(DataError, match="--images"):
        read_image_rows(tmp_path / "nowhere", None)


@pytest.mark.parametrize(
    "text", ['{"annotations": [{"caption": 7}]', '{"annotations": [{"caption": 7}]}', '[{"conversations": ']
)
def test_what_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text, encoding="utf-8")
    with pytest.raises(ContentError, match=r"c\.json"):
        read_image_rows(tmp_path, tmp_path / "c.json")


def test_the_demonstrations_that_ship_keep_every_rule_and_serve_every_style() -> None:
    cc = find_style("cc").spec
    found = read_demonstrations(shared_file(DEMONSTRATIONS), cc.messages)
    for name in ("cc", "vg"):
        check_demonstration_slots(found, find_style(name).spec)
    for demonstration in found:
        messages = [
            {"role": m.role, "content": m.content, "images": list(m.images)} for m in demonstration.dialogue.messages
        ]
        (read,) = read_reply(json.dumps(messages), [name for name, _ in demonstration.captions], cc)
        assert read.dialogue == demonstration.dialogue, read.rejection
        assert all(text for _, text in demonstration.captions)
    assert {demonstration.first_images for demonstration in found} == {1, 2, 3}
    assert len(diverse_demonstrations(found, rule_root)) >= 4


def test_diverse_demonstrations_have_rare_questions_and_long_answers() -> None:
    found = read_demonstrations(shared_file(DEMONSTRATIONS), 4)
    assert diverse_demonstrations([*found, *found], rule_root) == []
    assert diverse_demonstrations(found, rule_root, long_answer=10_000) == []
    roots = [rule_root(one.dialogue.questions[0]) for one in diverse_demonstrations(found, rule_root)]
    assert len(set(roots)) == len(roots)


def test_demonstrations_are_drawn_by_their_places_and_by_lot() -> None:
    spec = find_style("cc").spec
    found = read_demonstrations(shared_file(DEMONSTRATIONS), 4)
    each = [choose_demonstrations(found, spec, 3, call) for call in range(20)]
    assert all([one.first_images for one in chosen] == [1, 2, 3] for chosen in each)
    assert each == [choose_demonstrations(found, spec, 3, call) for call in range(20)]
    assert len({tuple(one.dialogue.questions[0] for one in chosen) for chosen in each}) > 3


def test_a_place_without_a_demonstration_is_told(tmp_path: Path) -> None:
    one = shared_file(DEMONSTRATIONS).read_text(encoding="utf-8").splitlines()[0]
    file = tmp_path / "mine.jsonl"
    file.write_text(one, encoding="utf-8")
    with pytest.raises(UserError, match="with 2 images in the first turn; those at hand have 1"):
        check_demonstration_slots(read_demonstrations(file, 4), find_style("cc").spec)
    with pytest.raises(DataError, match="none of 6 messages"):
        read_demonstrations(file, 6)
