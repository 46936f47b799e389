"""The command line as a whole: quick to answer, light to load, and every verb shows how it is used."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from sparkles_eval import __version__
from sparkles_eval.cli.app import app

HEAVY = ("torch", "transformers", "openai", "anthropic", "pandas", "scipy", "sqlite_utils")


def verbs(of: Typer, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command, with the words that lead to it."""
    for command in of.registered_commands:
        assert command.name
        yield (*before, command.name)
    for group in of.registered_groups:
        assert group.name and group.typer_instance
        yield from verbs(group.typer_instance, (*before, group.name))


def invoke(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, args, env={"COLUMNS": "160"})
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize("verb", list(verbs(app)), ids=" ".join)
def test_the_help_of_every_verb_has_an_example(verb: tuple[str, ...]) -> None:
    code, text = invoke(*verb, "--help")
    assert code == 0
    assert "Example" in text
    assert f"sparkles-eval {' '.join(verb)}" in text.split("Example", 1)[1]


def test_the_first_help_names_the_first_command_to_try() -> None:
    code, text = invoke("--help")
    assert code == 0
    assert "sparkles-eval run --task nlvr2-mini --model baseline/chance" in text
    for name in ("run", "judge", "report", "list", "task", "protocol"):
        assert name in text


def test_the_version() -> None:
    assert invoke("--version") == (0, f"sparkles-eval {__version__}")


@pytest.mark.parametrize(
    "args", [["--help"], ["run", "--help"], ["list", "tasks"], ["list", "models"], ["list", "judges"]]
)
def test_looking_around_loads_nothing_heavy(args: list[str], tmp_path: Path) -> None:
    told = tmp_path / "modules.json"
    program = (
        "import json, pathlib, sys\n"
        "from sparkles_eval.cli.app import main\n"
        f"sys.argv = ['sparkles-eval', *{args!r}]\n"
        "try:\n    main()\n"
        "finally:\n"
        f"    pathlib.Path({str(told)!r}).write_text(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    loaded = set(json.loads(told.read_text()))
    assert not loaded & set(HEAVY)
    assert "--help" not in args or not loaded & {"numpy", "PIL.ImageFile", "httpx", "jinja2"}


def test_what_there_is_and_why_something_cannot_be_used(tmp_path: Path) -> None:
    code, tasks = invoke("list", "tasks")
    assert code == 0
    for name in ("sparkleseval", "bison", "nlvr2", "sparkleseval-mini", "bison-mini", "nlvr2-mini"):
        assert name in tasks
    _, models = invoke("list", "models")
    assert "baseline/chance" in models and "gpt-4o" in models
    assert "no: no key; set OPENAI_API_KEY" in models
    _, judges = invoke("list", "judges")
    assert "sparkles-vision" in judges and "facts" in judges
    broken = tmp_path / "tasks" / "broken"
    broken.mkdir(parents=True)
    (broken / "task.yaml").write_text("name: broken\nsurprise: 1\n", encoding="utf-8")
    _, mine = invoke("list", "tasks", "--content", str(tmp_path))
    assert "broken" in mine and "surprise" in mine


def test_runs_are_listed_with_how_far_they_are(tmp_path: Path) -> None:
    store = str(tmp_path / "s.db")
    args = ["-t", "nlvr2-mini", "--task-arg", "n=4", "-m", "baseline/chance", "--store", store, "--no-report"]
    assert invoke("run", *args)[0] == 0
    code, text = invoke("list", "runs", "--store", store)
    assert code == 0
    assert "nlvr2-mini baseline/chance strict 4/4 strict" in text


def test_an_unknown_verb_or_option_is_the_users_error() -> None:
    assert invoke("rum")[0] == 2
    assert invoke("run", "--modle", "x")[0] == 2
    assert "missing option --task" in str(CliRunner().invoke(app, ["run"]).exception)


def test_a_task_of_ones_own_runs_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = invoke("task", "new", "my-task")
    assert code == 0
    assert "sparkles-eval run --task my-task" in text
    code, text = invoke("run", "--task", "./my-task", "--model", "baseline/oracle", "--store", "s.db")
    assert code == 0, text
    assert (tmp_path / "s.html").is_file()
