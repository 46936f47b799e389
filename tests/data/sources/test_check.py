"""Data folders looked over: what is in them, every mistake planted is found, and no more."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest
import yaml
from PIL import Image as Pillow

from sparkles_eval.core.errors import ContentError, UserError
from sparkles_eval.data.sources.check import TaskToCheck, check_task, check_training, detect_data
from sparkles_eval.training.recipes import read_recipe
from tests.data.sources.test_image_urls import picture
from tests.tasks.loaders.test_demon import item, write_set


def nlvr2(root: Path, count: int = 4) -> Path:
    """A whole NLVR2 split in small."""
    (root / "images").mkdir(parents=True)
    rows = []
    for number in range(count):
        rows.append({"identifier": f"dev-{number}-0-0", "sentence": "There are two.", "label": "True"})
        for side in (0, 1):
            (root / "images" / f"dev-{number}-0-img{side}.png").write_bytes(picture(2 * number + side))
    (root / "dev.json").write_text("\n".join(json.dumps(row) for row in rows))
    return root


def test_a_sound_folder_has_no_problem(tmp_path: Path) -> None:
    root = nlvr2(tmp_path)
    (wanted,) = detect_data(root)
    assert wanted.label == "nlvr2 source=full split=dev"
    found = check_task(wanted, root)
    assert (found.sound, found.images, found.problems, found.notes) == (4, 8, (), ())
    assert found.labels == {"True": 4}


def test_damage_in_the_middle_of_a_picture_is_found(tmp_path: Path) -> None:
    root = nlvr2(tmp_path)
    place = root / "images" / "dev-1-0-img0.png"
    noise = io.BytesIO()
    Pillow.effect_noise((64, 48), 80).save(noise, "GIF")
    # A GIF keeps no checksum: with an end of its own, only decoding shows that its middle is gone.
    place.write_bytes(noise.getvalue()[:-900] + b"\0;")
    (wanted,) = detect_data(root)
    assert check_task(wanted, root, decode=False).problems == ()
    (problem,) = check_task(wanted, root).problems
    assert problem.item == "images/dev-1-0-img0.png" and problem.what.startswith("is damaged")


def test_missing_and_doubled_pictures_are_told(tmp_path: Path) -> None:
    root = nlvr2(tmp_path)
    images = root / "images"
    (images / "dev-0-0-img0.png").unlink()
    shutil.copy(images / "dev-1-0-img0.png", images / "dev-1-0-img1.png")
    shutil.copy(images / "dev-1-0-img0.png", images / "dev-2-0-img1.png")
    found = check_task(TaskToCheck("nlvr2", {"source": "full", "split": "dev"}), root)
    assert [problem.what for problem in found.problems] == ["missing file dev-0-0-img0.png"]
    assert found.notes[0] == "dev-1-0-0 shows one picture twice"
    assert "stand under several names" in found.notes[1]
    assert found.as_json()["sound"] == 3


def test_everything_that_is_there_is_detected(tmp_path: Path) -> None:
    root = nlvr2(tmp_path)
    (root / "bison_annotations.cocoval2014.json").write_text("{}")
    write_set(root, "WebQA", item(1, "{image#1}", ["0.png"], "a dog"))
    for name in ("SparklesEval", "BISON"):
        (root / "evaluation" / name / "annotations").mkdir(parents=True)
    assert [wanted.label for wanted in detect_data(root)] == [
        "sparkleseval",
        "bison",
        "nlvr2 source=full split=dev",
        "bison source=full",
        "demon dataset=WebQA",
    ]
    found = check_task(TaskToCheck("bison", {}), root)
    assert found.sound == 0 and found.problems


def test_a_broken_annotation_file_is_one_data_set_s_problem(tmp_path: Path) -> None:
    root = nlvr2(tmp_path)
    core = write_set(root, "WebQA", item(1, "{image#1}", ["0.png"], "a dog")) / "core.json"
    core.write_text(core.read_text()[:40])
    found = {checked.label: checked for checked in (check_task(wanted, root) for wanted in detect_data(root))}
    assert found["nlvr2 source=full split=dev"].sound == 4
    (problem,) = found["demon dataset=WebQA"].problems
    assert "core.json: not JSON" in problem.what
    with pytest.raises(ContentError, match="unknown --task-arg colour"):
        check_task(TaskToCheck("demon", {"colour": "red"}), root)


def test_nlvr_of_2017_is_not_taken_for_nlvr2(tmp_path: Path) -> None:
    (tmp_path / "dev.json").write_text('{"identifier": "1-0", "directory": "3", "sentence": "s", "label": "true"}\n')
    with pytest.raises(UserError, match="data import nlvr1"):
        detect_data(tmp_path)


def test_an_empty_folder_or_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no data set found"):
        detect_data(tmp_path)
    with pytest.raises(UserError, match="is no folder"):
        detect_data(tmp_path / "none")


def test_training_data_of_a_recipe(tmp_path: Path) -> None:
    shipped = yaml.safe_load((Path(__file__).parents[3] / "recipes" / "sparkleschat-7b.yaml").read_text())
    shipped["subsets"] = [{"name": "one", "weight": 1, "annotations": "one.json", "images": "images"}]
    recipe = tmp_path / "own.yaml"
    recipe.write_text(yaml.safe_dump(shipped))
    (tmp_path / "images").mkdir()
    Pillow.new("RGB", (20, 20), "red").save(tmp_path / "images" / "a.jpg")
    record = {"question": "What? <Img><ImageHere></Img>", "answer": "A red square.", "tgt_imgs": [{"image_id": "a"}]}
    wrong = record | {"tgt_imgs": [{"image_id": "b"}]}
    (tmp_path / "one.json").write_text(json.dumps([record, wrong]))
    found = check_training("own", read_recipe(str(recipe)), tmp_path)
    assert (found.sound, found.images) == (1, 1)
    assert [problem.what for problem in found.problems] == ["missing file b.jpg"]
    with pytest.raises(UserError, match="draws its own data"):
        check_training("sparkleschat-tiny", read_recipe("sparkleschat-tiny"), tmp_path)


def test_the_published_folder(shared_data: Path) -> None:
    root = shared_data / "sparkles_layout"
    found = [check_task(wanted, root) for wanted in detect_data(root)]
    assert [(checked.label, checked.sound, checked.problems) for checked in found] == [
        ("sparkleseval", 4, ()),
        ("bison", 6, ()),
        ("nlvr2", 8, ()),
    ]
