"""What a new user tries on the first three days, in the order in which one tries it, each on the store of the day.

Kills, two writers at once, Ctrl-C and pages in a browser have tests of their own (`test_kill`, `test_together`,
`test_interrupt`, tests/reports, tests/viewer).
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from typer.testing import CliRunner, Result

from sparkles_eval.cli.app import app
from sparkles_eval.core.errors import UserError
from sparkles_eval.store import read_runs
from sparkles_eval.store.reading import open_to_read
from sparkles_eval.tasks.load import load_task
from tests.server import Behaviour, LoopbackServer, Settings
from tests.terminal import run_in_terminal

ROOT = Path(__file__).resolve().parents[2]
FEW = ["--task-arg", "n=12"]
FIRST = ("run", "-t", "bison-mini,nlvr2-mini", "-m", "baseline/chance,baseline/oracle", *FEW)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which all of it happens, with the store of a first run: tests may be shared among processes."""
    folder = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as place:
        place.setenv("SPARKLES_CACHE", str(folder / "cache"))
        place.delenv("OPENAI_API_KEY", raising=False)
        place.setenv("COLUMNS", "100")
        place.chdir(folder)
        sparkles(*FIRST)
        yield folder


def sparkles(*args: str, code: int = 0, env: dict[str, str] | None = None) -> Result:
    """A command as `sparkles-eval ARGS`; a user's error has exit code 2."""
    with patch.object(sys, "argv", ["sparkles-eval", *args]):  # what the store keeps
        result = CliRunner().invoke(app, args, env=env)
    if isinstance(result.exception, UserError):
        assert code == 2, result.exception
        return result
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def said(result: Result) -> str:
    """All of its words on one line, a user's error included."""
    error = f"\n{result.exception}" if isinstance(result.exception, UserError) else ""
    return " ".join(f"{result.output}{error}".split())


def runs(store: str = "runs/sparkles.db") -> list[read_runs.StoredRun]:
    with open_to_read(Path(store)) as opened:
        return read_runs.runs(opened)


# --- the first day ----------------------------------------------------------------------------------------------


def test_what_there_is(desk: Path) -> None:
    for what, name in (("tasks", "bison-mini"), ("models", "baseline/chance"), ("judges", "facts"), ("metrics", "acc")):
        assert name in sparkles("list", what).output
        rows = json.loads(sparkles("list", what, "--json", "-").stdout)
        assert any(name in json.dumps(row) for row in rows)


def test_a_first_run_and_the_same_again_asks_nothing(desk: Path) -> None:
    again = sparkles(*FIRST)
    assert "100.0" in again.output and "12 from the store" in again.output
    assert len(runs()) == 4 and (desk / "runs" / "sparkles.html").is_file()


def test_an_estimate_needs_no_key(desk: Path) -> None:
    shown = said(sparkles("run", "-t", "bison-mini", "-m", "gpt-4o,baseline/chance", *FEW, "--estimate"))
    assert "nothing was sent" in shown and "12" in shown
    lines = json.loads(
        sparkles("run", "-t", "bison-mini", "-m", "gpt-4o", *FEW, "--estimate", "--json", "-").stdout
    )  # fmt: skip
    assert [line["requests"] for line in lines] == [12]
    assert "no key; set OPENAI_API_KEY" in said(sparkles("run", "-t", "bison-mini", "-m", "gpt-4o", *FEW, code=2))


def test_a_server_of_ones_own_beside_baselines(desk: Path, server: LoopbackServer) -> None:
    base = f"openai:base_url={server.openai_url}"
    sparkles("run", "-t", "bison-mini", "-m", "openai/good-a,openai/good-b,baseline/oracle", *FEW, "--model-arg", base)
    assert {run.model.name for run in runs()} >= {"openai/good-a", "openai/good-b", "baseline/oracle"}
    plain = said(
        sparkles("run", "-t", "bison-mini", "-m", "openai/good-a,baseline/oracle", "--model-arg", base[7:], code=2)
    )
    assert "unknown --model-arg 'base_url'" in plain and "openai:base_url=" in plain


def test_a_task_of_ones_own(desk: Path) -> None:
    sparkles("task", "new", "my-task")
    assert "100.0" in sparkles("run", "-t", "./my-task", "-m", "baseline/oracle", "--store", "own.db").output


def test_which_is_better_is_said_on_one_screen(desk: Path) -> None:
    shown = sparkles("compare", "baseline/oracle", "baseline/chance", "--task", "bison-mini")
    assert len(shown.output.splitlines()) < 24 and "baseline/oracle" in shown.output
    full = sparkles("compare", "baseline/oracle", "baseline/chance", "--task", "bison-mini", "--full")
    assert len(full.output.splitlines()) > len(shown.output.splitlines())


def test_a_report_a_site_a_bundle_and_a_board(desk: Path) -> None:
    sparkles("report", "--site", "--out", "public", "--no-figures")
    assert "run --config FILE" in (desk / "public" / "methods.html").read_text(encoding="utf-8")
    sparkles("submit", "--out", "mine.zip")
    sparkles("leaderboard", "build", ".", "--out", "board")
    assert (desk / "board" / "index.html").is_file()


# --- the second day: one's own things ---------------------------------------------------------------------------


def answers(name: str, share: float) -> list[str]:
    samples = load_task("bison-mini", args={"n": "40"}).samples
    right = round(share * len(samples))
    return [
        f"The answer is {sample.target if at < right else next(o for o in sample.options if o != sample.target)}."
        for at, sample in enumerate(samples)
    ]


def test_five_models_answers_in_a_csv_become_latex_in_three_commands(desk: Path) -> None:
    ids = [sample.id for sample in load_task("bison-mini", args={"n": "40"}).samples]
    models = {"gpt": 0.95, "qwen": 0.9, "llava": 0.7, "claude": 0.6, "sparkles": 0.4}
    columns = {name: answers(name, share) for name, share in models.items()}
    with (desk / "answers.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", *columns])
        writer.writerows(zip(ids, *columns.values(), strict=True))
    names = ",".join(f"replay/answers.csv:{name}" for name in columns)
    sparkles("run", "-t", "bison-mini", "--task-arg", "n=40", "-m", names, "--store", "five.db", "--no-report")
    shown = sparkles("compare", "--store", "five.db", "--latex", "table.tex")
    assert len(shown.output.splitlines()) < 30 and "replay/gpt leads with 95.0" in said(shown)
    assert r"\toprule" in (desk / "table.tex").read_text(encoding="utf-8")
    missing = said(sparkles("run", "-t", "bison-mini", "-m", "replay/answers.csv:gtp", code=2))
    assert "no column 'gtp' (did you mean 'gpt'?)" in missing and "its columns are id, gpt" in missing
    whole = said(sparkles("run", "-t", "bison-mini", "-m", "replay/answers.csv", code=2))
    assert "name their column: --model replay/" in whole


@pytest.mark.parametrize(
    ("args", "hint"),
    [
        (["-t", "bison-mni", "-m", "baseline/chance"], "Did you mean 'bison-mini'"),
        (["-t", "bison-mini", "-m", "baseline/chnce"], "did you mean 'chance'"),
        (["-t", "bison-mini", "-m", "opanai/x"], "did you mean 'openai'"),
        (["-t", "bison-mini", "-m", "oracle"], "did you mean baseline/oracle"),
        (["-t", "bison-mini", "-m", "answers.csv"], "answers in a file are replay/answers.csv"),
        (["-t", "bison-mini", "-m", "replay/answrs.csv"], "did you mean 'answers.csv'"),
        (["-t", "bison-mini", "-m", "baseline/chance", "--model-arg", "sed=1"], "did you mean 'seed'"),
        (
            ["-t", "bison-mini", "-m", "baseline/chance", "--model-arg", "baseline/chanc:seed=1"],
            "did you mean 'baseline",
        ),
        (["-t", "bison-mini", "-m", "baseline/chance", "--task-arg", "sead=1"], "did you mean 'seed'"),
        (["-t", "sparkleseval-mini", "-m", "baseline/chance", "--judge", "fact"], "Did you mean 'facts'"),
        (["-t", "bison-mini", "-m", "baseline/chance", "--samples", "17,18"], "no sample 17, 18"),
        (["-t", "bison-mini"], "missing option --model / -m"),
    ],
)
def test_what_is_mistyped_is_answered_with_what_was_meant(desk: Path, args: list[str], hint: str) -> None:
    if not (desk / "answers.csv").exists():
        (desk / "answers.csv").write_text("id,text\n", encoding="utf-8")
    assert hint in said(sparkles("run", *args, code=2))


def test_a_file_that_holds_a_run_and_a_run_that_writes_its_file(desk: Path) -> None:
    (desk / "eval.yaml").write_text(
        "tasks: [{task: bison-mini, args: {n: 12}}]\n"
        "models: [baseline/oracle, {model: baseline/chance, args: {seed: 5, name: guessing}}]\n"
        "store: file.db\n"
    )
    sparkles("run", "--config", "eval.yaml", "--write-config", "again.yaml", "--no-report")
    assert {run.model.name for run in runs("file.db")} == {"baseline/oracle", "guessing"}
    assert "12 from the store" in sparkles("run", "--config", "again.yaml", "--set", "limit=12", "--no-report").output
    sparkles("run", "--config", "eval.yaml", "-m", "baseline/constant", "--no-report")
    assert "baseline/constant" in {run.model.name for run in runs("file.db")}
    assert "did you mean 'limit'" in said(sparkles("run", "--config", "eval.yaml", "--set", "limt=1", code=2))


def test_the_store_of_the_environment(desk: Path) -> None:
    sparkles("run", "-t", "bison-mini", "-m", "baseline/oracle", *FEW, env={"SPARKLES_EVAL_STORE": "env.db"})
    assert [run.model.name for run in runs("env.db")] == ["baseline/oracle"]
    assert "baseline/oracle" in sparkles("list", "runs", env={"SPARKLES_EVAL_STORE": "env.db"}).output


def test_json_of_a_run(desk: Path) -> None:
    done = sparkles("run", "-t", "bison-mini", "-m", "baseline/oracle", *FEW, "--json", "-", "--no-report")
    found = json.loads(done.stdout)
    assert found["ending"] == "complete" and found["report"] is None
    assert [row["value"] for row in found["leaderboard"] if row["headline"]] == [1.0]


def test_a_judge_of_ones_own_beside_ones_own_task(desk: Path, server: LoopbackServer) -> None:
    """Named from the task's folder, or on the command line where the task names none."""
    sparkles("task", "new", "talk")
    sparkles("judges", "new", "my-rubric")
    task = desk / "talk" / "task.yaml"
    text = (
        task.read_text(encoding="utf-8")
        .replace("    scorer: choice", "    #")
        .replace("[accuracy, validity]", "[judge_score]")
    )
    task.write_text(text, encoding="utf-8")
    base = ["--judge-arg", "model=openai/good-j", "--judge-arg", f"base_url={server.openai_url}"]
    none = said(sparkles("run", "-t", "talk", "-m", "baseline/echo", code=2))
    assert "it names none; name one with --judge" in none
    task.write_text(text.replace("# judges: [sparkles]", "judges: [../my-rubric]"), encoding="utf-8")
    (desk / "elsewhere").mkdir()
    refused = sparkles("run", "-t", "talk", "-m", "baseline/echo", "--store", "talk.db", *base, code=2)
    assert "can judge no sample of talk" in said(refused), "captions are missing, which is said before anybody is asked"
    assert server.stats().requests == 0 and not (desk / "talk.db").exists()


def test_a_judge_that_is_named_is_asked_where_the_task_has_only_a_rule(desk: Path) -> None:
    plugin = ROOT / "examples" / "own_judge" / "brevity.py"
    args = ["-t", "bison-mini", "-m", "baseline/chance", *FEW, "--judge", "brevity", "--plugin", str(plugin)]
    sparkles("run", *args, "--store", "judged.db", "--no-report")
    with open_to_read(Path("judged.db")) as store:
        (run,) = read_runs.runs(store)
        assert {judge.name for judge in read_runs.judges(store, run.id)} == {"strict", "brevity"}


def test_a_python_model_in_a_file(desk: Path) -> None:
    (desk / "mine.py").write_text("def answer(images, text):\n    return f'The answer is IMAGE#{len(images)}.'\n")
    sparkles("run", "-t", "bison-mini", "-m", "mine.py:answer", *FEW, "--store", "own.db", "--no-report")
    assert "mine.answer" in {run.model.name for run in runs("own.db")}


def complete(words: str) -> list[str]:
    """What a shell would be offered behind these words."""
    env = {**os.environ, "_SPARKLES_EVAL_COMPLETE": "complete_bash", "COMP_WORDS": words}
    env["COMP_CWORD"] = str(len(words.split(" ")) - 1)
    code = "from sparkles_eval.cli.app import app; app(prog_name='sparkles-eval')"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("sparkles-eval run --task bis", "bison-mini"),
        ("sparkles-eval run -t bison-mini,nl", "bison-mini,nlvr2-mini"),
        ("sparkles-eval run --model baseline/o", "baseline/oracle"),
        ("sparkles-eval judge --judge fac", "facts"),
        ("sparkles-eval compare baseline/c", "baseline/chance"),
    ],
)
def test_the_shell_completes_names(desk: Path, words: str, offered: str) -> None:
    assert offered in complete(words)


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_a_terminal_of_a_width(desk: Path, columns: int, server: LoopbackServer) -> None:
    """Names of thirty characters, a server of unknown price: what matters stands whole, and no line is wrapped."""
    server.configure(Settings(default=Behaviour(latency_s=0.05)))
    names = ("openai/good-qwen2.5-vl-7b-fp8", "openai/good-qwen2.5-vl-7b-awq")
    command = [sys.executable, "-m", "sparkles_eval", "run", "-t", "bison-mini", *FEW, "-m", ",".join(names)]
    command += ["--model-arg", f"openai:base_url={server.openai_url}", "--store", f"wide-{columns}.db", "--no-report"]
    code, screen, frames = run_in_terminal(command, columns, env={"PYTHONPATH": str(ROOT)})
    assert code in (0, 3), screen.text
    bars = [line for line in screen.text if "12/12" in line]
    assert len(bars) == 2 and all("/s" in line for line in bars), screen.text
    assert all(len(line) <= columns for frame in frames for line in frame)
    tails = [line for line in screen.text if "fp8" in line or "awq" in line]
    assert len(tails) >= 4, "both models can be told by their names, in the bars and in the table"
    assert any("replies of unknown cost" in line for line in screen.text)
