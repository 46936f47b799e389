"""Result files of the published code: answers and judgements come in, scored by us; the file's claims are compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.core.errors import UserError
from sparkles_eval.publishing.config import ImportOptions
from sparkles_eval.publishing.import_results import ImportedResults, import_results
from sparkles_eval.publishing.results_file import read_result_file
from sparkles_eval.publishing.verify import verify_file
from sparkles_eval.store.store import Store
from tests.end_to_end.running import rows, tables

HOLDER = "<Img><ImageHere></Img>"


def reply(first: Sequence[float], second: Sequence[float]) -> str:
    """A judge's reply in the published layout."""
    parts = []
    for turn, points in ((1, first), (2, second)):
        rated = "\n".join(f'- (C{n}) Explanation: "because" Rating: [[{x:g}]]' for n, x in enumerate(points, 1))
        parts.append(f"* Evaluating A{turn}\n{rated}\nTherefore, the overall rating of A{turn} is [[{points[0]:g}]]\n")
    return "\n".join(parts)


def judged(first: Sequence[float], second: Sequence[float], **claims: object) -> dict[str, object]:
    said = {"A1_C123_scores": list(first), "A2_C123_scores": list(second)} | claims
    return {"prompt": "Rate these.", "response": reply(first, second), **said}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The published layout with two dialogues and three pairs, made up."""
    home = tmp_path / "sparkles" / "evaluation"
    for name in ("SparklesEval", "BISON"):
        (home / name / "annotations").mkdir(parents=True)
        (home / name / "images").mkdir()
        for number in range(1, 7):
            picture = Image.new("RGB", (32, 24), (40 * number, 90, 200 - 30 * number))
            picture.save(home / name / "images" / f"{number}.jpg")
    annotations = home / "SparklesEval" / "annotations" / "sparkles_evaluation_sparkleseval_annotations.json"
    annotations.write_text(json.dumps([dialogue(0, "said", "said"), dialogue(1, "said", "said")]))
    pairs = [
        {
            "evaluation_id": number,
            "bison_id": 900 + number,
            "caption": f"Picture {number}.",
            "true_image_id": 2 * number + 1,
            "image_candidates": [
                {"image_id": 2 * number + 1 + at, "image_filename": f"{2 * number + 1 + at}.jpg"} for at in (0, 1)
            ],
        }
        for number in range(3)
    ]
    (home / "BISON" / "annotations" / "sparkles_evaluation_bison_annotations.json").write_text(json.dumps(pairs))
    return tmp_path / "sparkles"


def dialogue(number: int, *answers: str, **more: object) -> dict[str, object]:
    """An item of two turns on three images; `answers` are the assistant's."""
    first, second, third = (3 * number + at for at in (1, 2, 3))
    users = [
        f"What do IMAGE#{first}{HOLDER} and IMAGE#{second}{HOLDER} share?",
        f"And is IMAGE#{third}{HOLDER} like them?",
    ]
    images = [
        [{"image_id": first, "caption": "red"}, {"image_id": second, "caption": "blue"}],
        [{"image_id": third, "caption": "green"}],
    ]
    messages: list[dict[str, object]] = []
    for user, shown, answer in zip(users, images, answers, strict=True):
        messages += [{"role": "user", "content": user, "images": shown}, {"role": "assistant", "content": answer}]
    return {"evaluation_id": number, "dialogue": messages, **more}


def write(root: Path, name: str, items: object) -> Path:
    kind = {"S": "SparklesEval", "B": "BISON"}[name[0]]
    folder = root / "evaluation" / kind / "results"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(items))
    return folder / name


def brought_in(root: Path, path: Path, **wish: object) -> tuple[ImportedResults, Path]:
    store = root.parent / "s.db"
    with Store(store) as opened:
        done = import_results(opened, path, ImportOptions(root, **wish))  # type: ignore[arg-type]
        summarise(opened)
    return done, store


def test_dialogues_become_a_run_with_the_judge_s_replies(root: Path) -> None:
    items = [
        dialogue(0, "Both are warm.", "It is green.", **{"gpt-4": judged((9, 8, 7), (6, 5, 4))}),
        dialogue(1, "Both are plain.", "No.", **{"gpt-4": judged((3, 3, 3), (1, 1, 1))}),
    ]
    done, store = brought_in(root, write(root, "SparklesEval_SparklesChat.json", items))
    assert (done.model, done.task, done.answers, done.verdicts, done.claims) == (
        "SparklesChat",
        "sparkleseval",
        2,
        2,
        (),
    )
    assert rows(store, "SELECT name, model, sees FROM judges") == [("published", "gpt-4", "captions")]
    scores = rows(store, "SELECT sample, turn, criterion, value FROM item_scores ORDER BY sample, turn, criterion")
    assert [row[3] for row in scores] == [9, 8, 7, 6, 5, 4, 3, 3, 3, 1, 1, 1]
    (score,) = rows(store, "SELECT value, n FROM leaderboard WHERE metric = 'sparkles_score'")
    assert score == (((8 + 5) / 2 + (3 + 1) / 2) / 2, 2)
    assert rows(store, "SELECT prompt, cost_usd FROM verdicts") == [("Rate these.", None)] * 2
    assert verify_file(store).sound


def test_importing_again_changes_nothing(root: Path) -> None:
    items = [dialogue(0, "Warm.", "Green.", **{"gpt-4": judged((9, 8, 7), (6, 5, 4), A1_C123_scores=[1, 1, 1])})]
    path = write(root, "SparklesEval_x.json", items)
    _, store = brought_in(root, path)
    before, events = tables(store), rows(store, "SELECT kind, who, message FROM events")
    brought_in(root, path)
    assert tables(store) == before and rows(store, "SELECT kind, who, message FROM events") == events
    assert rows(store, "SELECT count(*) FROM verdicts") == [(1,)]


def test_what_the_file_claims_is_compared_and_not_taken_over(root: Path) -> None:
    unreadable = judged((9, 9, 9), (9, 9, 9), response="I liked both answers very much.")
    items = [
        dialogue(0, "Warm.", "Green.", **{"gpt-4": judged((9, 8, 7), (6, 5, 4), A2_C123_scores=[9, 10, 10, 10])}),
        dialogue(1, "Plain.", "No.", **{"gpt-4": unreadable}),
    ]
    done, store = brought_in(root, write(root, "SparklesEval_x.json", items))
    assert done.claims[0] == "item 0: the file says A2 10, 10, 10, gpt-4's reply says 6, 5, 4"
    assert "item 1: the file says A1 9, 9, 9, gpt-4's reply says nothing that can be read" in done.claims[1]
    assert [
        row[0] for row in rows(store, "SELECT value FROM scores WHERE value IS NOT NULL ORDER BY turn, criterion")
    ] == [9, 8, 7, 6, 5, 4]
    assert rows(store, "SELECT count(*), count(value) FROM scores") == [(12, 6)]
    kept = [row[0] for row in rows(store, "SELECT message FROM events WHERE kind = 'claim' ORDER BY id")]
    assert kept == [f"x: {claim}" for claim in done.claims]
    assert verify_file(store).sound


def pair(number: int, response: str, **more: object) -> dict[str, object]:
    return {"evaluation_id": number, "response": response, "sentence": f"Picture {number}.", **more}


def test_answers_with_options_are_read_by_our_rule_and_the_accuracy_compared(root: Path) -> None:
    said = "Let's think. Therefore, the answer is {}."
    items = [
        pair(0, said.format("IMAGE#1"), predict="image#1", label="IMAGE#1"),
        pair(1, said.format("IMAGE#2"), predict="image#1", label="IMAGE#2"),
        pair(2, said.format("IMAGE#1"), predict=0, label=0, sentence="Another picture."),
    ]
    done, store = brought_in(root, write(root, "BISON_MiniGPT4_acc0.333.json", items))
    assert done.model == "MiniGPT4" and done.answers == 3
    assert rows(store, "SELECT sample, value FROM item_scores ORDER BY sample") == [("0", 1.0), ("1", 0.0), ("2", 1.0)]
    assert done.claims == (
        "item 1: the file's label is IMAGE#2, the data's is IMAGE#1",
        "item 2: the file asked 'Another picture.', the data has 'Picture 2.'",
        "item 1: the file read image#1, the rule reads IMAGE#2",
        "the file's name says accuracy 0.333, its answers give 0.667 (2 of 3)",
    )
    assert verify_file(store).sound


def test_items_that_the_file_lacks_are_unscored_and_do_not_stop_the_others(root: Path) -> None:
    items = [pair(2, "Therefore, the answer is IMAGE#1."), pair(77, "Therefore, the answer is IMAGE#1.")]
    done, store = brought_in(root, write(root, "BISON_x.json", items))
    assert done.answers == 1
    assert "1 item of the file is not in the data: 77" in done.claims
    assert "2 items of the data are not in the file and stay unscored: 0, 1" in done.claims
    (row,) = rows(store, "SELECT value, n, total FROM leaderboard WHERE metric = 'accuracy'")
    assert row == (1.0, 1, 3)


def test_name_task_and_protocol_can_be_said(root: Path) -> None:
    path = write(root, "BISON_x.json", [pair(0, "IMAGE#1")])
    other = path.rename(path.with_name("mine.json"))
    with pytest.raises(UserError, match=r"does not say which task .*--task"):
        brought_in(root, other)
    done, store = brought_in(root, other, task="bison", name="ours", protocol="strict")
    assert (done.model, rows(store, "SELECT protocol, model FROM leaderboard LIMIT 1")) == (
        "ours",
        [("strict", "ours")],
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("{}", "is a list of items"),
        ("[]", "is a list of items"),
        ('[{"response": "x"}]', "item 1: evaluation_id: missing"),
        (
            '[{"evaluation_id": 1, "response": "x"}, {"evaluation_id": 1, "response": "y"}]',
            "evaluation_id 1 stands twice",
        ),
        ('[{"evaluation_id": 1, "gpt-4": {"response": 7}}]', "item 1: gpt-4: response"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_mistakes_in_a_file_name_the_item(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "BISON_x.json"
    path.write_text(text)
    with pytest.raises(UserError, match=told):
        read_result_file(path)


def test_names_tell_model_and_accuracy(tmp_path: Path) -> None:
    for name, expected in {
        "BISON_SparklesChat_acc0.567.json": ("bison", "SparklesChat", 0.567),
        "NLVR2_mini_gpt_4_acc0.51.json": ("nlvr2", "mini_gpt_4", 0.51),
        "SparklesEval_x_acc.json": ("sparkleseval", "x_acc", None),
    }.items():
        (tmp_path / name).write_text('[{"evaluation_id": 1, "response": "x"}]')
        found = read_result_file(tmp_path / name)
        assert (found.task, found.model, found.accuracy) == expected


def test_the_published_layout_with_real_photographs(shared_data: Path, tmp_path: Path) -> None:
    root = shared_data / "sparkles_layout"
    file = root / "evaluation" / "BISON" / "annotations" / "sparkles_evaluation_bison_annotations.json"
    annotations = json.loads(file.read_text())
    items = [
        {
            "evaluation_id": item["evaluation_id"],
            "response": "Let's think step by step. Therefore, the answer is IMAGE#1.",
            "predict": "image#1",
            "sentence": item["caption"],
            "label": "IMAGE#1" if item["image_candidates"][0]["image_id"] == item["true_image_id"] else "IMAGE#2",
        }
        for item in annotations
    ]
    right = sum(item["label"] == "IMAGE#1" for item in items)
    path = tmp_path / f"BISON_first_acc{right / len(items):.3f}.json"
    path.write_text(json.dumps(items))
    with Store(tmp_path / "s.db") as store:
        done = import_results(store, path, ImportOptions(root))
        summarise(store)
    assert done.claims == () and done.answers == len(items)
    found = rows(tmp_path / "s.db", "SELECT value, n FROM leaderboard WHERE metric = 'accuracy'")
    assert found == [(pytest.approx(right / len(items)), len(items))]
