"""Progress on a terminal: what matters is whole at every width, and nothing stale stays behind."""

from __future__ import annotations

import io
import re
import sys
from datetime import datetime, timedelta

import pytest
from rich.console import Console

from sparkles_eval.api.progress_bars import Bars, ProgressRow, layout
from sparkles_eval.core.text import shorten
from tests.terminal import Screen, run_in_terminal

NAMES = ("openai/qwen2.5-vl-7b-instruct-fp8", "openai/qwen2.5-vl-7b-instruct-awq", "anthropic/claude-opus-5-5")
NUMBERS = " 12/60    13.4/s    0:14"


def rows(note: str = "") -> list[ProgressRow]:
    return [
        ProgressRow(name, task, NUMBERS, note, 0.2) for name in NAMES for task in ("bison-mini", "sparkleseval-mini")
    ]


@pytest.mark.parametrize("width", [40, 60, 76, 96, 116, 200])
@pytest.mark.parametrize("note", ["", "38 unscored", "3 unscored, waits until 21:14:02"])
def test_numbers_are_whole_and_bars_are_none_or_real(width: int, note: str) -> None:
    lines = [line.plain for line in layout(rows(note), width)]
    for line in lines:
        assert len(line) <= width and NUMBERS in line
        bar = line.count("━")
        assert bar == 0 or bar >= 8
    if width >= 76:
        shown = [line.partition(NUMBERS)[0].replace("━", "").strip() for line in lines]
        assert len(set(shown)) == len(shown), "names that are shortened stay different"


def test_names_are_shortened_in_the_middle() -> None:
    assert shorten("openai/qwen2.5-vl-7b-instruct-fp8", 20) == "openai/…instruct-fp8"
    assert [shorten("name", most) for most in (4, 3, 1)] == ["name", "n…e", "n"]


def test_more_bars_than_the_screen_has_lines_keep_those_at_work() -> None:
    many = [ProgressRow(f"model-{n}", "t", NUMBERS, "", 1.0 if n < 30 else 0.5) for n in range(40)]
    lines = [line.plain for line in layout(many, 80, most=12)]
    assert len(lines) == 12 and lines[-1] == "… and 29 more"
    assert all(f"model-{n} " in "\n".join(lines) for n in range(30, 40))


def test_counts_on_a_bar_are_its_own_and_names_are_shown_as_they_are() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, height=30)
    with Bars(console) as bars:
        bars.planned("my[/model]", "task[1]", 4, 1)
        bars.planned("other", "task[1]", 4, 4)
        bars.finished("my[/model]", "task[1]", scored=False)
        bars.spent(0.5, 38)
        bars.waiting("my[/model]", datetime.now().astimezone() + timedelta(seconds=60))
        bars.event("stopped", "my[/model]", "no [bold]key")
    shown = Screen(120)
    shown.write(screen.getvalue())
    mine = next(line for line in shown.text if line.startswith("my[/model] task[1]"))
    other = next(line for line in shown.text if line.startswith("other      task[1]"))
    assert "2/4" in mine and "1 unscored, waits until" in mine and "unknown cost" not in mine + other
    assert "4/4" in other and "4 from the store" in other and "unscored" not in other
    assert "my[/model]: no [bold]key" in shown.text
    assert any(line == "spent $0.5000 + 38 replies of unknown cost" for line in shown.text)


PROGRAM = """
import time
from sparkles_eval.api.run_progress import show_progress
with show_progress() as bars:
    for name in %r:
        bars.planned(name, "sparkleseval-mini", 60, 0)
    for step in range(60):
        for name in %r:
            bars.finished(name, "sparkleseval-mini", scored=True)
        bars.spent(0.0, step)
        if step == 30:
            print("\\x5eC", end="", flush=True)  # what a terminal writes for Ctrl-C
            bars.event("interrupted", "", "finishing 3 items in flight; press Ctrl-C again to end at once")
        time.sleep(0.02)
"""


@pytest.mark.parametrize("columns", [80, 100, 120])
def test_a_terminal_of_a_width_shows_one_line_a_model_and_leaves_nothing_behind(columns: int) -> None:
    code, screen, frames = run_in_terminal([sys.executable, "-c", PROGRAM % (NAMES, NAMES)], columns)
    assert code == 0
    for frame in frames:
        assert all(len(line) <= columns for line in frame)
    bars = [line for line in screen.text if re.search(r"\d+/60", line)]
    assert len(bars) == len(NAMES) and all("60/60" in line and "/s" in line for line in bars), screen.text
    assert sum("finishing 3 items" in line for line in screen.text) == 1
