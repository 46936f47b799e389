"""DEMON data sets: images at their words, choices, categories, and every mistake named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image as Pillow

from sparkles_eval.core import Image, Text
from sparkles_eval.core.errors import ContentError, DataError
from sparkles_eval.tasks.load import load_task
from sparkles_eval.tasks.loaders.demon import CATEGORIES


def item(number: int, context: str, images: list[str], response: str, **more: object) -> dict[str, object]:
    instance = {"context": context, "images_path": images, **more}
    return {"sample_id": number, "task_instruction_id": "0", "task_instance": instance, "response": response}


def write_set(root: Path, name: str, *items: dict[str, object]) -> Path:
    folder = root / name / "core"
    (folder / "images").mkdir(parents=True)
    for place in range(3):
        Pillow.new("RGB", (24, 20), (80 * place, 40, 200 - 60 * place)).save(folder / "images" / f"{place}.png")
    core = {"metadata": {"dataset": name, "task_instruction": ["Answer: ", "Choose: "]}, "data": list(items)}
    (folder / "core.json").write_text(json.dumps(core))
    return folder


def words(root: Path, name: str) -> list[list[str]]:
    """Every sample's parts, an image as its id."""
    task = load_task("demon", data_root=root, args={"dataset": name})
    return [
        [part.text if isinstance(part, Text) else f"<{part.id}>" for part in sample.turns[0].content]
        for sample in task.samples
    ]


def test_images_stand_at_their_words(tmp_path: Path) -> None:
    write_set(
        tmp_path,
        "WebQA",
        item(1, "See {image#2} and {image#1}, {image#2} again. {image#9}", ["0.png", "1.png"], "a dog"),
        item(2, "Of {table#1}: how many?", ["0.png", "2.png"], "3"),
        item(3, "{image#1}{image#2}", ["0.png", "1.png"], "yes"),
    )
    assert words(tmp_path, "WebQA") == [
        ["Answer: See ", "<2>", " and ", "<1>", ", image 2 again. image 9"],
        ["<2>", "Answer: Of ", "<1>", ": how many?"],
        ["Answer: ", "<1>", "<2>"],
    ]


def test_choices_are_listed_and_the_right_one_known(tmp_path: Path) -> None:
    write_set(tmp_path, "NLVR2", item(7, "{image#1} Well?", ["0.png"], "True", choice_list=["True", "False", "True"]))
    task = load_task("demon", data_root=tmp_path, args={"dataset": "nlvr2"})
    (sample,) = task.samples
    assert (sample.id, sample.options, sample.target) == ("NLVR2/7", ("True", "False"), "True")
    assert (sample.group, sample.tags) == ("NLVR2", ("multi-image", "NLVR2"))
    last = sample.turns[0].content[-1]
    assert isinstance(last, Text) and last.text.endswith("Choice list:['True', 'False']. Your answer is:")
    parts = task.prompt.conversation(sample, ()).messages[0].parts
    assert [isinstance(part, Image) for part in parts] == [False, True, False]
    assert sample.turns[0].images[0].relpath == "NLVR2/core/images/0.png"


def test_every_mistake_is_named(tmp_path: Path) -> None:
    wrong = item(4, "{image#1}", ["0.png"], "x")
    wrong["task_instruction_id"] = 5
    write_set(
        tmp_path,
        "VIST",
        item(1, "{image#1}", ["0.png"], "fine"),
        item(2, "{image#1}", ["9.png"], "x"),
        item(3, "{image#1}", ["0.png"], "maybe", choice_list=["yes", "no"]),
        wrong,
        item(5, "no image", [], "x"),
        item(6, "{image#1}", ["0.png"], " "),
    )
    task = load_task("demon", data_root=tmp_path, args={"dataset": "VIST"}, skip_bad=True)
    assert [sample.id for sample in task.samples] == ["VIST/1"]
    told = {problem.item: problem.what for problem in task.skipped}
    assert "9.png" in told["VIST/2"]
    assert "label not an option" in told["VIST/3"]
    assert told["VIST/4"] == "task_instruction_id 5 is none of the 2 known"
    assert told["VIST/6"] == "has no response, with which answers are compared"
    assert any(name.startswith("VIST entry 5") for name in told)


def test_a_category_needs_all_of_its_sets(tmp_path: Path) -> None:
    one = item(1, "{image#1}", ["0.png"], "fine")
    write_set(tmp_path, "MMCoQA", one)
    with pytest.raises(DataError, match="no folder of ALFRED"):
        load_task("demon", data_root=tmp_path, args={"category": "dialogue"})
    write_set(tmp_path, "alfred", one)
    task = load_task("demon", data_root=tmp_path, args={"category": "dialogue"})
    assert [sample.id for sample in task.samples] == ["MMCoQA/1", "ALFRED/1"]
    assert sum(len(names) for names in CATEGORIES.values()) == 29 and len(CATEGORIES) == 7


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ({}, "name a category or one data set"),
        ({"dataset": "../NLVR2"}, "is no folder's name"),
        ({"category": "poems"}, "category is one of"),
    ],
)
def test_what_is_asked_for_must_make_sense(tmp_path: Path, args: dict[str, str], told: str) -> None:
    with pytest.raises(ContentError, match=told):
        load_task("demon", data_root=tmp_path, args=args)


def test_a_file_of_another_shape_is_refused(tmp_path: Path) -> None:
    folder = write_set(tmp_path, "TQA")
    for text in ("[]", "{}", '{"metadata": {}, "data": []}', "{"):
        (folder / "core.json").write_text(text)
        with pytest.raises(ContentError, match=r"core\.json"):
            load_task("demon", data_root=tmp_path, args={"dataset": "TQA"})
    with pytest.raises(DataError, match=r"no core\.json of DocVQA"):
        load_task("demon", data_root=tmp_path, args={"dataset": "DocVQA"})
