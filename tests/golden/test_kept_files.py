"""A store and a bundle that an earlier version made are read by every command, and mean what they meant.

The numbers of the store itself are held by test_frozen_numbers.py, as the case `kept`.
"""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.end_to_end.running import here, rows
from tests.golden.frozen_files import differences, read
from tests.golden.frozen_numbers import Value, holds_all, leaderboard, report, scores, verified
from tests.golden.frozen_stores import KEPT


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return Path(shutil.copy(KEPT / "store.db", tmp_path / "s.db"))


def frozen(part: str) -> Value:
    """What was frozen of the kept store."""
    return read("kept")[part]


def test_a_kept_store_is_listed_and_reported(store: Path, tmp_path: Path) -> None:
    done = here("list", "runs", "--store", str(store))
    assert done.code == 0
    assert all(str(run) in done.out for (run,) in rows(store, "SELECT id FROM runs"))
    done = here("report", "--store", str(store), "--out", str(tmp_path / "report.html"))
    assert done.code == 0, done.shown
    assert not [*differences(frozen("report"), report(store, tmp_path / "site", ranks=True))]
    assert not [*differences(frozen("leaderboard"), leaderboard(store))]


def test_a_kept_store_goes_on(store: Path) -> None:
    """What an earlier version wrote stands, and a later one adds to it."""
    done = here("run", "-t", "bison-mini", "--task-arg", "n=4", "-m", "baseline/oracle", "--store", str(store))
    assert done.code == 0, done.shown
    made = {line: values for line, values in leaderboard(store).items() if not line.startswith("bison-mini")}
    assert holds_all(frozen("leaderboard"), made)
    assert not [*differences(frozen("scores"), scores(store))]


def test_a_kept_bundle_is_sound_and_makes_a_leaderboard(store: Path, tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    bundles.mkdir()
    shutil.copy(KEPT / "bundle.zip", bundles)
    with zipfile.ZipFile(KEPT / "bundle.zip") as archive:
        inside = Path(archive.extract("store.db", tmp_path))
    expected = frozen("verify")
    assert isinstance(expected, dict)
    assert verified(inside) | {"estimates": expected["estimates"]} == expected, "that version had fewer metrics"
    assert holds_all(frozen("leaderboard"), leaderboard(inside))
    done = here("leaderboard", "build", str(bundles), "--out", str(tmp_path / "board"), "--no-figures")
    assert done.code == 0, done.shown
    said = json.loads((tmp_path / "board" / "bundles.json").read_text(encoding="utf-8"))
    (accepted,) = said["accepted"]
    assert not said["refused"] and accepted["contact"] == "me@example.org"
    assert sorted(accepted["runs"]) == [run for (run,) in rows(store, "SELECT id FROM runs ORDER BY id")]
    shown = [json.loads(file.read_text(encoding="utf-8")) for file in (tmp_path / "board" / "downloads").glob("*.json")]
    values = {(row["run"], row["metric"], row["value"]) for (table,) in shown for row in table["rows"] if "run" in row}
    assert values >= {*rows(inside, "SELECT run, metric, value FROM leaderboard")}
