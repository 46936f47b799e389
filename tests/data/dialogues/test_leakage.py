"""Leakage: planted images are found by bytes, id, COCO map and look, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from PIL import Image as Pillow
from PIL import ImageDraw

from sparkles_eval.core import Image
from sparkles_eval.core.errors import ContentError, DataError
from sparkles_eval.data.dialogues.leakage import Evaluations, leaking, read_coco_map, read_evaluations
from sparkles_eval.data.dialogues.records import CandidateImage
from sparkles_eval.tasks.images import ImageFolder


def picture(file: Path, seed: int, edge: int = 256) -> None:
    """Forty random rectangles: different seeds look different."""
    rng = Random(seed)  # noqa: S311 (no secret is made of it)
    drawn = Pillow.new("RGB", (256, 256), (120, 120, 120))
    brush = ImageDraw.Draw(drawn)
    for _ in range(40):
        x, y = rng.randint(0, 220), rng.randint(0, 220)
        colour = (rng.randint(0, 255), rng.randint(0, 255), rng.randint(0, 255))
        brush.rectangle([x, y, x + rng.randint(10, 90), y + rng.randint(10, 90)], fill=colour)
    drawn.resize((edge, edge)).save(file, quality=70 if edge < 256 else 95)


@pytest.fixture
def shelf(tmp_path: Path) -> ImageFolder:
    for seed in range(8):
        picture(tmp_path / f"{seed}.jpg", seed)
    picture(tmp_path / "small.jpg", 2, edge=160)
    picture(tmp_path / "COCO_val2014_000000391895.jpg", 7)
    return ImageFolder(tmp_path)


def get(shelf: ImageFolder, name: str, image_id: str = "") -> Image:
    found = shelf.read(f"{name}.jpg", image_id=image_id or name)
    assert isinstance(found, Image)
    return found


def offered(shelf: ImageFolder, name: str, image_id: str = "") -> CandidateImage:
    return CandidateImage(image_id or name, get(shelf, name, image_id))


def test_each_way_of_leaking_is_found_and_said(shelf: ImageFolder) -> None:
    evaluations = Evaluations(
        ("bison",),
        (
            get(shelf, "1"),
            get(shelf, "2"),
            get(shelf, "3", "2331287"),
            get(shelf, "COCO_val2014_000000391895", "COCO_val2014_000000391895"),
        ),
        coco_ids={"2400001": "391895", "2400002": "111111"},
    )
    candidates = [
        offered(shelf, "1", "mine"),
        offered(shelf, "small"),
        offered(shelf, "4", "2331287"),
        offered(shelf, "5", "2400001"),
        offered(shelf, "6", "2400002"),
        offered(shelf, "0", "3"),
    ]
    found = {problem.item: problem.what for problem in leaking(candidates, evaluations)}
    assert set(found) == {"mine", "small", "2331287", "2400001"}
    assert "same file" in found["mine"] and "looks like 2.jpg" in found["small"]
    assert "has the id of 3.jpg" in found["2331287"] and "COCO image 391895" in found["2400001"]


def test_coco_s_padded_numbers_are_ids_however_small(shelf: ImageFolder, tmp_path: Path) -> None:
    picture(tmp_path / "REAL_000000000301.jpg", 11)
    picture(tmp_path / "2400003.jpg", 12)
    evaluations = Evaluations(
        ("bison", "sparkleseval"),
        (get(shelf, "REAL_000000000301", "301"), get(shelf, "2400003")),
        coco_ids={"2400001": "301", "2400003": "74"},
    )
    names = ("000000000301", "COCO_train2014_000000000301", "REAL_000000000301", "2400001", "000000000074")
    others = ("301", "74", "000000000302", "2400004")
    candidates = [offered(shelf, str(number % 8), name) for number, name in enumerate((*names, *others))]
    assert [problem.item for problem in leaking(candidates, evaluations)] == list(names)


def test_nothing_to_compare_with_finds_nothing(shelf: ImageFolder) -> None:
    assert leaking([offered(shelf, "1")], Evaluations()) == []


def test_the_map_of_visual_genome_is_read(tmp_path: Path) -> None:
    file = tmp_path / "image_data.json"
    file.write_text(json.dumps([{"image_id": 1, "coco_id": 11, "url": "x"}, {"image_id": 2, "coco_id": None}]))
    assert read_coco_map(file) == {"1": "11"}
    file.write_text("{}")
    with pytest.raises(ContentError, match="holds no list"):
        read_coco_map(file)
    file.write_text('[{"coco_id": 3}]')
    with pytest.raises(DataError, match="--coco-map"):
        read_coco_map(file)


def test_a_task_s_images_and_texts_are_read() -> None:
    found = read_evaluations(["sparkleseval-mini", "bison-mini"])
    assert len(found.images) > 100 and any("IMAGE#" in text for text in found.texts)
    assert found.hash != replace(found, images=found.images[1:]).hash


def test_planted_scenes_of_the_mini_evaluation_are_found() -> None:
    evaluations = read_evaluations(["nlvr2-mini"])
    planted = [CandidateImage(f"mine{number}", image) for number, image in enumerate(evaluations.images[:5])]
    assert [problem.item for problem in leaking(planted, evaluations)] == [candidate.id for candidate in planted]
