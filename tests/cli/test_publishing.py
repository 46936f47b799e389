"""Publishing from the command line: exit codes, what is printed, files, errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from tests.end_to_end.running import here, rows
from tests.publishing.making import edited, runs_of


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two baselines on twelve pairs."""
    path = tmp_path / "s.db"
    models = ("-m", "baseline/oracle", "-m", "baseline/chance")
    done = here("run", "-t", "bison-mini", "--task-arg", "n=12", *models, "--store", str(path), "--no-report")
    assert done.code == 0
    return path


def test_verify_says_what_was_checked_and_what_is_wrong(store: Path, tmp_path: Path) -> None:
    done = here("verify", str(store))
    assert done.code == 0 and "everything follows from what was asked and said" in done.shown
    assert "2 runs, 12 samples, 24 requests, 24 answers" in done.shown
    with edited(store) as db:
        db.execute("UPDATE scores SET value = 1 - value WHERE run_id = ?", (runs_of(store)[0],))
    done = here("verify", str(store), "--json", str(tmp_path / "found.json"))
    assert done.code == 1 and "is 0 (read as IMAGE#" in done.shown and "12 findings" in done.shown
    found = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert not found["sound"] and {finding["table"] for finding in found["findings"]} == {"scores"}
    done = here("verify", str(store), "--json", "-")
    assert done.code == 1 and json.loads(done.out) == found


def test_merge_says_what_was_added_and_refuses_contradictions(store: Path, tmp_path: Path) -> None:
    into = tmp_path / "all.db"
    done = here("merge", str(store), "--into", str(into))
    assert done.code == 0 and "2 runs, 12 samples, 24 responses, 24 answers, 24 scores" in done.shown
    assert rows(into, "SELECT count(*) FROM leaderboard") != [(0,)]
    assert "nothing new" in here("merge", str(store), "--into", str(into)).shown
    with edited(store) as db:
        db.execute("UPDATE responses SET text = 'other'")
    with pytest.raises(UserError, match="24 conflicts"):
        here("merge", str(store), "--into", str(into))
    done = here("merge", str(store), "--into", str(into), "--keep", "first")
    assert done.code == 0 and done.err.count("left out:") == 24


def test_bundles_make_a_leaderboard(store: Path, tmp_path: Path) -> None:
    bundles = tmp_path / "bundles"
    assert here("submit", "--store", str(store), "--out", str(tmp_path / "all.zip")).shown.count("baseline/") == 2
    for number, run in enumerate(runs_of(store)):
        out = bundles / f"{number}.zip"
        done = here("submit", run, "--store", str(store), "--out", str(out), "--contact", "me@example.org")
        assert done.code == 0 and f"{run} baseline/" in done.shown and out.is_file()
    build = ("leaderboard", "build", str(bundles), "--out", str(tmp_path / "site"), "--no-figures")
    done = here(*build)
    assert done.code == 0 and "accepted 0.zip: baseline/oracle on bison-mini" in done.shown
    assert (tmp_path / "site" / "index.html").is_file()
    (bundles / "bad.zip").write_bytes(b"PK")
    done = here(*build)
    assert done.code == 1 and "refused bad.zip is no zip archive" in done.shown


def test_exports_are_printed_or_written(store: Path, tmp_path: Path) -> None:
    first = runs_of(store)[0]
    assert here("export", first, "--as", "model-index", "--store", str(store)).out.startswith("model-index:")
    out = tmp_path / "x.jsonl"
    done = here("export", "--as", "jsonl", "--store", str(store), "--out", str(out))
    assert done.code == 0 and f"written {out}" in done.shown
    assert len(out.read_text(encoding="utf-8").splitlines()) == 24


def test_what_cannot_be_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such store"):
        here("verify", str(tmp_path / "none.db"))
    with pytest.raises(UserError, match="name the task that these answers are to with --task"):
        here("import", str(tmp_path / "x.json"), "--store", str(tmp_path / "s.db"))
