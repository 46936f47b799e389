"""The commands of evidence from the command line: altered runs, controls, tables, files, errors."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from sparkles_eval.analysis.tables import Head, Span, Table
from sparkles_eval.cli.app import app
from sparkles_eval.cli.options import TableFiles
from sparkles_eval.cli.table_output import present, write
from sparkles_eval.core.errors import UserError
from sparkles_eval.reports.toolkit.table_files import csv_text, json_text, latex_text


def run(*args: str) -> str:
    """What `sparkles-eval ARGS` prints, in one line."""
    found = CliRunner().invoke(app, args, env={"COLUMNS": "240"}, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return " ".join(found.output.split())


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    """A store with both baselines as they are and in both orders, and controls."""
    store = tmp_path / "s.db"
    base = ("run", "-t", "bison-mini", "--task-arg", "n=40", "-m", "baseline/chance", "-m", "baseline/oracle")
    run(*base, "--controls", "--store", str(store), "--no-report")
    run(*base, "--orders", "both", "--store", str(store), "--no-report")
    return store


def test_controls_stand_beside_and_orders_are_their_own_run(asked: Path) -> None:
    shown = run("list", "runs", "--store", str(asked))
    assert shown.count("control/") == 3 and "80/80" in shown
    shown = run("ablations", "--store", str(asked))
    assert "Both image orders" in shown and "bison-mini baseline/oracle 40" in shown


def test_compare_prints_what_it_writes(asked: Path, tmp_path: Path) -> None:
    files = [str(tmp_path / f"out.{kind}") for kind in ("json", "csv", "tex")]
    shown = run(
        *("compare", "baseline/chance", "baseline/oracle", "--store", str(asked)),
        *("--json", files[0], "--csv", files[1], "--latex", files[2]),
    )
    assert "On BISON (mini) (40 items), baseline/chance reaches" in shown
    tables = {table["table"]: table for table in json.loads(Path(files[0]).read_text())}
    (pair,) = tables["pairs"]["rows"]
    with (tmp_path / "out-pairs.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["difference_low"]) == pair["difference_low"] and row["test"] == "McNemar exact"
    told = f"{100 * pair['difference']:.1f} [{100 * pair['difference_low']:.1f}, {100 * pair['difference_high']:.1f}]"
    assert told in shown and told in Path(files[2]).read_text()


def test_variance_and_plan(asked: Path) -> None:
    assert "run --epochs 3" in run("variance", "--store", str(asked))
    assert "150 7.2 10.1 12.4 14.4 16.0" in run("plan", "-n", "150")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("compare", "a", "b"), "no run of a, b; it has runs of baseline/chance"),
        (("compare", "baseline/chance", "baseline/oracle", "--non-inferior", "0"), "give a margin above 0"),
        (("variance", "x"), "no scored run of that name"),
        (("ablations", "control/null"), "no altered run"),
    ],
)
def test_mistakes_are_told(asked: Path, args: tuple[str, ...], told: str) -> None:
    with pytest.raises(UserError, match=told):
        run(*args, "--store", str(asked))


# --- tables -------------------------------------------------------------------------------------------------------

HOSTILE = "=cmd|' /C calc'!A0\x1b[31m_%&"
TABLE = Table(
    "t",
    "50% & more",
    (Head("name", "name"), Head("value", "value [95%]", "percent"), Head("p", "p", "p"), Head("n", "n", "count")),
    ((HOSTILE, Span(0.5, 0.4, 0.61), 0.0004, 1225), ("plain", Span(None), None, None)),
    ("a note",),
)


def test_text_from_anywhere_is_inert_in_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    present([TABLE], TableFiles())
    shown = capsys.readouterr().out
    assert "\x1b[31m" not in shown and "50.0 [40.0, 61.0]" in shown and "<.001" in shown and "1,225" in shown
    assert csv_text(TABLE).splitlines()[1].startswith("'=cmd")
    tex = latex_text(TABLE)
    assert r"\_\%\&" in tex and "\x1b" not in tex and r"50\% \& more" in tex and r"$<$.001" in tex
    (read,) = json.loads(json_text([TABLE]))
    assert read["rows"][1] == {
        "name": "plain",
        "value": None,
        "value_low": None,
        "value_high": None,
        "p": None,
        "n": None,
    }


def test_a_wide_table_is_turned_and_a_long_one_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    heads = tuple(Head(f"column{number}", f"column {number}", "count") for number in range(12))
    present([Table("wide", "wide", heads, ((*range(12),),))], TableFiles())
    assert "column 11" in capsys.readouterr().out.replace("\n", " ")
    present([Table("long", "long", heads[:1], tuple((n,) for n in range(500)))], TableFiles())
    shown = capsys.readouterr().out
    assert "490 more rows" in shown and len(shown.splitlines()) < 20
    assert Console().width == 60


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write([TABLE], TableFiles(json=tmp_path / "file" / "x.json"))
