"""The doctor finds what is missing, broken or unreachable, says how to fix it, and never shows a key."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from sparkles_eval.cli.app import app
from sparkles_eval.engine import diagnosis
from sparkles_eval.engine.diagnosis import Diagnosis, diagnose
from tests.server import LoopbackServer, Settings


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(Settings(listed={"shown": {"object": "model"}})) as running:
        yield running


def _find(findings: list[Diagnosis], name: str) -> Diagnosis:
    return next(finding for finding in findings if finding.name == name)


def _doctor(*arguments: str) -> tuple[int, list[Diagnosis]]:
    done = CliRunner().invoke(app, ["doctor", "--json", "-", *arguments])
    return done.exit_code, [Diagnosis(**entry) for entry in json.loads(done.stdout)]


def test_a_key_is_never_shown_and_blanks_round_it_are_a_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-1234 ")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-secret")
    done = CliRunner().invoke(app, ["doctor", "--store", str(tmp_path / "s.db")])
    assert done.exit_code == 1
    assert "secret" not in done.output
    _, findings = _doctor("--store", str(tmp_path / "s.db"))
    assert _find(findings, "OPENAI_API_KEY").state == "problem"
    assert _find(findings, "ANTHROPIC_API_KEY") == Diagnosis("keys", "ANTHROPIC_API_KEY", "ok", "set")


def test_an_extra_that_is_not_installed_or_too_old_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        diagnosis,
        "requires",
        lambda _name: ["pillow>=999 ; extra == 'view'", "no-such-package ; extra == 'figures'", "rich>=1"],
    )
    findings = diagnose(Path("s.db"), ())
    assert "pillow" in _find(findings, "view").text and ">=999 is needed" in _find(findings, "view").text
    assert _find(findings, "figures").text == "no-such-package is not installed"
    assert _find(findings, "figures").fix == "pip install 'sparkles-eval[figures]'"
    assert _find(findings, "parquet").state == "ok"


def test_extras_of_extras_count() -> None:
    names = {requirement.name for requirement in diagnosis._requirements("train")}
    assert {"peft", "torch"} <= names
    assert "typer" not in names, "what the program itself needs is listed by itself"
    assert all(isinstance(requirement, Requirement) for requirement in diagnosis._requirements(""))


def test_folders_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "file"))
    finding = _find(diagnose(tmp_path / "runs" / "s.db", ()), "cache")
    assert finding.state == "problem" and finding.fix == "name another folder in SPARKLES_CACHE"
    assert _find(diagnose(tmp_path / "runs" / "s.db", ()), "store").state == "ok"
    assert not (tmp_path / "runs").exists()


def test_servers_that_list_the_model_do_not_list_it_or_are_not_there(server: LoopbackServer) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
    code, findings = _doctor("--model", "openai/shown", "--model-arg", f"base_url={server.url},{nobody}")
    there, gone = (finding for finding in findings if finding.area == "models")
    assert code == 1
    assert there.state == "ok" and "lists it" in there.text
    assert gone.state == "problem" and "no connection" in gone.text
    code, findings = _doctor("--model", "openai/other", "--model-arg", f"base_url={server.url}")
    (other,) = (finding for finding in findings if finding.area == "models")
    assert other.state == "note" and "does not list 'other'" in other.text
    assert not server.stats().by_model, "nothing was asked that costs"


def test_a_model_that_cannot_be_built_is_one_line() -> None:
    done = CliRunner().invoke(app, ["doctor", "--model", "nokind/x"])
    assert done.exit_code != 0
    assert "nokind" in str(done.exception)
