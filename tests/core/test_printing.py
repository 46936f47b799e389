"""Everything that is printed goes through one gate, and nothing in it can steer a terminal."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.highlighter import NullHighlighter
from rich.markdown import Markdown
from rich.panel import Panel
from rich.progress import Progress
from rich.table import Table

from sparkles_eval.core.printing import make_console, say, say_error, say_json, say_warning, write_stdout

HOSTILE = "model\x1b]0;owned\x07\x1b[2J\u202egnp\u2066\u200bend"
STEERING = "\x1b\x07\u202e\u2066\u200b"
PACKAGE = Path(__file__).resolve().parents[2] / "sparkles_eval"


@pytest.mark.parametrize("printed", [say, say_warning, say_error])
def test_plain_lines(printed: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(printed)
    printed(HOSTILE)
    said = capsys.readouterr()
    shown = said.out + said.err
    assert "⟦U+001B⟧]0;owned⟦U+0007⟧" in shown and not any(char in shown for char in STEERING)


def test_whatever_rich_draws(capsys: pytest.CaptureFixture[str]) -> None:
    console = make_console(width=120)
    table = Table(HOSTILE)
    table.add_row(HOSTILE)
    for drawn in (HOSTILE, table, Panel(HOSTILE, title=HOSTILE), Markdown(f"# {HOSTILE}\n\n`{HOSTILE}`")):
        console.print(drawn)
    console.rule(HOSTILE)
    with Progress(console=console) as progress:
        progress.add_task(HOSTILE, total=1)
    shown = capsys.readouterr().out
    # a table cuts what grows past its cell: it is given names that `one_line` has made visible before
    assert shown.count("⟦U+202E⟧") >= 6 and not any(char in shown for char in STEERING)


def test_styles_stay_where_there_is_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    console = make_console(width=80)
    console.highlighter = NullHighlighter()
    with console.capture() as capture:
        console.print(f"[bold red]{HOSTILE}[/]")
    shown = capture.get()
    assert shown.startswith("\x1b[1;31m") and "\x1b]0;" not in shown and "⟦U+001B⟧]0;" in shown


def test_json_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    say_json(json.dumps({"name": HOSTILE}, ensure_ascii=False))
    shown = capsys.readouterr().out
    assert json.loads(shown) == {"name": HOSTILE} and not any(char in shown for char in STEERING)


def test_an_export_into_a_pipe_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    write_stdout([HOSTILE])
    assert capsys.readouterr().out == HOSTILE


def _printing(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in (
                "print",
                "typer.echo",
                "typer.secho",
                "click.echo",
                "click.secho",
                "Console",
                "console.Console",
            ):
                yield f"{path.relative_to(PACKAGE)}:{node.lineno} calls {called}"


def test_nothing_is_printed_past_the_gate() -> None:
    gate = PACKAGE / "core" / "printing.py"
    assert len(list(_printing(gate))) == 1
    assert [found for path in sorted(PACKAGE.rglob("*.py")) if path != gate for found in _printing(path)] == []
