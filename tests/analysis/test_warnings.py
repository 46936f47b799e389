"""Warnings: controls that get what they should not, and answers that a person should look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparkles_eval.analysis.warnings import control_warnings, scan_warnings
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store
from tests.analysis.making import RATER, fill


def test_controls_that_get_what_they_should_are_no_news(evaluated: Store) -> None:
    runs = read_runs.runs(evaluated)
    assert {run.model.name for run in runs if run.model.kind == "control"} == {
        "control/null",
        "control/shuffled",
        "control/gold",
    }
    assert control_warnings(evaluated, runs) == []


@pytest.mark.parametrize(
    ("name", "marks", "told"),
    [
        ("control/null", 5.0, "control/null on pairs: rater pays for fluent words that say nothing (5.00 on 1 to 10)"),
        ("control/shuffled", 7.0, "rater pays for right answers to other questions (7.00 on 1 to 10)"),
        ("control/gold", 6.0, "rater does not know the reference answer for a good one (6.00 on 1 to 10)"),
    ],
)
def test_a_judge_that_pays_for_the_wrong_thing(tmp_path: Path, name: str, marks: float, told: str) -> None:
    with Store(tmp_path / "s.db") as store:
        fill(store, {name: [marks] * 30}, judge=RATER, kind="control")
        (warning,) = control_warnings(store, read_runs.runs(store))
    assert told in warning


def test_a_rule_that_reads_what_is_not_there(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        fill(store, {"control/null": [1.0] * 3 + [0.0] * 27}, kind="control")
        (warning,) = control_warnings(store, read_runs.runs(store))
    assert "reads an option out of empty praise (10.0% right)" in warning


def test_runs_are_scanned_but_baselines_are_what_they_are(evaluated: Store) -> None:
    runs = read_runs.runs(evaluated)
    assert scan_warnings(evaluated, runs) == []
