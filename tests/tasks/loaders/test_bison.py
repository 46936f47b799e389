"""BISON: the label from the candidates' order, clusters over shared images, and both sources."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sparkles_eval.core.errors import DataError
from sparkles_eval.core.samples import read_cluster
from sparkles_eval.tasks.load import load_task
from sparkles_eval.tasks.loaders.bison import BisonRow, clusters


def item(number: int, true: int, first: int, second: int, **more: object) -> dict[str, object]:
    candidates = [{"image_id": image, "image_filename": f"{image}.jpg"} for image in (first, second)]
    row: dict[str, object] = {"bison_id": 100 + number, "caption": f"Caption {number}.", "true_image_id": true}
    return row | {"image_candidates": candidates} | more


def rows(*pairs: tuple[int, int]) -> list[BisonRow]:
    return [BisonRow.model_validate(item(number, *pair[:1], *pair)) for number, pair in enumerate(pairs)]


def test_the_published_layout_with_real_photographs(shared_data: Path) -> None:
    task = load_task("bison", data_root=shared_data / "sparkles_layout", protocol="paper")
    assert len(task.samples) == 6
    assert [sample.target for sample in task.samples[:3]] == ["IMAGE#1", "IMAGE#2", "IMAGE#1"]
    assert [image.id for image in task.samples[0].images] == ["101", "303"]
    assert (task.protocol.answer, task.protocol.draws, task.protocol.generation.seed) == ("paper", 10, 2023)
    parts = task.prompt.conversation(task.samples[0], ()).messages[0].parts
    assert parts[1::2][:2] == task.samples[0].images


def test_clusters_are_components_of_shared_images() -> None:
    found = clusters(rows((1, 2), (3, 4), (2, 5), (6, 7), (8, 9), (10, 11)))
    assert found[0] == found[2]
    assert len(set(found)) == 5
    assert (
        clusters(rows((2, 5), (1, 2), (3, 4), (6, 7), (8, 9)))[0] == clusters(rows((1, 2), (2, 5), (3, 4), (6, 7)))[0]
    )


def test_in_a_giant_component_every_item_depends_on_both_its_images() -> None:
    found = clusters(rows((1, 2), (3, 2), (1, 3), (7, 8)))
    assert found == ["image-1||image-2", "image-2||image-3", "image-1||image-3", "image-7||image-8"]
    assert read_cluster(found[0]) == frozenset({"image-1", "image-2"})
    assert clusters([]) == []


def test_problems_have_item_ids(official: Callable[..., Path], draw: Callable[..., None]) -> None:
    three = item(5, 1, 1, 2, evaluation_id=4)
    candidates = three["image_candidates"]
    assert isinstance(candidates, list)
    three["image_candidates"] = [*candidates, candidates[0]]
    root = official(
        "BISON",
        [
            item(1, 1, 1, 2, evaluation_id=0),
            item(2, 9, 1, 2, evaluation_id=1),
            item(3, 1, 1, 77, evaluation_id=2),
            item(4, 1, 1, 1, evaluation_id=3),
            three,
            item(6, 3, 3, 1, evaluation_id=5),
            item(7, 4, 4, 1, evaluation_id=6),
        ],
    )
    images = root / "evaluation" / "BISON" / "images"
    draw(images, "1.jpg", "2.jpg")
    (images / "3.jpg").write_bytes((images / "1.jpg").read_bytes()[:-30])
    (images / "4.jpg").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        load_task("bison", data_root=root)
    assert {(problem.item, problem.what) for problem in caught.value.problems} == {
        ("1 (entry 2)", "label not an option: true_image_id 9 is none of 1, 2"),
        ("2", "missing file 77.jpg"),
        ("3 (entry 4)", "two different image_candidates are needed, there are 1, 1"),
        ("4 (entry 5)", "two different image_candidates are needed, there are 1, 2, 1"),
        ("5", "3.jpg is truncated: the file ends before the picture does"),
        ("6", "4.jpg is empty: 0 bytes"),
    }


def test_the_whole_set_is_counted_by_its_annotations(tmp_path: Path, draw: Callable[..., None]) -> None:
    data = [item(1, 1, 1, 2), item(2, 4, 3, 4), item(3, 6, 5, 6)]
    file = tmp_path / "bison_annotations.cocoval2014.json"
    file.write_text(json.dumps({"info": {"source": "COCO", "split": "val2014"}, "data": data}), encoding="utf-8")
    draw(tmp_path / "val2014", *(f"{number}.jpg" for number in range(1, 6)))
    with pytest.raises(DataError, match=r"103: missing file 6\.jpg"):
        load_task("bison", args={"source": "full"}, data_root=tmp_path)
    task = load_task("bison", args={"source": "full"}, data_root=tmp_path, skip_bad=True)
    assert [(sample.id, sample.target) for sample in task.samples] == [("101", "IMAGE#1"), ("102", "IMAGE#2")]
    assert [problem.item for problem in task.skipped] == ["103"]
    assert task.samples[0].images[0].relpath == "val2014/1.jpg"


def test_other_places_can_be_named(tmp_path: Path, draw: Callable[..., None]) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "my.json").write_text(json.dumps([item(1, 1, 1, 2)]), encoding="utf-8")
    draw(tmp_path / "coco", "1.jpg", "2.jpg")
    args = {"source": "full", "annotations": str(tmp_path / "my.json"), "images": "../coco"}
    task = load_task("bison", args=args, data_root=tmp_path / "root")
    assert task.samples[0].images[0].relpath == "1.jpg"
    assert task.root == (tmp_path / "root" / ".." / "coco")
    with pytest.raises(DataError, match=r"no images at .*nowhere.*--task-arg images=PATH"):
        load_task("bison", args=args | {"images": "nowhere"}, data_root=tmp_path / "root")
