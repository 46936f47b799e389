"""`sparkles-eval variance`: where the uncertainty comes from, and what to buy next."""

from __future__ import annotations

from typing import Annotated

import typer

from sparkles_eval.cli import options
from sparkles_eval.cli.table_output import CsvPath, JsonPath, LatexPath, TableFiles, present


def variance(
    model: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="Names or run ids. Default: every scored run.")
    ] = None,
    task: Annotated[str | None, typer.Option("--task", "-t", help="Only this task.")] = None,
    judge: Annotated[str | None, typer.Option(help="Only scores by this judge (name or fingerprint).")] = None,
    store: options.StorePath = options.DEFAULT_STORE,
    json: JsonPath = None,
    csv: CsvPath = None,
    latex: LatexPath = None,
    plugin: options.Plugins = None,  # noqa: ARG001 - the option loads it
) -> None:
    """Split a score's variance over items, generations and judge repeats, and say what to buy next.

    It needs something repeated: `run --epochs 3` asks everything three times, `judge --repeats 3` judges it so often.

    [bold]Example[/bold]

      sparkles-eval variance openai/gpt-4o --task sparkleseval
    """
    from sparkles_eval.analysis.variance import variance as made

    present(made(store, *(model or ()), task=task, judge=judge).tables, TableFiles(json, csv, latex))
