"""`sparkles-eval plan`: what so many items could show, and how many a question needs."""

from __future__ import annotations

from typing import Annotated

import typer

from sparkles_eval.cli.table_output import CsvPath, JsonPath, LatexPath, TableFiles, present


def plan(
    n_items: Annotated[
        list[int] | None, typer.Option("--n-items", "-n", min=2, help="Numbers of items; several times for several.")
    ] = None,
    mde: Annotated[
        float | None, typer.Option(metavar="POINTS", help="Accuracy difference to detect, in percentage points.")
    ] = None,
    mde_score: Annotated[
        float | None, typer.Option(metavar="POINTS", help="Judge score difference to detect, in points.")
    ] = None,
    power: Annotated[float, typer.Option(help="Probability of finding a true difference.")] = 0.8,
    alpha: Annotated[float, typer.Option(help="Two-sided level of the test.")] = 0.05,
    sd: Annotated[float, typer.Option(help="SD of judge scores over items.")] = 1.5,
    cluster_size: Annotated[float, typer.Option(help="Items that share an image or sentence, on average.")] = 1.0,
    icc: Annotated[float, typer.Option(help="Correlation of such items.")] = 0.0,
    half_width: Annotated[float, typer.Option(help="Wished half-width of a mean human score.")] = 0.3,
    json: JsonPath = None,
    csv: CsvPath = None,
    latex: LatexPath = None,
) -> None:
    """Print tables to plan by: accuracy, judge scores, guessing, clusters, repeats, human labels.

    [bold]Examples[/bold]

      sparkles-eval plan --n-items 150

      sparkles-eval plan --mde 5 --cluster-size 3.5 --icc 0.3
    """
    from sparkles_eval.analysis.planning import ITEMS, PlanQuestion
    from sparkles_eval.analysis.planning import plan as made

    question = PlanQuestion(
        items=tuple(n_items or ITEMS),
        power=power,
        alpha=alpha,
        sd=sd,
        mde=None if mde is None else mde / 100,
        mde_score=mde_score,
        cluster_size=cluster_size,
        icc=icc,
        half_width=half_width,
    )
    present(made(question).tables, TableFiles(json, csv, latex))
