"""SparklesEval: images at their words, references, and every problem of a dialogue with its id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sparkles_eval.core import Image, Text
from sparkles_eval.core.errors import DataError
from sparkles_eval.tasks.load import load_task

HERE = "<Img><ImageHere></Img>"


def user(content: str, *ids: int | str) -> dict[str, object]:
    images = [{"image_id": image, "caption": f"caption {image}"} for image in ids]
    return {"role": "user", "content": content, "images": images}


def assistant(content: str) -> dict[str, object]:
    return {"role": "assistant", "content": content}


def two_turns(number: int, *first: int) -> dict[str, object]:
    words = " and ".join(f"IMAGE#{image}{HERE}" for image in first)
    return {
        "evaluation_id": number,
        "dialogue": [user(f"See {words}?", *first), assistant("One."), user("And then?"), assistant("Two.")],
    }


def test_the_published_layout_with_real_photographs(shared_data: Path) -> None:
    task = load_task("sparkleseval", data_root=shared_data / "sparkles_layout")
    assert [sample.id for sample in task.samples] == ["0", "1", "2", "3"]
    first = task.samples[0].turns[0]
    assert [part if isinstance(part, Text) else part.id for part in first.content] == [
        Text("What mood does the architecture of IMAGE#101"),
        "101",
        Text(" set, and how is it carried indoors in IMAGE#104"),
        "104",
        Text("?"),
    ]
    assert first.images[0].relpath == "evaluation/SparklesEval/images/101.jpg"
    assert first.images[0].caption is not None and first.images[0].caption.startswith("A long red-brick")
    assert first.reference is not None and first.reference.startswith("IMAGE#101 sets")
    assert {sample.cluster for sample in task.samples} == {"0", "1", "2", "3"}
    assert (task.judges, task.metrics, task.protocol.answer) == (("sparkles",), ("sparkles_score",), None)
    paper = load_task("sparkleseval", protocol="paper", data_root=shared_data / "sparkles_layout")
    assert (paper.data_hash, paper.protocol.judging) == (task.data_hash, "paper")


def test_every_problem_of_the_data_is_told_at_once_and_can_be_skipped(
    official: Callable[..., Path], draw: Callable[..., None]
) -> None:
    wrong_roles = {"evaluation_id": 6, "dialogue": [assistant("Hello."), user("Hello?")]}
    rows = [
        two_turns(1, 10, 11),
        two_turns(2, 10, 99),
        {"evaluation_id": 3, "dialogue": [user(f"See {HERE}?", 10, 11), assistant("."), user("?"), assistant(".")]},
        {"evaluation_id": 4, "dialogue": [user(f"IMAGE#11{HERE}?", 10), assistant("."), user("?"), assistant(".")]},
        {"evaluation_id": 5, "dialogue": [user(f"{HERE}?", "../../secret"), assistant("."), user("?"), assistant(".")]},
        wrong_roles,
        two_turns(1, 11),
        {"evaluation_id": 7, "dialogue": [user(f"{HERE}?", 12), assistant(".")]},
        {"dialogue": []},
    ]
    root = official("SparklesEval", rows)
    draw(root / "evaluation" / "SparklesEval" / "images", "10.jpg", "11.jpg", "12.jpg")
    with pytest.raises(DataError) as caught:
        load_task("sparkleseval", data_root=root)
    told = {(problem.item, problem.what) for problem in caught.value.problems}
    assert told == {
        ("2", "missing file 99.jpg"),
        ("3 (entry 3)", "dialogue.0: 1 placeholders for 2 images"),
        ("4 (entry 4)", "dialogue.0: IMAGE#11 stands where the list of images has 10"),
        ("5", "the path ../../secret.jpg leaves the data folder"),
        ("6 (entry 6)", "roles must be user, assistant, user, assistant, ...; they are assistant, user"),
        ("1", "duplicate id: an earlier item has it already"),
        ("7", "1 turns, the metric sparkles_score needs two (judge_score takes any number)"),
        ("entry 9", "evaluation_id: missing"),
    }
    task = load_task("sparkleseval", data_root=root, skip_bad=True)
    assert [sample.id for sample in task.samples] == ["1"]
    assert {(problem.item, problem.what) for problem in task.skipped} == told
    assert [part.id for part in task.samples[0].turns[0].content if isinstance(part, Image)] == ["10", "11"]


@pytest.mark.parametrize("text", ["[{", "[" * 100_000, "", "[]", "not json", '{"a": 1}', "[1, null]"])
def test_a_file_that_holds_nothing_usable_never_starts_a_run(official: Callable[..., Path], text: str) -> None:
    with pytest.raises((DataError, Exception), match="sparkleseval") as caught:
        load_task("sparkleseval", data_root=official("SparklesEval", text), skip_bad=True)
    assert type(caught.value).__name__ in ("DataError", "ContentError")


def test_without_its_data_the_task_says_how_to_get_it(tmp_path: Path) -> None:
    for root in (None, tmp_path / "gone", tmp_path):
        with pytest.raises(DataError, match="How to get the data: Download the evaluation folder"):
            load_task("sparkleseval", data_root=root)
