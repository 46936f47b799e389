"""Hostile names and answers in every printed table, progress line and export."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparkles_eval.analysis.tables import Head, Span, Table
from sparkles_eval.api.run_progress import show_progress
from sparkles_eval.cli.app import app, main
from sparkles_eval.cli.options import TableFiles
from sparkles_eval.cli.table_output import present
from sparkles_eval.reports.toolkit.table_files import csv_text, json_text, latex_text, markdown_text
from sparkles_eval.tasks.load import load_task

HOSTILE = "gpt\x1b]0;owned\x07\x1b[2J\u202egnp\u2066\u200b\nfoo  finished, 100% right\r|<b>\\input{x}$_`"
STEERING = "\x1b\x07\u202e\u2066\u200b\r"


def _table() -> Table:
    heads = (Head("who", HOSTILE), Head("value", HOSTILE, "percent"))
    return Table("t", HOSTILE, heads, ((HOSTILE, Span(0.5, 0.4, 0.6)), (HOSTILE, None)), (HOSTILE,))


def test_tables_on_the_screen(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for width in ("60", "240"):
        monkeypatch.setenv("COLUMNS", width)
        present([_table()], TableFiles())
        shown = capsys.readouterr().out
        assert "⟦U+001B⟧" in shown and not any(char in shown for char in STEERING)


def test_latex_and_markdown_hold_no_command_and_no_hidden_character() -> None:
    tex, markdown = latex_text(_table()), markdown_text(_table())
    for text in (tex, markdown):
        assert "U+202E" in text and not any(char in text for char in STEERING)
    assert r"\input" not in tex and "⟦" not in tex and tex.count(r"\textbackslash{}input") == 6
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert len(rows) == 4 and "<b>" not in markdown.replace(r"\<b\>", "")


def test_json_and_csv_keep_what_was_said_and_no_cell_is_a_formula() -> None:
    assert json.loads(json_text([_table()]))[0]["rows"][0]["who"] == HOSTILE
    table = Table("t", "t", (Head("who", "who"),), (("=cmd()",), ("@x",)), ())
    assert csv_text(table).splitlines() == ["who", "'=cmd()", "'@x"]


@pytest.mark.parametrize("plain", [True, False])
def test_progress_lines_name_nobody_who_steers(
    plain: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    with show_progress(plain=plain) as progress:
        progress.planned(HOSTILE, HOSTILE, 1, 0)
        progress.event("reply", HOSTILE, HOSTILE)
        progress.finished(HOSTILE, HOSTILE, scored=True)
    shown = capsys.readouterr().err
    assert "⟦U+001B⟧" in shown and not any(char in shown for char in STEERING)
    assert not any(line.startswith("foo") for line in shown.splitlines())


def test_list_submit_verify_and_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model's name comes from a file of answers: from `run` to the bundle nothing of it reaches the terminal raw."""
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "cache"))
    answers = tmp_path / "answers.jsonl"
    samples = load_task("nlvr2-mini", args={"n": "4"}).samples
    lines = [json.dumps({"sample_id": sample.id, "text": HOSTILE}) for sample in samples]
    answers.write_text("\n".join(lines) + "\n", encoding="utf-8")
    store, bundle = tmp_path / "s.db", tmp_path / "b.zip"
    args = ["--task", "nlvr2-mini", "--task-arg", "n=4", "--model", f"replay/{answers}"]
    named = ["--model-arg", f"name={HOSTILE}", "--store", str(store), "--no-report"]
    runner = CliRunner()
    for command in (
        ["run", *args, *named],
        ["list", "runs", "--store", str(store)],
        ["report", "--store", str(store), "--out", str(tmp_path / "r.html")],
        ["submit", "--store", str(store), "--out", str(bundle)],
        ["verify", str(store)],
        ["export", "--as", "model-index", "--store", str(store), "--out", str(tmp_path / "index.yml")],
    ):
        done = runner.invoke(app, command)
        assert done.exit_code == 0, (command[0], done.output)
        assert not any(char in done.output for char in STEERING), (command[0], done.output)
    exported = (tmp_path / "index.yml").read_text(encoding="utf-8")
    assert not any(char in exported for char in STEERING)


def test_errors(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["sparkles-eval", "run", "--task", HOSTILE, "--model", HOSTILE])
    with pytest.raises(SystemExit, match="2"):
        main()
    shown = capsys.readouterr().err
    assert "⟦U+001B⟧" in shown and not any(char in shown for char in STEERING)
