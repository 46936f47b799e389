"""Holds exports of a store against its views: the same scores and numbers, all of them, so that none is kept twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.end_to_end.running import here
from tests.golden.frozen_numbers import Value, numbers_of, query

_SCORE = ("run", "judge_id", "sample_id", "epoch", "repeat", "turn", "criterion", "value", "answer", "reason")


def check_exports(store: Path, folder: Path) -> None:
    """Assert that every form of export says what the views `item_scores` and `leaderboard` say."""
    for form in ("jsonl", "inspect-jsonl", "parquet", "model-index", "results-json"):
        done = here("export", "--as", form, "--store", str(store), "--out", str(folder / form))
        assert done.code == 0, done.shown
    items = query(store, "SELECT * FROM item_scores")
    scored = sorted(_cells(row, *_SCORE) for row in items)
    assert (
        sorted(_cells({**row, **score}, *_SCORE) for row in _lines(folder / "jsonl") for score in row["scores"])
        == scored
    )
    given = [_cells(row, "run", "sample_id", "value") for row in items if row["value"] is not None]
    assert sorted(_inspected(folder / "inspect-jsonl")) == sorted(given)
    known = {(run, metric, *n[:5]) for (run, metric), found in numbers_of(store).items() for n in found}
    # Runs of a model that differ in repetitions alone share a name in this form, and one of them stands there.
    said, names = set(_resulting(folder / "results-json")), _names(store)
    assert said <= known
    assert {(names[row[0]], row[1]) for row in said} == {(names[row[0]], row[1]) for row in known}
    # The best and the worst case of an accuracy are no results of a model card.
    listed = {row for row in known if not str(row[1]).endswith(("_best", "_worst"))}
    assert set(_indexed(folder / "model-index")) == listed
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    rows = parquet.read_table(folder / "parquet").to_pylist()
    assert sorted(_cells(row, *_SCORE) for row in rows) == scored


def _names(store: Path) -> dict[Value, tuple[Value, ...]]:
    """What each run asked whom, but for how often."""
    rows = query(store, "SELECT id, model_id, task_id, protocol, variant FROM runs")
    return {run: tuple(rest) for run, *rest in (row.values() for row in rows)}


def _cells(row: Mapping[str, Value], *names: str) -> str:
    """Cells as text that sorts, numbers as numbers whatever their type."""
    return json.dumps([float(v) if isinstance(v := row[name], int) else v for name in names])


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    for line in file.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def _inspected(file: Path) -> Iterator[str]:
    for line in _lines(file):
        for score in line["scores"].values():
            values = score["value"].values() if isinstance(score["value"], dict) else [score["value"]]
            for value in values:
                yield _cells({**line["metadata"], "value": value}, "run", "sample_id", "value")


def _indexed(file: Path) -> Iterator[tuple[Value, ...]]:
    for model in yaml.safe_load(file.read_text(encoding="utf-8"))["model-index"]:
        for metric in (metric for result in model["results"] for metric in result["metrics"]):
            args = metric["args"]
            low, high = args["interval"] or (None, None)
            yield args["run"], metric["type"], metric["value"], low, high, args["n"], args["asked"]


def _resulting(folder: Path) -> Iterator[tuple[Value, ...]]:
    for file in [folder] if folder.is_file() else folder.glob("*.json"):
        said = json.loads(file.read_text(encoding="utf-8"))
        for name, values in said["results"].items():
            for key in values:
                metric, _, scorer = key.partition(",")
                if f"{metric}_n,{scorer}" in values:
                    rest = [values[f"{metric}_{part},{scorer}"] for part in ("low", "high", "n", "total")]
                    yield said["configs"][name]["metadata"]["run"], metric, values[key], *rest
