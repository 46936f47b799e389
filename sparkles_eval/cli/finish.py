"""Ends `run` and `judge`: prints metrics and tables, writes the report, sets the exit code."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import typer

from sparkles_eval.analysis.run_health import RunHealth, run_health
from sparkles_eval.analysis.summary import Summary, summarise
from sparkles_eval.analysis.warnings import warnings
from sparkles_eval.api.frames import leaderboard_rows
from sparkles_eval.cli.json_output import write_json
from sparkles_eval.core.printing import make_console
from sparkles_eval.core.text import quantity
from sparkles_eval.engine.run import RunOutcome
from sparkles_eval.reports.terminal_table import print_health, print_tables
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store


def _result(summary: Summary, outcome: RunOutcome, report: Path | None, health: Sequence[RunHealth]) -> dict[str, Any]:
    """The result as JSON has it."""
    return {
        "store": str(summary.store),
        "report": None if report is None else str(report),
        "ending": outcome.ending,
        "runs": list(outcome.run_ids),
        "unscored": outcome.unscored,
        "spent_usd": outcome.spent_usd,
        "replies_of_unknown_cost": outcome.unknown_costs,
        "stopped": [{"model": one.model, "reason": one.reason, "unasked": one.unasked} for one in outcome.stopped],
        "reply_times": {one.run: [part.json for part in one.times] for one in health if one.times},
        "leaderboard": leaderboard_rows(summary),
    }


EXIT_UNSCORED = 3
EXIT_INTERRUPTED = 130


def typed_command() -> str:
    """The command line that this process was started with."""
    program = Path(sys.argv[0]).name
    if program == "__main__.py":
        return f"python -m sparkles_eval {shlex.join(sys.argv[1:])}"
    return shlex.join([program, *sys.argv[1:]])


def finish(
    store: Store,
    outcome: RunOutcome,
    report: Path | None,
    json: Path | None = None,
    *,
    final: Collection[str] = (),
) -> None:
    """Compute and print the metrics, and write the report. Raises typer.Exit unless everything is scored.

    `final` are reasons for missing scores that the same command again does not change.
    """
    summary = summarise(store, outcome.run_ids)
    runs = read_runs.runs(store, outcome.run_ids)
    health = run_health(store, runs)
    # With the JSON on standard output, people read the rest on standard error.
    console = make_console(stderr=write_json(json, _result(summary, outcome, report, health)))
    print_tables(summary, console)
    print_health(health, console)
    for warning in warnings(store, runs):
        console.print(f"warning: {warning}", style="yellow", markup=False, highlight=False)
    if report is not None:
        from sparkles_eval.reports.report import render_report

        render_report(store, summary, report)
        console.print(f"report  {report}", highlight=False)
    console.print(f"store   {store.path}", highlight=False)
    for stopped in outcome.stopped:
        left = f"{stopped.unasked} of its requests were not sent; resume with: {typed_command()}"
        console.print(f"{stopped.model} was stopped: {stopped.reason}; {left}", style="yellow", markup=False)
    if outcome.ending == "interrupted":
        console.print("[yellow]interrupted; run the same command again to resume[/]")
        raise typer.Exit(EXIT_INTERRUPTED)
    if outcome.unscored:
        found = {reason for panel in summary.panels for one in panel.entries for reason, _ in one.coverage.reasons}
        advice = "; run the same command again to retry what failed" if found - set(final) else ""
        console.print(
            f"[yellow]{quantity(outcome.unscored, 'item is', 'items are')} unscored (reasons above){advice}[/]"
        )
        raise typer.Exit(EXIT_UNSCORED)
