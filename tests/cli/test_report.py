"""`sparkles-eval report` by the words of its user: a file, a site, a part of the store, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparkles_eval.cli.app import app
from sparkles_eval.core.errors import UserError
from tests.reports.crowd import crowd


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crowd")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARKLES_CACHE", str(folder / "cache"))
        with crowd(folder / "crowd.db", items=8) as made:
            made.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder / "crowd.db"


def report(store: Path, *args: str) -> str:
    told = CliRunner().invoke(
        app, ["report", "--store", str(store), "--no-figures", *args], env={"COLUMNS": "200"}, catch_exceptions=False
    )
    assert told.exit_code == 0, told.output
    return " ".join(told.output.split())


def test_a_name_with_html_is_a_file_and_any_other_a_site(store: Path, tmp_path: Path) -> None:
    assert f"report {tmp_path / 'r.html'}" in report(store, "--out", str(tmp_path / "r.html"), "--samples", "1")
    told = report(store, "--out", str(tmp_path / "public"), "--samples", "1", "--title", "Our leaderboard")
    assert f"site {tmp_path / 'public' / 'index.html'}" in told
    assert "Our leaderboard" in (tmp_path / "public" / "index.html").read_text(encoding="utf-8")
    assert (tmp_path / "public" / "downloads" / "sparkles.db").is_file()


def test_by_default_it_lies_beside_the_store(store: Path, tmp_path: Path) -> None:
    mine = Path(shutil.copy(store, tmp_path / "mine.db"))
    report(mine, "--samples", "1")
    report(mine, "--samples", "1", "--site", "--no-store")
    assert (tmp_path / "mine.html").is_file() and (tmp_path / "mine" / "index.html").is_file()
    assert not (tmp_path / "mine" / "downloads" / "sparkles.db").exists()


def test_a_judge_and_a_protocol_narrow_tables_and_pages(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    told = report(store, "--out", str(out), "--judge", "stern-reader", "--protocol", "strict", "--samples", "1")
    assert "scored by stern-reader" in told and "careful-reader" not in told and "paper protocol" not in told
    html = out.read_text(encoding="utf-8")
    assert "view-strict-v1-stern-reader-57e257e2" in html and "view-paper-v1" not in html
    with pytest.raises(UserError, match="no judge of these runs is called so"):
        report(store, "--judge", "nobody", "--out", str(out))


def test_an_audit_stands_on_the_judge_page(store: Path, tmp_path: Path) -> None:
    tables = tmp_path / "facts.json"
    command = ["judges", "audit", "facts", "--budget", "60", "--store", str(tmp_path / "a.db"), "--json", str(tables)]
    told = CliRunner().invoke(app, command, catch_exceptions=False)
    assert told.exit_code == 0, told.output
    assert json.loads(tables.read_text(encoding="utf-8"))[0]["table"] == "audit-findings"
    report(store, "--site", "--out", str(tmp_path / "s"), "--samples", "1", "--audit", str(tables))
    html = (tmp_path / "s" / "judges.html").read_text(encoding="utf-8")
    assert "Audit: facts" in html and "What facts sees and resists" in html and "Facts are left out" in html


def test_runs_that_are_named_are_shown_alone(store: Path, tmp_path: Path) -> None:
    listed = CliRunner().invoke(app, ["list", "runs", "--store", str(store)], env={"COLUMNS": "200"})
    run = next(line.split()[0] for line in listed.output.splitlines() if "demo/middle" in line)
    told = report(store, run, "--site", "--out", str(tmp_path / "s"), "--samples", "1")
    assert "The store was left out: it holds 17 runs that this report does not show." in told
    assert [path.name for path in (tmp_path / "s" / "models").iterdir()] == ["demo--middle.html"]
