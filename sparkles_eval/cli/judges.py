"""`sparkles-eval judges`: compare judges with each other and with people, and find out what one of them can see."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.cli import audit, options, tables

app = typer.Typer(help="Make, compare and audit judges.", no_args_is_help=True)
app.command("audit")(audit.audit)


@app.command("compare")
def compare(
    judges: Annotated[
        list[str],
        typer.Argument(metavar="JUDGE JUDGE...", help="NAME, NAME@MODEL or a fingerprint; human or human:RATER."),
    ],
    task: Annotated[
        str | None, typer.Option("--task", "-t", help="Where the store holds several.", show_default=False)
    ] = None,
    run: Annotated[list[str] | None, typer.Option("--run", help="Only these runs.", show_default=False)] = None,
    largest: Annotated[int, typer.Option(min=0, help="How many of the largest disagreements to list.")] = 10,
    epsilon: Annotated[
        float, typer.Option(min=0, max=1, help="What a person costs: .2 experts, .15 skilled, .1 crowd.")
    ] = 0.2,
    store: options.StorePath = options.DEFAULT_STORE,
    report: Annotated[
        Path | None, typer.Option(help="Show the largest disagreements, images and all, in an HTML file.")
    ] = None,
    json: tables.JsonPath = None,
    csv: tables.CsvPath = None,
    latex: tables.LatexPath = None,
) -> None:
    """Compare judges on the answers that they have scored: order, marks, severity, constancy, biases, cost.

    [bold]Examples[/bold]

      sparkles-eval judges compare facts sparkles@openai/gpt-4o --report disagreements.html

      sparkles-eval judges compare sparkles@openai/gpt-4o sparkles@anthropic/claude-sonnet-4-5 human --latex judges.tex
    """
    from sparkles_eval.analysis.judges import agreement as judges_agreement
    from sparkles_eval.analysis.judges import comparison as judges_tables
    from sparkles_eval.analysis.judges.judge_scores import read_marks
    from sparkles_eval.store.store import Store

    with Store(store, create=False) as opened:
        marks = read_marks(opened, judges, task, run or None)
        found = judges_tables.compare(opened, marks, largest=largest, epsilon=epsilon)
        if report is not None:
            from sparkles_eval.analysis.summary import summarise
            from sparkles_eval.reports.render import render_report

            answers = [gap.answer for gap in judges_agreement.largest_gaps(marks, largest)]
            summary = summarise(opened, list(dict.fromkeys(answer.run.id for answer in answers)))
            render_report(opened, summary, report, only={answer.sample_id for answer in answers})
    tables.present(found, tables.Files(json, csv, latex))


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Lower case letters, digits, '-', '_'.")],
    where: Annotated[Path, typer.Option("--in", help="The folder that it is made in.")] = Path(),
) -> None:
    """Write a commented judge folder that works as it is.

    [bold]Example[/bold]

      sparkles-eval judges new my-judge && sparkles-eval judge --judge ./my-judge@openai/gpt-4o
    """
    from sparkles_eval.judges.skeleton import write_skeleton

    folder = write_skeleton(name, where)
    typer.echo(f"{folder}\ntry it:  sparkles-eval judge --judge {folder}@openai/gpt-4o")


@app.callback()
def _root() -> None: ...
