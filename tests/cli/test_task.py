"""`task from-hub`, `from-table`, `check`, and data of the Hub in `data fetch` and `run --download`."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sparkles_eval.core.errors import UserError
from tests.end_to_end.running import here
from tests.loopback.hub import HubDataSet, LoopbackHub, loopback_hub
from tests.tasks.tables import drawn

pq = pytest.importorskip("pyarrow.parquet")
pytest.importorskip("huggingface_hub")

COMMIT = "d" * 40


def rows(count: int) -> bytes:
    import pyarrow as pa

    table = pa.Table.from_pylist(
        [
            {
                "question_id": f"q{n}",
                "question": "Which is <image>?",
                "image_1": {"bytes": drawn(n), "path": None},
                "image_2": None,
                "choices": ["up", "down"],
                "answer": n % 2,
                "category": "odd" if n % 2 else "even",
            }
            for n in range(count)
        ]
    )
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def refused(*args: str) -> str:
    """What a command that is refused says."""
    with pytest.raises(UserError) as caught:
        here(*args)
    return " ".join(str(caught.value).split())


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    files = {"README.md": b"---\nlicense: mit\n---\n", "data/test-00000-of-00001.parquet": rows(12)}
    with loopback_hub(org__Quiz=HubDataSet({COMMIT: files}, {"main": COMMIT}, licence="mit")) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "cache"))
        monkeypatch.delenv("HF_HUB_CACHE", raising=False)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        yield running


def test_from_the_hub_to_scores(hub: LoopbackHub, tmp_path: Path) -> None:
    made = here("task", "from-hub", "org/Quiz", "--split", "test", "--in", str(tmp_path))
    assert made.code == 0 and "licence mit" in made.shown, made.shown
    folder = tmp_path / "quiz"
    spec = yaml.safe_load((folder / "task.yaml").read_text(encoding="utf-8"))
    assert spec["source"]["revision"] == COMMIT
    assert spec["columns"] == {
        "id": "question_id",
        "question": "question",
        "images": "image_*",
        "options": "choices",
        "answer": {"column": "answer", "kind": "index"},
        "tags": ["category"],
    }
    run = ("run", "-t", str(folder), "-m", "baseline/oracle", "--store", str(tmp_path / "s.db"), "--no-report")
    assert f"sparkles-eval data fetch {folder}" in refused(*run)
    assert not (tmp_path / "s.db").exists()
    done = here(*run, "--download")
    assert done.code == 0 and "100.0" in done.shown, done.shown
    before = len(hub.asked)
    assert here(*run, "--download").code == 0 and len(hub.asked) == before, "what is there is not fetched again"
    page = tmp_path / "page.html"
    checked = here("task", "check", str(folder), "--out", str(page))
    assert checked.code == 0 and "12 samples, 0 problems" in checked.shown
    text = page.read_text(encoding="utf-8")
    assert text.count("<section") == 3 and text.count("data:image/jpeg;base64,") == 3 and "B. down" in text


def test_data_fetch_asks_for_consent_and_names_what_is_there(hub: LoopbackHub, tmp_path: Path) -> None:
    here("task", "from-hub", "org/Quiz", "--split", "test", "--in", str(tmp_path))
    folder = str(tmp_path / "quiz")
    assert "agree to its licence and terms above with --accept-terms" in refused("data", "fetch", folder)
    fetched = here("data", "fetch", folder, "--accept-terms")
    assert fetched.code == 0 and "12 samples, 0 problems" in fetched.shown, fetched.shown
    before = len(hub.asked)
    assert here("data", "fetch", folder, "--offline").code == 0 and len(hub.asked) == before
    assert "unknown source 'nothing-such'" in refused("data", "fetch", "nothing-such")


def test_a_wide_csv_with_names_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "quiz.csv"
    file.write_text("No,Q,pic,A,B,Gold\n1,Colour?,a.png,red,blue,B\n2,Form?,b.png,round,flat,A\n", encoding="utf-8")
    for number, name in enumerate(("a.png", "b.png")):
        (tmp_path / name).write_bytes(drawn(number))
    missing = refused("task", "from-table", str(file), "--in", str(tmp_path))
    assert "No, Q, pic, A, B, Gold" in missing and "--map question=COLUMN" in missing
    wrong = refused("task", "from-table", str(file), "--map", "question=Question", "--in", str(tmp_path))
    assert "no column 'Question'; the columns are No, Q, pic, A, B, Gold" in wrong
    pairs = [f"--map={pair}" for pair in ("question=Q", "answer=Gold", "id=No")]
    made = here("task", "from-table", str(file), *pairs, "--in", str(tmp_path))
    assert made.code == 0, made.shown
    places = ("--out", str(tmp_path / "p.html"))
    checked = here("task", "check", str(tmp_path / "quiz"), *places)
    assert checked.code == 0 and "2 samples, 0 problems" in checked.shown, checked.shown


def test_the_same_problem_of_many_rows_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "cache"))
    lines = [json.dumps({"id": n, "question": "?", "image": f"{n}.png", "answer": "x"}) for n in range(901)]
    (tmp_path / "quiz.jsonl").write_text("\n".join(lines), encoding="utf-8")
    here("task", "from-table", str(tmp_path / "quiz.jsonl"), "--in", str(tmp_path))
    (tmp_path / "0.png").write_bytes(drawn(1))
    places = ("--out", str(tmp_path / "p.html"))
    checked = here("task", "check", str(tmp_path / "quiz"), *places)
    assert checked.code == 1 and "900 times: missing file 1.png, at 1 (quiz.jsonl line 2), 2 " in checked.shown
    assert checked.shown.count("missing file") == 1
