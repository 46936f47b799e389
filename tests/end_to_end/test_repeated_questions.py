"""A question that stands under several ids is one independent unit in intervals, and a person reads so."""

from __future__ import annotations

import json
from pathlib import Path

from tests.end_to_end.running import here, rows

_TASK = """\
name: small
version: 1
title: Small
description: A test.
loader: jsonl
args: {samples: samples.jsonl}
metrics: [accuracy]
protocols:
  strict: {prompt: prompt.md.j2, answer: strict, generation: {temperature: 0, max_tokens: 20}}
"""


def asked(folder: Path, questions: list[str]) -> tuple[int, int, str]:
    """(items, independent units, what was printed) of a task with these questions, each under an id of its own."""
    folder.mkdir()
    (folder / "task.yaml").write_text(_TASK, encoding="utf-8")
    (folder / "README.md").write_text("# Small\n", encoding="utf-8")
    (folder / "prompt.md.j2").write_text("{{ content }}\n", encoding="utf-8")
    lines = [
        {"id": f"q{number}", "text": text, "options": ["A", "B"], "target": "AB"[number % 2]}
        for number, text in enumerate(questions)
    ]
    (folder / "samples.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    store = folder.with_suffix(".db")
    done = here("run", "-t", str(folder), "-m", "baseline/constant", "--store", str(store), "--no-report")
    assert done.code == 0, done.shown
    verified = here("verify", str(store))
    assert verified.code == 0, verified.shown
    ((n, clusters),) = rows(store, "SELECT n, clusters FROM leaderboard WHERE metric = 'accuracy'")
    return int(str(n)), int(str(clusters)), done.shown


def test_repeated_questions_count_once(tmp_path: Path) -> None:
    words = [f"Which cup is in picture {number}?" for number in range(12)]
    n, clusters, shown = asked(tmp_path / "once", words)
    assert (n, clusters) == (12, 12) and "several ids" not in shown
    n, clusters, shown = asked(tmp_path / "twice", [*words, *words[:5]])
    assert (n, clusters) == (17, 12)
    assert "17 items" in shown and "in intervals and tests each question counts once" in shown
