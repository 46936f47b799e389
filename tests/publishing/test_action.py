"""The GitHub Actions example is YAML that gives strangers no rights, and its commands are ones that exist."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from sparkles_eval.cli.app import app


@pytest.fixture
def workflow(root: Path) -> dict[str, object]:
    text = (root / "examples" / "leaderboard_action" / "leaderboard.yml").read_text(encoding="utf-8")
    # YAML 1.1 reads the key `on` as true; GitHub reads it as text.
    found: dict[str, object] = {str(name).replace("True", "on"): value for name, value in yaml.safe_load(text).items()}
    return found


def jobs(workflow: dict[str, object]) -> dict[str, dict[str, object]]:
    found = workflow["jobs"]
    assert isinstance(found, dict)
    return found


def steps(job: dict[str, object]) -> list[dict[str, object]]:
    found = job["steps"]
    assert isinstance(found, list)
    return found


def test_what_strangers_send_runs_without_rights(workflow: dict[str, object]) -> None:
    events = workflow["on"]
    assert isinstance(events, dict) and "pull_request" in events and "pull_request_target" not in events
    assert workflow["permissions"] == {"contents": "read"}
    check = jobs(workflow)["check"]
    assert "permissions" not in check and "secrets" not in str(check) and "timeout-minutes" in check
    checkout = next(step for step in steps(check) if "checkout" in str(step.get("uses")))
    assert checkout["with"] == {"persist-credentials": False}


def test_only_what_was_merged_and_checked_is_published(workflow: dict[str, object]) -> None:
    publish = jobs(workflow)["publish"]
    assert publish["needs"] == "check" and "refs/heads/main" in str(publish["if"])


@pytest.mark.parametrize("example", ["leaderboard_action/leaderboard.yml", "checkpoint_action/evaluate.yml"])
def test_its_commands_exist_and_nothing_of_strangers_stands_in_them(root: Path, example: str) -> None:
    workflow = yaml.safe_load((root / "examples" / example).read_text(encoding="utf-8"))
    runs = [str(step["run"]) for job in jobs(workflow).values() for step in steps(job) if "run" in step]
    assert not any("${{" in line for line in runs), "an expression in a command would let its value be run"
    ours = [shlex.split(line)[1:] for line in runs if line.startswith("sparkles-eval ")]
    assert ours
    for command in ours:
        found = CliRunner().invoke(app, [*command, "--no-such-option"])
        assert "--no-such-option" in found.output, found.output
