"""Answers that exist, in the files of five tools, scored by our rules with their own claims beside."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.publishing.answer_files import read_answers
from sparkles_eval.publishing.config import ImportOptions
from sparkles_eval.publishing.import_answers import import_answers
from sparkles_eval.store.store import Store
from tests.end_to_end.running import here, rows
from tests.tasks.tables import drawn

QUESTIONS = [
    ("1", "Colour?", "red", "green", "B"),
    ("2", "Form?", "round", "flat", "A"),
    ("3", "Size?", "big", "small", "A"),
]


def table(path: Path, lines: Sequence[Mapping[str, object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    return path


def refused(*args: str) -> str:
    """What a command that is refused says."""
    with pytest.raises(UserError) as caught:
        here(*args)
    return " ".join(str(caught.value).split())


@pytest.fixture
def quiz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A task folder made of a table by the command line."""
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    lines = [dict(zip(("id", "question", "A", "B", "answer"), q, strict=True)) | {"image": "a.png"} for q in QUESTIONS]
    table(tmp_path / "quiz.csv", lines)
    (tmp_path / "a.png").write_bytes(drawn(1))
    assert here("task", "from-table", "quiz.csv").code == 0
    return tmp_path / "quiz"


def values(store: Path) -> dict[tuple[str, str], object]:
    found = rows(
        store,
        "SELECT m.name, p.name, s.value FROM scores s JOIN runs r ON r.id = s.run_id JOIN models m ON m.id = r.model_id"
        " JOIN samples p ON p.id = s.sample_id",
    )
    return {(str(model), str(sample)): value for model, sample, value in found}


def test_five_models_in_a_csv_are_three_lines(quiz: Path, tmp_path: Path) -> None:
    said = {"1": "The cup is green.", "2": "(A)", "3": "I would say small"}
    lines = [{"id": i, "model": f"m{m}", "response": said[i] if m else "B"} for m in range(5) for i in said]
    file = table(tmp_path / "answers.csv", lines)
    done = here("import", str(file), "--task", str(quiz), "--store", "s.db")
    assert done.code == 0, done.shown
    found = values(tmp_path / "s.db")
    assert [found["m1", i] for i in said] == [1.0, 1.0, 0.0] and [found["m0", i] for i in said] == [1.0, 0.0, 0.0]
    assert len(found) == 15
    again = here("import", str(file), "--task", str(quiz), "--store", "s.db")
    assert again.code == 0 and values(tmp_path / "s.db") == found


def test_an_empty_answer_is_wrong_and_not_unscored(quiz: Path, tmp_path: Path) -> None:
    lines = [{"id": i, "response": "A" if i == "2" else ""} for i in ("1", "2", "3")]
    done = here("import", str(table(tmp_path / "m.csv", lines)), "--task", str(quiz), "--store", "s.db")
    assert done.code == 0, done.shown
    assert set(values(tmp_path / "s.db").values()) == {0.0, 1.0}


def test_a_column_for_each_model_and_columns_of_other_names(quiz: Path, tmp_path: Path) -> None:
    file = table(tmp_path / "wide.csv", [{"No": i, "gpt": "A", "qwen": "B"} for i in ("1", "2", "3")])
    place = ("--task", str(quiz), "--store", "s.db")
    assert "the columns are No, gpt, qwen; name it with --map id=COLUMN" in refused("import", str(file), *place)
    wrong = refused("import", str(file), *place, "--map", "id=Number")
    assert "no column 'Number'; the columns are No, gpt, qwen" in wrong
    done = here("import", str(file), *place, "--map", "id=No", "--map", "response=gpt,qwen")
    assert done.code == 0, done.shown
    found = values(tmp_path / "s.db")
    assert (found["gpt", "2"], found["qwen", "2"], found["qwen", "1"]) == (1.0, 0.0, 1.0)
    lost = refused("import", str(file), *place, "--map", "id=gpt", "--map", "response=qwen")
    assert "its ids are like A, A, A, the task's like 1, 2, 3" in lost


def workbook(path: Path, lines: Sequence[Sequence[object]]) -> Path:
    """An XLSX file as spreadsheets write them: shared texts, numbers, empty cells left out."""
    shared: list[str] = []

    def cell(place: str, value: object) -> str:
        if value is None:
            return ""
        if isinstance(value, int):
            return f'<c r="{place}"><v>{value}</v></c>'
        shared.append(f"<si><t>{value}</t></si>")
        return f'<c r="{place}" t="s"><v>{len(shared) - 1}</v></c>'

    body = "".join(
        f'<row r="{n}">{"".join(cell(f"{chr(65 + c)}{n}", v) for c, v in enumerate(line))}</row>'
        for n, line in enumerate(lines, 1)
    )
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("xl/worksheets/sheet1.xml", f"<worksheet {space}><sheetData>{body}</sheetData></worksheet>")
        file.writestr("xl/sharedStrings.xml", f"<sst {space}>{''.join(shared)}</sst>")
    return path


def test_a_sheet_of_vlmevalkit_with_its_own_hits_and_a_failed_request(quiz: Path, tmp_path: Path) -> None:
    file = workbook(
        tmp_path / "Qwen_Quiz.xlsx",
        [
            ["index", "question", "prediction", "hit"],
            [1, "Colour?", "Based on the picture, it is green.", 0],
            [2, "Form?", "Failed to obtain answer via API.", 0],
            [3, None, "A", 1],
        ],
    )
    with Store(tmp_path / "s.db") as store:
        (made,) = import_answers(store, file, ImportOptions(task=str(quiz)))
    assert (made.model, made.answers) == ("Qwen_Quiz", 2)
    found = values(tmp_path / "s.db")
    assert (found["Qwen_Quiz", "1"], found["Qwen_Quiz", "2"], found["Qwen_Quiz", "3"]) == (1.0, None, 1.0)
    assert "1 requests failed by the file and stay unscored: 2" in made.claims
    assert "the file claims 0.500 over 2 items, this program's rules give 1.000; they differ on 1" in made.claims
    assert any(claim.startswith("item 1: the file gives 0, the rule 1 and reads green") for claim in made.claims)


def test_sample_logs_of_lm_eval_and_lmms_eval(quiz: Path, tmp_path: Path) -> None:
    lines = [
        {"doc_id": n, "doc": {"id": i}, "target": "B", "resps": [[text]], "filtered_resps": [text[:1]], "acc": score}
        for n, (i, text, score) in enumerate((("1", "B", 1.0), ("2", "Answer: A", 0.0), ("3", "small", 0.0)))
    ]
    file = tmp_path / "llava_samples_quiz.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    with Store(tmp_path / "s.db") as store:
        (made,) = import_answers(store, file, ImportOptions(task=str(quiz)))
    assert made.model == "llava"
    assert [values(tmp_path / "s.db")["llava", i] for i in "123"] == [1.0, 1.0, 0.0]
    assert "the file claims 0.333 over 3 items, this program's rules give 0.667; they differ on 1" in made.claims


def test_a_log_of_inspect_zipped_or_as_json(quiz: Path, tmp_path: Path) -> None:
    samples = [
        {"id": 1, "epoch": 1, "output": {"completion": "B"}, "scores": {"choice": {"value": "C"}}},
        {"id": 2, "epoch": 1, "output": {"choices": [{"message": {"content": [{"type": "text", "text": "A"}]}}]}},
        {"id": 3, "epoch": 1, "output": {"completion": "x"}, "error": {"message": "timeout"}},
    ]
    header = {"eval": {"task": "quiz", "model": "openai/gpt"}}
    log = tmp_path / "log.eval"
    with zipfile.ZipFile(log, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("header.json", json.dumps(header))
        for sample in samples:
            file.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
    plain = tmp_path / "log.json"
    plain.write_text(json.dumps({**header, "samples": samples}), encoding="utf-8")
    for path in (log, plain):
        found = read_answers(path, {})
        assert [(a.model, a.sample_id, a.text, a.claim) for a in found] == [
            ("openai/gpt", "1", "B", 1.0),
            ("openai/gpt", "2", "A", None),
            ("openai/gpt", "3", None, None),
        ]


def test_files_that_nobody_should_trust_are_refused(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(bomb, "w") as file:
        file.writestr("xl/worksheets/sheet1.xml", '<!DOCTYPE a [<!ENTITY b "c">]><worksheet>&b;</worksheet>')
    with pytest.raises(UserError, match="declares entities"):
        read_answers(bomb, {})
    text = tmp_path / "no.xlsx"
    text.write_text("no workbook", encoding="utf-8")
    with pytest.raises(UserError, match="is no XLSX workbook"):
        read_answers(text, {})
    log = tmp_path / "log.eval"
    log.write_bytes(io.BytesIO(b"PK").getvalue())
    with pytest.raises(UserError, match=r"is no whole .eval log"):
        read_answers(log, {})
