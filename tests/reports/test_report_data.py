"""The files of numbers: every format says the same, with intervals and n, and none of them can do harm."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from sparkles_eval.analysis.leaderboard import leaderboard
from sparkles_eval.analysis.summary import summarise
from sparkles_eval.reports.report_data import Download, downloads
from sparkles_eval.store.store import Store
from tests.reports import hostile


@pytest.fixture
def made(crowded: Store) -> dict[str, Download]:
    summary = summarise(crowded, min_coverage=0.9)
    return {one.id: one for one in downloads(leaderboard(summary), summary)}


def text(download: Download, kind: str) -> str:
    return next(file.text for file in download.files if file.kind == kind)


def rows(download: Download) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text(download, "CSV"))))


def test_every_view_and_every_panel_has_its_files(made: dict[str, Download]) -> None:
    assert list(made) == [
        "leaderboard-strict-v1-careful-reader-c0ffeec0",
        "leaderboard-strict-v1-stern-reader-57e257e2",
        "leaderboard-paper-v1",
        "leaderboard-strict-v1-images-dropped-2a14e6",
        "bison-mini-v1-strict",
        "nlvr2-mini-v1-strict",
        "sparkleseval-mini-v1-strict-careful-reader-c0ffeec0",
        "sparkleseval-mini-v1-strict-stern-reader-57e257e2",
        "bison-mini-v1-paper",
        "bison-mini-v1-strict-images-dropped-6f81fb",
    ]
    for download in made.values():
        names = [file.name for file in download.files]
        assert names == [f"{download.id}.{ending}" for ending in ("csv", "json", "tex", "md")]


def test_csv_and_json_have_every_number_unrounded_with_interval_and_n(made: dict[str, Download]) -> None:
    panel = made["bison-mini-v1-strict"]
    hasty = {row["metric"]: row for row in rows(panel) if row["model"] == "demo/hasty"}
    assert float(hasty["accuracy"]["value"]) == 20 / 34
    assert (hasty["accuracy"]["n"], hasty["accuracy"]["total"]) == ("34", "36")
    assert float(hasty["accuracy"]["value_low"]) < 20 / 34 < float(hasty["accuracy"]["value_high"])
    assert (hasty["accuracy"]["rank_low"], hasty["accuracy"]["rank_high"], hasty["accuracy"]["letters"]) == (
        "1",
        "3",
        "ab",
    )
    assert float(hasty["invalid"]["value"]) == pytest.approx(9 / 34) and hasty["validity"]["rank_low"] == ""
    (read,) = json.loads(text(panel, "JSON"))
    assert [row["value"] for row in read["rows"]] == [float(row["value"]) for row in rows(panel)]
    assert {row["metric"] for row in read["rows"]} >= {"accuracy", "validity", "accuracy_worst", "accuracy_best"}
    assert any("scored by strict" in note for note in read["notes"])
    dialogues = made["sparkleseval-mini-v1-strict-stern-reader-57e257e2"]
    assert {"A1.C1", "A2.C3", "sparkles_score", "A1"} <= {row["metric"] for row in rows(dialogues)}


def test_latex_and_markdown_are_tables_to_print(made: dict[str, Download]) -> None:
    tex = text(made["leaderboard-strict-v1-careful-reader-c0ffeec0"], "LaTeX")
    assert r"\toprule" in tex and r"\midrule" in tex and r"\bottomrule" in tex
    assert "demo/hasty & model & 58.8 [42.2, 73.6] & 34 of 36 & 1-3 ab" in tex
    assert "guessing & guessing & 50.0 &" in tex
    markdown = text(made["bison-mini-v1-strict"], "Markdown")
    line = next(line for line in markdown.splitlines() if line.startswith("| demo/hasty"))
    assert r"58.8 \[42.2, 73.6\]" in line and "34 of 36" in line and "1-3 ab" in line
    assert r"26.5 \[14.6, 43.1\]" in line


def test_a_view_has_what_stands_apart_named_as_such(made: dict[str, Download]) -> None:
    found = {row["model"]: row for row in rows(made["leaderboard-strict-v1-careful-reader-c0ffeec0"])}
    assert [found[name]["kind"] for name in ("demo/careful", "guessing", "baseline/chance", "control/null")] == [
        "model",
        "guessing",
        "baseline",
        "control",
    ]
    assert found["guessing"]["bison-mini_accuracy_1_n"] == ""
    assert found["demo/hasty"]["bison-mini_accuracy_1_rank_low"] == "1"
    assert float(found["demo/careful"]["bison-mini_accuracy_1"]) == pytest.approx(30 / 36)


def test_hostile_names_run_nowhere(tmp_path: Path) -> None:
    with hostile.build(tmp_path / "h.db") as store:
        summary = summarise(store)
        found = downloads(leaderboard(summary), summary)
    for download in found:
        for file in download.files:
            assert file.name.isascii() and "/" not in file.name and ".." not in file.name
            assert not any(char in file.text for char in "\x00\x1b\u202e\u2066\u200b"), file.name
        tex = text(download, "LaTeX").replace(r"\ifdim\width>\linewidth", "")
        assert not re.search(r"(?<![$])[<>]|[<>](?![$])", tex)
        assert not re.search(r"(?<!\\)[<>]", text(download, "Markdown"))
