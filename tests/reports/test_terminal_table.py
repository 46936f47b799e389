"""The terminal's tables: every number with its interval and n, at the widths that terminals have."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from sparkles_eval.analysis.summary import Coverage, Summary
from sparkles_eval.reports.terminal_table import print_tables, unscored


def printed(summary: Summary, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    print_tables(summary, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120])
def test_tables_fit_the_terminal_and_hold_every_number(summary: Summary, width: int) -> None:
    text = printed(summary, width)
    assert max(len(line) for line in text.splitlines()) <= width
    for wanted in (
        "BISON (mini)",
        "83.3",
        "[68.1, 92.1]",
        "34",
        "of 36",
        "2 unscored: timed out after 4 tries (120 s each)",
        "chance: Accuracy 50.0%",
        "at least",
        "SparklesEval",
        "no ranking holds" if width > 80 else "no ranking",
    ):
        assert wanted in text, wanted


def test_hostile_names_print_as_they_are(summary: Summary) -> None:
    task = summary.tasks[0]
    entry = replace(task.panels[0].entries[0], label="[red]x[/red]\x1b[31m\u202egpj")
    panel = replace(task.panels[0], entries=(entry,))
    text = printed(replace(summary, tasks=(replace(task, panels=(panel,)),)), 120)
    assert "[red]x" in text and "\x1b" not in text and "\u202e" not in text and "U+202E" in text


def test_an_empty_store_says_so(summary: Summary) -> None:
    assert "holds no runs yet" in printed(replace(summary, tasks=()), 200)


def test_many_reasons_are_counted_together() -> None:
    coverage = Coverage(0, 21, tuple((f"reason {n}", 3) for n in range(7)))
    lines = unscored(coverage)
    assert lines[0] == "3 unscored: reason 0" and lines[-1] == "6 unscored for 2 other reasons" and len(lines) == 6
