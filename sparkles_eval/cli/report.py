"""`sparkles-eval report`: tables and the HTML report of stored runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.cli import options


def report(
    run: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Run ids (`list runs`). Default: all.")
    ] = None,
    store: options.StorePath = options.DEFAULT_STORE,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Default: beside the store.")] = None,
) -> None:
    """Print the tables of stored runs and write their HTML report: one file that can be sent to anybody.

    [bold]Example[/bold]

      sparkles-eval report --store runs/sparkles.db --out report.html
    """
    from rich.console import Console

    from sparkles_eval.reports.render import render_report
    from sparkles_eval.reports.summary import summarise
    from sparkles_eval.reports.table import print_tables
    from sparkles_eval.store.store import Store

    console = Console()
    with Store(store, create=False) as opened:
        summary = summarise(opened, run or None)
        print_tables(summary, console)
        path = render_report(opened, summary, out or store.with_suffix(".html"))
    console.print(f"report  {path}", highlight=False)
