"""The store that the comparison is measured on is one that it can compare."""

from __future__ import annotations

from pathlib import Path

from benchmarks.compare import TASKS, make
from sparkles_eval.analysis.compare import compare


def test_every_task_of_the_store_is_compared(tmp_path: Path) -> None:
    make(tmp_path / "s.db", models=4, items=120)
    found = compare(tmp_path / "s.db").comparisons
    assert [(len(each.matrix.items), len(each.pairs)) for each in found] == [(120, 6)] * len(TASKS)
    assert {pair.test for each in found for pair in each.pairs} == {"McNemar mid-p", "sign flips, exact", "paired t"}
