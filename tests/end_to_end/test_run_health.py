"""A run whose replies are ill as a whole says so in the terminal and in its report, whatever each item's reason is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.running import here, models
from tests.server import LoopbackServer


@pytest.mark.parametrize(
    ("persona", "line"),
    [
        ("truncated", "6 of 6 replies were cut off at the token limit (max_tokens=500)"),
        ("empty", "6 of 6 replies were empty: no text at all"),
        ("refuser", "6 of 6 replies were refused or filtered"),
        ("filtered", "6 of 6 replies were refused or filtered"),
    ],
)
def test_replies_that_are_ill_as_a_whole(server: LoopbackServer, tmp_path: Path, persona: str, line: str) -> None:
    store, page = tmp_path / "s.db", tmp_path / "r.html"
    task = ["-t", "nlvr2-mini", "--task-arg", "n=6", "--generation", "max_tokens=500"]
    done = here("run", *task, *models(server, f"openai/{persona}"), "--store", str(store), "--no-report")
    assert done.shown.count("Run health") == 1
    assert f"openai/{persona} on nlvr2-mini 6 replies {line}" in done.shown
    here("report", "--store", str(store), "--out", str(page), "--no-figures")
    assert line in page.read_text(encoding="utf-8")


def test_a_healthy_run_has_no_block(server: LoopbackServer, tmp_path: Path) -> None:
    task = ["-t", "nlvr2-mini", "--task-arg", "n=6"]
    done = here("run", *task, *models(server, "openai/good"), "--store", str(tmp_path / "s.db"), "--no-report")
    assert done.code == 0 and "Run health" not in done.shown
