"""Answers from files, in our forms and in the published one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.core import Generation, Sample, Text, Turn
from sparkles_eval.core.errors import Rejected, UserError
from tests.adapters.making import build, request


def write(folder: Path, text: str, name: str = "answers.jsonl") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def sample(identifier: str = "7") -> Sample:
    return Sample(identifier, (Turn((Text("One?"),)), Turn((Text("Two?"),))))


async def said(file: Path, identifier: str = "7", turn: int = 1, epoch: int = 0, draw: int = 0) -> str:
    asked = replace(request("One?", sample=sample(identifier), epoch=epoch, draw=draw), turn=turn)
    return (await build(f"replay/{file}").answer(asked)).text


async def test_json_lines(tmp_path: Path) -> None:
    lines = [
        {"sample_id": "7", "text": "first"},
        {"sample_id": 7, "turn": 2, "text": "sec\u2028ond"},
        {"sample_id": "7", "epoch": 1, "text": "again"},
        {"sample_id": "7", "draw": 2, "text": "third draw"},
    ]
    file = write(tmp_path, "\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n\n")
    assert await said(file) == "first"
    assert await said(file, turn=2) == "sec\u2028ond"
    assert await said(file, epoch=1) == "again"
    assert [await said(file, draw=i) for i in range(4)] == ["first", "first", "third draw", "third draw"]


async def test_csv(tmp_path: Path) -> None:
    file = write(tmp_path, '\ufeffsample_id,turn,text\n7,1,"one,\ntwo"\n7,2,\n', "answers.csv")
    assert await said(file) == "one,\ntwo"
    assert await said(file, turn=2) == "", "an empty answer is an answer"


async def test_published_dialogues(tmp_path: Path) -> None:
    dialogue = [
        {"role": "user", "content": "One?", "images": [{"image_id": 1, "caption": "x"}]},
        {"role": "assistant", "content": "first"},
        {"role": "user", "content": "Two?", "images": []},
        {"role": "assistant", "content": "second"},
    ]
    item = {"evaluation_id": 7, "dialogue": dialogue, "gpt-4": {"A1_C123_scores": [8, 8, 8, 8]}}
    file = write(tmp_path, json.dumps([item]), "SparklesEval_model.json")
    assert [await said(file, turn=1), await said(file, turn=2)] == ["first", "second"]


async def test_published_choices(tmp_path: Path) -> None:
    item = {"evaluation_id": 7, "label": "TRUE", "predict": "true", "response": "Therefore, TRUE.", "img_paths": []}
    file = write(tmp_path, json.dumps([item]), "NLVR2_model_acc0.580.json")
    assert await said(file) == "Therefore, TRUE."


async def test_a_missing_answer_names_item_and_file_but_no_folder(tmp_path: Path) -> None:
    """The reason is stored and published; where a user keeps files is nobody's business."""
    file = write(tmp_path, '{"sample_id": "7", "text": "x"}')
    for what in ({"identifier": "8"}, {"turn": 2}, {"epoch": 1}):
        with pytest.raises(Rejected, match=r"^answers\.jsonl: no answer for item"):
            await said(file, **what)


def test_the_content_is_the_model(tmp_path: Path) -> None:
    text = '{"sample_id": "7", "text": "x"}'
    (tmp_path / "b").mkdir()
    here, there = write(tmp_path, text), write(tmp_path / "b", text)
    first, second = build(f"replay/{here}"), build(f"replay/{there}")
    assert first.model.identity == second.model.identity and first.model.name == "replay/answers"
    other = build(f"replay/{write(tmp_path, text + ' ')}")
    assert other.model.identity != first.model.identity
    assert first.model.free and first.effective(Generation(seed=3)) == Generation()
    assert build(f"replay/{here}", name="old run").model.name == "old run"


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        (
            "a.jsonl",
            '{"sample_id": "7", "text": "x"}\n\n{"sample_id": "7", "text": "y"}',
            "line 3 answers item 7, turn 1",
        ),
        ("a.jsonl", '{"sample_id": "7", "text": "x", "mood": 1}', "line 1: mood: Extra"),
        ("a.jsonl", '{"sample_id": "7"}', "line 1: text is missing; there are sample_id"),
        ("a.jsonl", '{"sample_id": "7", "turn": 0, "text": "x"}', "line 1: turn"),
        ("a.jsonl", "\n[1\n", "line 2: Invalid JSON"),
        ("a.jsonl", "\n\n", "holds no answers"),
        ("a.csv", "sample_id,text\n7,x\n7,y\n", "line 3 answers item 7, turn 1 again, after line 2"),
        ("a.csv", "sample_id,text\n7\n", "line 2: not as many fields"),
        ("a.csv", "sample_id,text\n7,x,z\n", "line 2: not as many fields"),
        ("a.csv", 'sample_id,text\n7,"x\n', "not CSV"),
        ("a.csv", "name,text\n7,x\n", "no column sample_id; its columns are name, text"),
        ("a.json", "{}", "a list of items"),
        ("a.json", "[" * 100000, "not JSON"),
        ("a.json", '[{"evaluation_id": 1}]', "item 1: neither a response nor a dialogue"),
        ("a.json", '[{"response": "x"}]', "item 1: evaluation_id is missing; there are response"),
        (
            "a.json",
            '[{"evaluation_id": 1, "response": "x"}, {"evaluation_id": 1, "response": "y"}]',
            "item 2 turn 1 answers",
        ),
        ("a.txt", "x", "answers are read from"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        build(f"replay/{write(tmp_path, text, name)}")
    assert complaint in str(caught.value) and name in str(caught.value)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        build(f"replay/{tmp_path / 'none.jsonl'}")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not UTF-8"):
        build(f"replay/{tmp_path / 'bytes.csv'}")


def test_a_column_for_each_model_and_the_names_that_people_use(tmp_path: Path) -> None:
    wide = tmp_path / "wide.csv"
    wide.write_text("question_id,gpt,qwen\n7,yes,no\n8,,no\n", encoding="utf-8")
    gpt, qwen = (build(f"replay/{wide}:{name}") for name in ("gpt", "qwen"))
    assert (gpt.model.name, qwen.model.name) == ("replay/gpt", "replay/qwen")
    assert gpt.model.identity != qwen.model.identity
    plain = tmp_path / "plain.csv"
    plain.write_text("id,prediction\n7,yes\n", encoding="utf-8")
    assert build(f"replay/{plain}").model.name == "replay/plain"
    with pytest.raises(UserError, match=r"no column 'gtp' \(did you mean 'gpt'\?\); its columns are question_id, gpt"):
        build(f"replay/{wide}:gtp")
    both = tmp_path / "both.csv"
    both.write_text("id,text,qwen\n7,yes,no\n", encoding="utf-8")
    with pytest.raises(UserError, match="With a column for each model, name one"):
        build(f"replay/{both}")
