"""Exports: golden numbers in each form, read back by whoever reads that form."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from scipy.stats import beta

from sparkles_eval import __version__
from sparkles_eval.analysis.summary import Summary, summarise
from sparkles_eval.core.errors import MissingExtra, StoreError, UserError
from sparkles_eval.publishing.exports import ExportFormat
from sparkles_eval.publishing.exports.results import harness_results
from sparkles_eval.publishing.exports.write import export
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store
from tests.analysis.making import RATER, RUN, counts, fill
from tests.end_to_end.running import here, rows
from tests.publishing.making import copied, edited, runs_of
from tests.server import LoopbackServer


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, list[str]]:
    """Two models on four items made by hand: 3 of 4 and 2 of 4 right."""
    path = tmp_path / "small.db"
    with Store(path) as store:
        ids = fill(store, counts(2, 1, 0, 1))
    return path, list(ids.values())


def written(path: Path, form: ExportFormat, out: Path, runs: list[str] | None = None) -> Path:
    with Store(path, create=False) as store:
        (made,) = export(store, runs, form, out)
    return made


def summary(path: Path) -> Summary:
    with Store(path, create=False) as store:
        return summarise(store)


def test_the_model_index_has_value_interval_and_n(small: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, runs = small
    index = yaml.safe_load(
        written(path, ExportFormat.MODEL_INDEX, tmp_path / "x.yaml", runs[:1]).read_text(encoding="utf-8")
    )
    (model,) = index["model-index"]
    (result,) = model["results"]
    metric = result["metrics"][0]
    assert (model["name"], result["dataset"]["type"], metric["type"], metric["value"]) == (
        "a",
        "pairs",
        "accuracy",
        0.75,
    )
    # Clopper and Pearson's for 3 of 4, from the beta distribution's quantiles.
    ends = [beta.ppf(0.025, 3, 2), beta.ppf(0.975, 4, 1)]
    assert metric["args"]["interval"] == pytest.approx(ends)
    assert (metric["args"]["n"], metric["args"]["asked"], metric["args"]["judge"]) == (4, 4, "strict")


@pytest.mark.parametrize(
    ("form", "golden"),
    [
        (ExportFormat.MODEL_INDEX, "model_index.yaml"),
        (ExportFormat.RESULTS, "results.json"),
        (ExportFormat.JSONL, "samples.jsonl"),
        (ExportFormat.INSPECT, "inspect.jsonl"),
    ],
)
def test_each_form_is_written_as_before(
    small: tuple[Path, list[str]], tmp_path: Path, root: Path, form: ExportFormat, golden: str
) -> None:
    path, runs = small
    with edited(path) as db:
        db.execute("UPDATE runs SET created_at = '2026-01-01T00:00:00.000000Z'")
    text = written(path, form, tmp_path / "out", runs[:1]).read_text(encoding="utf-8")
    expected = (root / "tests" / "golden" / "exports" / golden).read_text(encoding="utf-8")
    assert _rounded(text.replace(__version__, "VERSION")) == _rounded(expected)


def test_results_have_the_reply_times_of_a_model_on_a_server(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    words = [
        "run",
        "-t",
        "nlvr2-mini",
        "--task-arg",
        "n=4",
        "-m",
        "openai/good",
        "-m",
        "baseline/chance",
        "--no-report",
    ]
    words += ["--json", str(tmp_path / "run.json")]
    with LoopbackServer() as server:
        done = here(*words, "--model-arg", f"openai/good:base_url={server.openai_url}", "--store", str(path))
    assert done.code == 0, done.shown
    (times,) = json.loads((tmp_path / "run.json").read_text(encoding="utf-8"))["reply_times"].values()
    assert times[0]["replies"] == 4 and 0 < times[0]["p50_s"] <= times[0]["p95_s"], "the command itself says them, too"
    with edited(path) as db:
        db.execute("UPDATE responses SET latency_s = 0.5, output_tokens = 20 WHERE address IS NOT NULL")
    with Store(path, create=False) as store:
        texts = harness_results(store, summarise(store, [run.id for run in read_runs.runs(store, None)]))
    said = json.loads(texts["openai/good"])["reply_times"]
    assert said == {
        "nlvr2-mini": [
            {
                "address": "",
                "replies": 4,
                "failed_attempts": 0,
                "p50_s": 0.5,
                "p95_s": 0.5,
                "output_tokens_per_s": 40.0,
            }
        ]
    }
    assert "reply_times" not in json.loads(texts["baseline/chance"]), "what runs in this process has none"


def _rounded(text: str) -> str:
    """The last digits of a quantile are its library's affair."""
    return re.sub(r"\d+\.\d{10,}", lambda found: f"{float(found[0]):.9g}", text)


def test_the_hub_reads_the_model_index(whole: Path, tmp_path: Path) -> None:
    cards = pytest.importorskip("huggingface_hub.repocard_data", reason="needs huggingface_hub (extra 'local')")
    store = copied(whole, tmp_path / "s.db")
    index = yaml.safe_load(written(store, ExportFormat.MODEL_INDEX, tmp_path / "x.yaml").read_text(encoding="utf-8"))
    for one in index["model-index"]:
        name, results = cards.model_index_to_eval_results([one])
        assert name == one["name"] and all(result.metric_value is not None for result in results)


def test_every_number_of_the_tables_is_in_the_model_index(whole: Path, tmp_path: Path) -> None:
    store = copied(whole, tmp_path / "s.db")
    index = yaml.safe_load(written(store, ExportFormat.MODEL_INDEX, tmp_path / "x.yaml").read_text(encoding="utf-8"))
    said = {
        (model["name"], result["dataset"]["type"], metric["type"]): (
            metric["value"],
            metric["args"]["interval"],
            metric["args"]["n"],
        )
        for model in index["model-index"]
        for result in model["results"]
        for metric in result["metrics"]
    }
    for panel in summary(store).panels:
        for entry in panel.entries:
            for m in entry.measures:
                if m.column.level != "bounds":
                    found = said[entry.run.model.name, entry.run.task.name, m.column.name]
                    assert found == (m.estimate.value, [m.estimate.low, m.estimate.high], m.estimate.n)


def test_results_json_is_laid_out_as_lm_eval_does(small: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, runs = small
    said = json.loads(written(path, ExportFormat.RESULTS, tmp_path / "x.json", runs[:1]).read_text(encoding="utf-8"))
    result = said["results"]["pairs"]
    assert result["accuracy,strict"] == 0.75 and result["accuracy_stderr,strict"] == "N/A"
    assert result["accuracy_low,strict"] < 0.75 < result["accuracy_high,strict"]
    assert (result["accuracy_n,strict"], result["accuracy_total,strict"]) == (4, 4)
    assert said["n-samples"] == {"pairs": {"original": 4, "effective": 4}} and said["versions"] == {"pairs": 1}
    assert said["configs"]["pairs"]["metadata"]["run"] == runs[0] and said["model_name"] == "a"


def test_results_of_several_models_are_files_of_a_folder(small: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, _ = small
    with Store(path, create=False) as store:
        with pytest.raises(UserError, match="2 models make 2 files"):
            export(store, None, ExportFormat.RESULTS, None)
        made = export(store, None, ExportFormat.RESULTS, tmp_path / "results")
    assert [file.name for file in made] == ["results_a.json", "results_b.json"]


def test_every_run_of_a_model_is_in_its_results(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Store(path) as store:
        scores: dict[str, list[float | None]] = {"a": [1.0, 0.0]}
        for run in (RUN, replace(RUN, epochs=3), replace(RUN, epochs=3, data_hash="e" * 64)):
            fill(store, scores, run=run)
        runs = [run.id for run in read_runs.runs(store)]
    found = json.loads(written(path, ExportFormat.RESULTS, tmp_path / "x.json").read_text(encoding="utf-8"))
    names = {config["metadata"]["run"]: name for name, config in found["configs"].items()}
    assert len(runs) == 3 and names.keys() == set(runs)
    assert sorted(names.values()) == ["pairs", *sorted(f"pairs:epochs=3:{run}" for run in runs if run in names[run])]
    for part in ("results", "versions", "n-shot", "higher_is_better", "n-samples"):
        assert found[part].keys() == set(names.values())


def test_two_versions_of_a_rule_have_results_of_their_own(tmp_path: Path) -> None:
    path, second = tmp_path / "s.db", replace(RATER, id="s" * 64, version=2)
    with Store(path) as store:
        fill(store, {"a": [4.0, 6.0]}, judge=RATER)
        fill(store, {"a": [8.0, 8.0]}, judge=second)
    found = json.loads(written(path, ExportFormat.RESULTS, tmp_path / "x.json").read_text(encoding="utf-8"))
    (result,) = found["results"].values()
    assert (result["sparkles_score,rater-rrrrrrrr"], result["sparkles_score,rater-ssssssss"]) == (5.0, 8.0)


def test_plain_lines_have_all_that_became_of_a_sample(judged: Path, tmp_path: Path) -> None:
    store = copied(judged, tmp_path / "s.db")
    run = runs_of(store)[0]
    lines = [
        json.loads(line)
        for line in written(store, ExportFormat.JSONL, tmp_path / "x.jsonl", [run])
        .read_text(encoding="utf-8")
        .splitlines()
    ]
    assert len(lines) == 4 and {line["run"] for line in lines} == {run}
    scores = [
        (line["sample_id"], s["judge_id"], s["repeat"], s["turn"], s["criterion"], s["value"])
        for line in lines
        for s in line["scores"]
    ]
    stored = rows(store, "SELECT sample_id, judge_id, repeat, turn, criterion, value FROM scores WHERE run_id = ?", run)
    assert sorted(scores, key=repr) == sorted(stored, key=repr)
    first = lines[0]["turns"][0]
    assert any(isinstance(part, dict) and part["image"] for part in first["question"])
    text = rows(
        store,
        "SELECT r.text FROM answers a JOIN responses r ON r.id = a.response_id"
        " WHERE a.run_id = ? AND a.sample_id = ? AND a.turn = 1",
        run,
        lines[0]["sample_id"],
    )
    assert first["answer"] == text[0][0] and first["status"] == "ok"
    assert any(score["explanation"] for score in lines[0]["scores"])


def test_inspect_lines_have_messages_output_and_a_score_a_judge(judged: Path, tmp_path: Path) -> None:
    store = copied(judged, tmp_path / "s.db")
    run = runs_of(store)[0]
    made = written(store, ExportFormat.INSPECT, tmp_path / "x.jsonl", [run])
    lines = [json.loads(line) for line in made.read_text(encoding="utf-8").splitlines()]
    first = lines[0]
    assert [message["role"] for message in first["messages"]] == ["user", "assistant", "user", "assistant"]
    assert {part["type"] for part in first["messages"][0]["content"]} == {"text", "image"}
    assert first["output"]["choices"][0]["message"]["content"] == first["messages"][-1]["content"]
    assert first["epoch"] == 1 and first["output"]["choices"][0]["stop_reason"] == "stop"
    assert set(first["scores"]["facts"]["value"]) == {f"A{turn}.C{c}" for turn in (1, 2) for c in (1, 2, 3)}
    assert any(name.endswith("#2") for name in first["scores"]), "the second repeat of the judge that was asked twice"


def test_what_is_not_scored_is_no_zero_in_any_line(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Store(path) as store:
        fill(store, {"a": [1.0, None]})
    plain = [
        json.loads(line)
        for line in written(path, ExportFormat.JSONL, tmp_path / "x").read_text(encoding="utf-8").splitlines()
    ]
    assert [s["value"] for line in plain for s in line["scores"]] == [1.0, None]
    inspect = [
        json.loads(line)
        for line in written(path, ExportFormat.INSPECT, tmp_path / "y").read_text(encoding="utf-8").splitlines()
    ]
    assert inspect[1]["scores"] == {} and inspect[1]["metadata"]["unscored"] == {"strict": "timed out"}
    assert inspect[1]["output"]["choices"] == []


def test_parquet_is_read_back_as_the_store_has_it(judged: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'parquet'")
    store = copied(judged, tmp_path / "s.db")
    table = parquet.read_table(written(store, ExportFormat.PARQUET, tmp_path / "x.parquet"))
    names = (
        "run",
        "judge_id",
        "sample_id",
        "epoch",
        "repeat",
        "turn",
        "criterion",
        "value",
        "reason",
        "invalid",
        "target",
        "draws",
    )
    found = [tuple(row[name] for name in names) for row in table.select(list(names)).to_pylist()]
    stored = rows(store, f"SELECT {', '.join(names)} FROM item_scores")  # noqa: S608
    assert sorted(found, key=repr) == sorted(((*row[:9], bool(row[9]), *row[10:]) for row in stored), key=repr)
    assert str(table.schema.field("value").type) == "double"


def test_without_pyarrow_the_extra_is_named(
    small: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"--as parquet needs .*sparkles-eval\[parquet\]"):
        written(small[0], ExportFormat.PARQUET, tmp_path / "x.parquet")
    assert not list(tmp_path.glob("*.parquet*"))


def test_mistakes_are_told(small: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, _ = small
    with Store(path, create=False) as store, pytest.raises(StoreError, match="no run nobody"):
        export(store, ["nobody"], ExportFormat.JSONL, None)
    with Store(path, create=False) as store, pytest.raises(UserError, match="no text for the screen"):
        export(store, None, ExportFormat.PARQUET, None)
    with Store(path, create=False) as store, pytest.raises(UserError, match="cannot be written"):
        export(store, None, ExportFormat.JSONL, path / "x.jsonl")
    with Store(tmp_path / "new.db") as store, pytest.raises(UserError, match="holds no runs"):
        export(store, None, ExportFormat.JSONL, None)
