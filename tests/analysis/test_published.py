"""Published totals: what they allow, and what they do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.analysis.compare import compare
from sparkles_eval.analysis.published import published
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.store import Store
from tests.analysis.making import RATER, RULE, RUN, counts, fill


def made(path: Path, task: str, scores: dict[str, list[float | None]], judge: JudgeRow, args: str) -> Store:
    store = Store(path / "s.db")
    fill(store, scores, run=replace(RUN, task=task), judge=judge)
    store.connection.execute("UPDATE tasks SET args = ?", (args,))
    return store


def test_the_shipped_numbers_are_those_of_the_publication() -> None:
    rows = {
        (task, row.model): row.value if row.right is None else row.right
        for task in ("sparkleseval", "bison", "nlvr2")
        if (numbers := published(task))
        for row in numbers.rows
    }
    assert rows == {
        ("sparkleseval", "GPT-4 (text only, reads captions)"): 9.26,
        ("sparkleseval", "SparklesChat 7B"): 8.56,
        ("sparkleseval", "MiniGPT-4 7B"): 3.91,
        ("bison", "SparklesChat 7B"): 85,
        ("bison", "MiniGPT-4 7B"): 69,
        ("nlvr2", "SparklesChat 7B"): 87,
        ("nlvr2", "MiniGPT-4 7B"): 77,
    }
    assert published("bison-mini") is None
    assert published("../tasks/bison") is None


def test_accuracies_get_bounds_of_mcnemar(tmp_path: Path) -> None:
    with made(tmp_path, "bison", counts(60, 25, 9, 56), RULE, '{"source": "official"}') as store:
        found = compare(store, "a", "b")
    bounds = {(row.model, row.reference): row for row in found.comparisons[0].totals}
    row = bounds["b", "SparklesChat 7B"]  # 69 of 150 against 85 of 150
    assert row.p_low == pytest.approx(3.05e-5, rel=0.01) and row.p_high == pytest.approx(0.2143, abs=5e-5)
    assert "totals cannot decide it" in row.said
    assert bounds["a", "SparklesChat 7B"].difference == pytest.approx(0, abs=5e-4)
    (table,) = [table for table in found.tables if table.name == "published"]
    assert "PUBLISHED, totals only" in {head.title for head in table.heads}
    assert "arXiv 2308.16463" in table.notes[0]


def test_scores_get_the_least_favourable_spread(tmp_path: Path) -> None:
    scores: dict[str, list[float | None]] = {"a": [*[9.0] * 75, *[8.0] * 75], "b": [8.5] * 150}
    with made(tmp_path, "sparkleseval", scores, RATER, '{"source": "official"}') as store:
        found = compare(store, "a", "b").comparisons[0].totals
    by_reference = {row.reference: row for row in found if row.model == "a"}
    assert "significant as a difference of means whatever" in by_reference["MiniGPT-4 7B"].said
    assert "significant only if the SD" in by_reference["SparklesChat 7B"].said
    assert all("another judge" in row.said for row in found)


def test_other_items_are_not_set_beside_them(tmp_path: Path) -> None:
    with made(tmp_path, "bison", counts(60, 25, 9, 56), RULE, '{"source": "full"}') as store:
        assert compare(store, "a", "b").comparisons[0].totals == ()
