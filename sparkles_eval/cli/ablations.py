"""`sparkles-eval ablations`: how much of a score comes from looking, from the images' order, from the history."""

from __future__ import annotations

from typing import Annotated

import typer

from sparkles_eval.cli import options
from sparkles_eval.cli.table_output import CsvPath, JsonPath, LatexPath, TableFiles, present


def ablations(
    model: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="Names or run ids. Default: all.")
    ] = None,
    task: Annotated[str | None, typer.Option("--task", "-t", help="Only this task.")] = None,
    judge: Annotated[str | None, typer.Option(help="Only scores by this judge (name or fingerprint).")] = None,
    store: options.StorePath = options.DEFAULT_STORE,
    json: JsonPath = None,
    csv: CsvPath = None,
    latex: LatexPath = None,
    plugin: options.Plugins = None,  # noqa: ARG001 - the option loads it
) -> None:
    """Set runs that were altered on purpose beside the same runs as they are.

    `run --images dropped|wrong|shuffled`, `--orders both` and `--history reference` make them, each a run of its own.

    [bold]Example[/bold]

      sparkles-eval run -t nlvr2 -m openai/gpt-4o --images dropped && sparkles-eval ablations openai/gpt-4o
    """
    from sparkles_eval.analysis.ablations import ablations as made

    present(made(store, *(model or ()), task=task, judge=judge).tables, TableFiles(json, csv, latex))
