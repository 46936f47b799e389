"""`sparkles-eval compare`: which model is better, and how sure that is."""

from __future__ import annotations

from typing import Annotated

import typer

from sparkles_eval.cli import options
from sparkles_eval.cli.table_output import CsvPath, JsonPath, LatexPath, TableFiles, present


def compare(
    model: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            help="Names or run ids (`list runs`), two or more. Default: every model but baselines and controls.",
            show_default=False,
        ),
    ] = None,
    task: Annotated[str | None, typer.Option("--task", "-t", help="Only this task. Default: all they share.")] = None,
    judge: Annotated[str | None, typer.Option(help="Only scores by this judge (name or fingerprint).")] = None,
    protocol: Annotated[str | None, typer.Option(help="Only runs under this protocol.")] = None,
    variant: Annotated[
        str | None, typer.Option(help='Altered runs, such as "images=dropped". Default: tasks as they are.')
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="A metric of `list metrics`, or a part of it: A2, C1, A2.C1. Default: the headline."),
    ] = None,
    non_inferior: Annotated[
        float | None,
        typer.Option(
            metavar="MARGIN",
            help="Is the first model no worse by more than this? In points of the table (per cent, or the judge's), "
            "chosen before the data were seen.",
        ),
    ] = None,
    allow_mixed: Annotated[
        bool,
        typer.Option("--allow-mixed", help="Compare runs that differ in more than the model; marks every output."),
    ] = False,
    store: options.StorePath = options.DEFAULT_STORE,
    json: JsonPath = None,
    csv: CsvPath = None,
    latex: LatexPath = None,
    plugin: options.Plugins = None,  # noqa: ARG001 - the option loads it
) -> None:
    """Compare models on the items they share: difference, interval, tests, ranks, and what so many items could show.

    Runs are paired by sample and must be equal in all but the model: task, data, prompt, protocol, variant and judge.

    [bold]Examples[/bold]

      sparkles-eval compare openai/gpt-4o anthropic/claude-sonnet --task nlvr2

      sparkles-eval compare small large --non-inferior 3 --latex table.tex
    """
    from sparkles_eval.analysis.compare import compare as made
    from sparkles_eval.core.errors import UserError

    if non_inferior is not None and not non_inferior > 0:
        raise UserError(f"--non-inferior {non_inferior:g}: give a margin above 0, in points of the table")
    found = made(
        store,
        *(model or ()),
        task=task,
        judge=judge,
        protocol=protocol,
        variant=variant,
        metric=metric,
        margin=non_inferior,
        allow_mixed=allow_mixed,
    )
    present(found.tables, TableFiles(json, csv, latex))
