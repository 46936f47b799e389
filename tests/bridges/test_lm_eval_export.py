"""Exported tasks: every item in both orders, our prompts and answer rule, nothing that lm-eval would misread."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from sparkles_eval.bridges.lm_eval_export import export
from sparkles_eval.bridges.scoring import Document, all_right, images, score
from sparkles_eval.core.errors import UserError
from sparkles_eval.tasks.load import load_task


def documents(file: Path) -> list[Document]:
    found: list[Document] = json.loads(file.with_suffix(".json").read_text())
    return found


def test_every_item_stands_there_twice_with_its_images_changed_round(tmp_path: Path) -> None:
    bison, nlvr2 = export(["bison-mini", "nlvr2-mini"], tmp_path, args={"n": "8"})
    assert [file.name for file in (bison, nlvr2)] == ["sparkles_bison_mini.yaml", "sparkles_nlvr2_mini.yaml"]
    for file, moves in ((bison, True), (nlvr2, False)):
        found = documents(file)
        assert len(found) == 16
        for one, other in zip(found[::2], found[1::2], strict=True):
            assert one["unit"] == other["unit"] and one["paths"] == other["paths"][::-1]
            assert (one["target"] != other["target"]) is moves
            assert one["text"].count("<image>") == 2
    task = load_task("bison-mini", args={"n": "8"})
    conversation = task.prompt.conversation(task.samples[0], ())
    assert documents(bison)[0]["text"].replace("<image>", "") == conversation.messages[0].text


def test_pictures_are_found_where_they_were_and_below_another_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = export(["bison-mini"], tmp_path, args={"n": "2"})
    document = documents(file)[0]
    here = [picture.tobytes() for picture in images(document)]
    for path, name in zip(document["paths"], document["relpaths"], strict=True):
        moved = tmp_path / "root" / name
        moved.parent.mkdir(parents=True, exist_ok=True)
        moved.write_bytes(Path(path).read_bytes())
    monkeypatch.setenv("SPARKLES_IMAGE_ROOT", str(tmp_path / "root"))
    assert [picture.tobytes() for picture in images({**document, "paths": ["gone"]})] == here


def test_the_score_is_that_of_our_answer_rule_and_both_orders_must_be_right(tmp_path: Path) -> None:
    (file,) = export(["nlvr2-mini"], tmp_path, args={"n": "4"})
    document = documents(file)[0]
    right, wrong = document["target"], next(o for o in document["options"] if o != document["target"])
    unit = document["unit"]
    assert score(document, [f"So. Therefore, the answer is {right}."]) == {
        "acc": 1.0,
        "invalid": 0.0,
        "both_orders": (unit, 1.0),
    }
    assert score(document, [f"Therefore, the answer is {wrong}."])["acc"] == 0.0
    assert score(document, ["I cannot say."])["invalid"] == 1.0
    assert all_right([("a", 1.0), ("b", 1.0), ("a", 0.0), ("b", 1.0)]) == 0.5


def test_the_yaml_says_what_lm_eval_needs(tmp_path: Path) -> None:
    (file,) = export(["bison-mini"], tmp_path, args={"n": "2"}, protocol="paper")

    class Loader(yaml.SafeLoader):
        """lm-eval's tag as text."""

    Loader.add_constructor("!function", lambda _, node: f"function {node.value}")
    read = yaml.load(file.read_text(), Loader)  # noqa: S506 - a safe loader
    assert read["doc_to_image"] == "function mm_utils.images" and (tmp_path / "mm_utils.py").is_file()
    assert Path(read["dataset_kwargs"]["data_files"]["test"]).is_absolute()
    assert read["generation_kwargs"]["do_sample"] is True and read["generation_kwargs"]["top_p"] == 0.9
    assert [metric["metric"] for metric in read["metric_list"]] == ["acc", "invalid", "both_orders"]


def test_a_dialogue_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be one"):
        export(["sparkleseval-mini"], tmp_path, args={"n": "2"})
