"""NLVR2: groups and clusters as in the real annotations, subsets, categories, and where the images lie."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sparkles_eval.core.errors import ContentError, DataError
from sparkles_eval.tasks.load import load_task
from sparkles_eval.tasks.loaders.common import read_rows
from sparkles_eval.tasks.loaders.nlvr2 import Nlvr2Names, Nlvr2Row, names, read_categories


def item(identifier: str, label: str = "True", sentence: str = "Both show a cat.", **more: object) -> dict[str, object]:
    return {"identifier": identifier, "sentence": sentence, "label": label, "writer": "61", **more}


def whole_set(root: Path, *rows: dict[str, object]) -> Path:
    (root / "dev.json").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return root


def test_the_real_annotations_have_the_published_counts(shared_data: Path) -> None:
    found = read_rows(shared_data / "nlvr2_annotations" / "dev.json", Nlvr2Row)
    parts = [names(row.identifier) for _, row in found.rows]
    assert not found.problems
    assert len(parts) == 6982
    assert len({part.group for part in parts}) == 2018
    assert len({part.cluster for part in parts}) == 1054
    assert len({part.left for part in parts}) == 4051
    assert Counter(row.label for _, row in found.rows) == {"True": 3551, "False": 3431}


def test_the_real_categories_cover_800_sentences_of_dev(shared_data: Path) -> None:
    folder = shared_data / "nlvr2_annotations"
    categories = read_categories(folder / "annotated_dev_examples.txt")
    sentences = {row.sentence for _, row in read_rows(folder / "dev.json", Nlvr2Row).rows}
    assert len(categories) == 800
    assert set(categories) <= sentences
    assert categories["Only one gerbil per picture."] == ("hard cardinality",)


def test_the_published_layout_with_real_photographs(shared_data: Path) -> None:
    task = load_task("nlvr2", data_root=shared_data / "sparkles_layout")
    assert len(task.samples) == 8
    first, second = task.samples[:2]
    assert (first.group, second.group, first.cluster) == ("real-2-0", "real-2-0", "real-2")
    assert [image.relpath for image in first.images] == [
        "evaluation/NLVR2/images/real-2-0-img0.png",
        "evaluation/NLVR2/images/real-2-0-img1.png",
    ]
    assert first.images[0].media_type == "image/jpeg"
    assert (first.options, first.target, second.target) == (("True", "False"), "True", "False")


def test_an_identifier_says_group_cluster_and_files() -> None:
    assert names("test1-12-3-1") == Nlvr2Names("test1-12-1", "test1-12", "test1-12-3-img0.png", "test1-12-3-img1.png")
    for wrong in ("dev-1-2", "dev--1-2", "", "dev-1-2-"):
        with pytest.raises(ValueError, match="split-set-pair-sentence"):
            names(wrong)


@pytest.mark.parametrize("home", ["images", "images/dev", "dev", "images/17", "images/dev/17"])
def test_images_are_found_in_the_usual_layouts(tmp_path: Path, draw: Callable[..., None], home: str) -> None:
    draw(tmp_path / home, "dev-1-0-img0.png", "dev-1-0-img1.png")
    root = whole_set(tmp_path, item("dev-1-0-0", directory=17))
    task = load_task("nlvr2", args={"source": "full"}, data_root=root)
    assert [image.relpath for image in task.samples[0].images] == [f"{home}/dev-1-0-img{n}.png" for n in (0, 1)]


def test_subsets_and_categories(tmp_path: Path, draw: Callable[..., None]) -> None:
    draw(tmp_path / "images", *(f"dev-{set_}-0-img{n}.png" for set_ in (1, 2) for n in (0, 1)))
    root = whole_set(tmp_path, item("dev-1-0-0"), item("dev-2-0-0", "False", "One is a dog."))
    (root / "balanced_dev.json").write_text(json.dumps(item("dev-2-0-0")) + "\n", encoding="utf-8")
    (root / "labels.txt").write_text("One is a dog.\n- hard cardinality\n* negation\n\n", encoding="utf-8")
    task = load_task("nlvr2", args={"source": "full", "subset": "balanced", "categories": "labels.txt"}, data_root=root)
    assert [(sample.id, sample.tags) for sample in task.samples] == [("dev-2-0-0", ("hard cardinality", "negation"))]
    with pytest.raises(DataError, match=r"no subset_file at .*unbalanced_dev\.json"):
        load_task("nlvr2", args={"source": "full", "subset": "unbalanced"}, data_root=root)
    with pytest.raises(ContentError, match="subset is one of balanced, unbalanced"):
        load_task("nlvr2", args={"source": "full", "subset": "half"}, data_root=root)
    (root / "labels.txt").write_text("Another sentence.\n* negation\n", encoding="utf-8")
    with pytest.raises(ContentError, match="is it for this split"):
        load_task("nlvr2", args={"source": "full", "categories": "labels.txt"}, data_root=root)
    (root / "labels.txt").write_text("One sentence.\nand another\n", encoding="utf-8")
    with pytest.raises(ContentError, match="blank lines part sentences"):
        load_task("nlvr2", args={"source": "full", "categories": "labels.txt"}, data_root=root)


def test_a_subset_of_another_split_is_a_problem_for_each_item(tmp_path: Path, draw: Callable[..., None]) -> None:
    draw(tmp_path / "images", "dev-1-0-img0.png", "dev-1-0-img1.png")
    root = whole_set(tmp_path, item("dev-1-0-0"))
    (root / "my.json").write_text(
        "\n".join(json.dumps(item(i)) for i in ("dev-1-0-0", "test1-1-0-0")), encoding="utf-8"
    )
    with pytest.raises(DataError, match=r"test1-1-0-0: is in my\.json but not in the annotations"):
        load_task("nlvr2", args={"source": "full", "subset_file": "my.json"}, data_root=root)


def test_what_only_the_whole_set_has_is_refused_elsewhere(official: Callable[..., Path]) -> None:
    with pytest.raises(ContentError, match="split, subset can be chosen with source=full only"):
        load_task("nlvr2", args={"split": "dev", "subset": "balanced"}, data_root=official("NLVR2", []))


def test_problems_of_json_lines_have_their_line(tmp_path: Path, draw: Callable[..., None]) -> None:
    draw(tmp_path / "images", "dev-1-0-img0.png", "dev-1-0-img1.png")
    (tmp_path / "images" / "dev-2-0-img0.png").write_text("<html>gone</html>", encoding="utf-8")
    whole_set(tmp_path, item("dev-1-0-0"), item("dev-1-0-1", "Maybe"), item("dev-1-0"), item("dev-2-0-0"))
    with (tmp_path / "dev.json").open("a", encoding="utf-8") as file:
        file.write('\n{"identifier": "dev-3\n')
    with pytest.raises(DataError) as caught:
        load_task("nlvr2", args={"source": "full"}, data_root=tmp_path)
    assert {(problem.item, problem.what) for problem in caught.value.problems} == {
        ("dev-1-0-1 (line 2)", "label: 'Maybe' is not one of 'True' or 'False'"),
        ("dev-1-0 (line 3)", "identifier: 'dev-1-0' is not split-set-pair-sentence"),
        ("line 6", "not JSON: Unterminated string starting at (column 16)"),
        ("dev-2-0-0", "dev-2-0-img0.png is not an image but a web page (a failed download?)"),
        ("dev-2-0-0", "missing file dev-2-0-img1.png"),
    }
