"""`run --part K/N`: jobs that share one run, merged, are the run that one process would have made."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from sparkles_eval.cli.app import app
from sparkles_eval.publishing.verify import verify_file
from tests.end_to_end.running import rows, tables


def invoke(*args: str) -> str:
    result = CliRunner().invoke(app, list(args), env={"COLUMNS": "160"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_parts_of_a_run_become_the_whole_run(tmp_path: Path) -> None:
    run = ["run", "-t", "nlvr2-mini", "-t", "sparkleseval-mini", "-m", "baseline/chance", "-m", "baseline/echo"]
    run += ["--epochs", "2", "--judge", "facts", "--no-report", "--plain"]
    invoke(*run, "--store", str(tmp_path / "whole.db"))
    jobs = [tmp_path / f"{job}.db" for job in (1, 2, 3, 4, 5)]
    for number, job in enumerate(jobs, 1):
        told = invoke(*run, "--store", str(job), "--part", f"{number}/5")
        assert "not answered yet" in told
    asked = [len(rows(job, "SELECT run_id FROM answers")) for job in jobs]
    assert sum(asked) == len(rows(tmp_path / "whole.db", "SELECT run_id FROM answers")) and min(asked) > 0
    together = tmp_path / "all.db"
    invoke("merge", *map(str, jobs), "--into", str(together))
    assert tables(together) == tables(tmp_path / "whole.db")
    assert verify_file(together).sound
    before = rows(together, "SELECT count(*) FROM responses")
    invoke(*run, "--store", str(together))
    assert rows(together, "SELECT count(*) FROM responses") == before


def test_a_part_asked_again_asks_nothing_and_estimates_its_share(tmp_path: Path) -> None:
    run = ["run", "-t", "nlvr2-mini", "-m", "baseline/chance", "--part", "2/4", "--store", str(tmp_path / "a.db")]
    assert " 15 " in invoke(*run, "--estimate")
    invoke(*run, "--no-report")
    assert "15 items, 15 from the store" in invoke(*run, "--no-report", "--plain")
