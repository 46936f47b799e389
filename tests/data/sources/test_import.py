"""Data of other shapes into ours: what comes out is read by the training module and by a task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image as Pillow

from sparkles_eval.core import JSON
from sparkles_eval.core.errors import ContentError, DataError, UserError
from sparkles_eval.data.dialogues.leakage import read_evaluations
from sparkles_eval.data.sources.import_datasets import convert_conversations, import_nlvr1, write_records
from sparkles_eval.tasks.load import load_task
from sparkles_eval.training.recipes import SubsetSpec
from sparkles_eval.training.training_data import read_subsets
from tests.data.sources.test_image_urls import picture

PLACE = "<Img><ImageHere></Img>"


def said(*values: str) -> list[dict[str, str]]:
    return [{"from": ("human", "gpt")[number % 2], "value": value} for number, value in enumerate(values)]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed, name in enumerate(("000000012345.jpg", "000000023456.png", "000000034567.jpg")):
        (folder / name).write_bytes(picture(seed))
    return folder


def write(path: Path, *rows: object) -> Path:
    path.write_text(json.dumps(rows))
    return path


def texts(records: tuple[dict[str, JSON], ...]) -> list[tuple[JSON, JSON]]:
    return [(record["instruction"], record["answer"]) for record in records]


def test_llava_conversations_become_records_that_training_reads(tmp_path: Path, images: Path) -> None:
    file = write(
        tmp_path / "llava.json",
        {
            "id": "1",
            "image": "000000012345.jpg",
            "conversations": said("What is it?\n<image>", "A wall.", "Why?", "So."),
        },
        {"id": "000000023456", "image": "coco/000000023456.png", "conversations": said("Describe it.", "Fields.")},
    )
    found = convert_conversations(file, images)
    assert texts(found.records) == [
        (f"###Human: What is it? {PLACE}###Assistant: ", "A wall."),
        (f"###Human: What is it? {PLACE}###Assistant: A wall.###Human: Why?###Assistant: ", "So."),
        (f"###Human: {PLACE} Describe it.###Assistant: ", "Fields."),
    ]
    write_records(found.records, tmp_path / "out" / "records.json")
    spec = SubsetSpec(name="llava", weight=1, annotations="out/records.json", images="pictures")
    (subset,) = read_subsets([spec], tmp_path)
    assert [exchange.images[0].id for exchange in subset.exchanges] == ["000000012345"] * 2 + ["000000023456"]
    assert subset.exchanges[1].instruction == found.records[1]["instruction"]


def test_svit_conversations_are_one_list_deeper(tmp_path: Path, images: Path) -> None:
    talk = [{"content": [{"from": "user", "value": f"Q{n}"}, {"from": "gpt", "value": f"A{n}"}]} for n in (1, 2)]
    found = convert_conversations(
        write(tmp_path / "svit.json", {"image_id": "000000034567", "conversations": talk}), images
    )
    assert texts(found.records) == [
        (f"###Human: {PLACE} Q1###Assistant: ", "A1"),
        (f"###Human: {PLACE} Q1###Assistant: A1###Human: Q2###Assistant: ", "A2"),
    ]


def test_every_mistake_is_named(tmp_path: Path, images: Path) -> None:
    name = "000000012345.jpg"
    file = write(
        tmp_path / "llava.json",
        {"id": "gone", "image": "x.jpg", "conversations": said("Q", "A")},
        {"id": "roles", "image": name, "conversations": [*said("Q", "A"), {"from": "gpt", "value": "A"}]},
        {"id": "empty", "image": name, "conversations": said("Q", " ")},
        {"id": "places", "image": name, "conversations": said("<image> <image> Q", "A")},
        {"id": "marks", "image": name, "conversations": said("Q ###Assistant: ha", "A")},
        {"id": "none", "image": name, "conversations": []},
        {"id": "out", "image": "../../etc/passwd", "conversations": said("Q", "A")},
    )
    found = convert_conversations(file, images)
    assert found.records == ()
    told = {problem.item.split(" ", 1)[0]: problem.what for problem in found.problems}
    assert told["gone"] == "missing file x.jpg" and told["out"] == "missing file passwd"
    assert "user, assistant, assistant" in told["roles"] and told["empty"] == "one of its answers is empty"
    assert "several places" in told["places"] and "mean something else" in told["marks"] and "none" in told
    with pytest.raises(ContentError, match="--images"):
        convert_conversations(file, tmp_path / "nowhere")


def test_pictures_that_an_evaluation_asks_about_are_left_out(tmp_path: Path, images: Path) -> None:
    """One is the same file, one the same picture smaller, one has the id; the fourth stays."""
    task = tmp_path / "task"
    evaluation = tmp_path / "evaluation"
    evaluation.mkdir()
    task.mkdir()
    (images / "000000045678.jpg").write_bytes(picture(7))
    (evaluation / "same.jpg").write_bytes((images / "000000012345.jpg").read_bytes())
    with Pillow.open(images / "000000023456.png") as opened:
        opened.resize((40, 40)).convert("RGB").save(evaluation / "smaller.jpg")
    (evaluation / "COCO_val2014_000000034567.jpg").write_bytes(picture(9))
    names = sorted(path.name for path in evaluation.iterdir())
    lines = [{"id": name, "text": f"What is {name}?", "images": [name], "reference": "It is."} for name in names]
    (task / "samples.jsonl").write_text("\n".join(json.dumps(line) for line in lines))
    (task / "prompt.md.j2").write_text("{{ content }}")
    (task / "task.yaml").write_text(
        "{name: own, version: 1, title: t, description: d, loader: jsonl, args: {samples: samples.jsonl},"
        " protocols: {strict: {prompt: prompt.md.j2}}, metrics: [judge_score], judges: [facts]}"
    )
    ids = ("000000012345", "000000023456", "000000034567", "000000045678")
    rows = [{"image_id": name, "conversations": said("Q", "A")} for name in ids]
    found = convert_conversations(write(tmp_path / "c.json", *rows), images, read_evaluations([f"{task}={evaluation}"]))
    assert sorted(problem.item for problem in found.leaking) == list(ids[:3])
    assert [record["tgt_imgs"] for record in found.records] == [[{"image_id": "000000045678"}]]


def test_boxes_become_a_task_with_every_order_of_them(tmp_path: Path) -> None:
    images = tmp_path / "images"
    (images / "3").mkdir(parents=True)
    for order in range(6):
        (images / "3" / f"dev-10-0-{order}.png").write_bytes(picture(0))
        (images / f"dev-11-1-{order}.png").write_bytes(picture(1))
    rows = [
        {"identifier": "10-0", "sentence": "There is a box.", "label": "true", "directory": "3"},
        {"identifier": "11-1", "sentence": "There is none.", "label": "false", "directory": 4},
        {"identifier": "12-1", "sentence": "Gone.", "label": "false", "directory": "4"},
    ]
    file = tmp_path / "dev.json"
    file.write_text("\n".join(json.dumps(row) for row in rows))
    with pytest.raises(DataError, match=r"missing file 4/dev-12-1-0\.png(.|\n)*--skip-bad"):
        import_nlvr1(file, images, tmp_path / "boxes")
    made = import_nlvr1(file, images, tmp_path / "boxes", skip_bad=True)
    assert made.samples == 12
    assert [problem.what for problem in made.problems] == [f"missing file 4/dev-12-1-{order}.png" for order in range(6)]
    task = load_task(str(made.folder))  # its pictures are known without --data-root
    assert task.metrics == ("accuracy", "consistency", "validity")
    assert [sample.id for sample in task.samples[:6]] == [f"dev-10-0-{order}" for order in range(6)]
    assert {(sample.target, sample.group, sample.cluster) for sample in task.samples} == {
        ("True", "10", "10"),
        ("False", "11", "11"),
    }
    parts = task.prompt.conversation(task.samples[0], ()).messages[0].parts
    assert parts[0] == task.samples[0].images[0] and "There is a box." in str(parts[1])
    with pytest.raises(UserError, match="is there already"):
        import_nlvr1(file, images, made.folder)
    with pytest.raises(ContentError, match="none of its 3 statements"):
        import_nlvr1(file, tmp_path, tmp_path / "other", skip_bad=True)
    with pytest.raises(UserError, match="a task is called by its folder"):
        import_nlvr1(file, images, tmp_path / "My Boxes")
    with pytest.raises(UserError, match="cannot be written"):
        import_nlvr1(file, images, made.folder / "task.yaml" / "other", skip_bad=True)
    with pytest.raises(UserError, match="cannot be written"):
        write_records([], made.folder / "task.yaml" / "records.json")


def test_the_real_boxes(shared_data: Path, tmp_path: Path) -> None:
    root = shared_data / "nlvr1_dev"
    made = import_nlvr1(root / "dev.json", root / "images", tmp_path / "boxes", skip_bad=True)
    task = load_task(str(made.folder))
    assert len(task.samples) == made.samples == 165, "only the first order of the boxes is there"
