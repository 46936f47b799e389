"""`sparkles-eval human`: let people rate answers blindly, and join their labels with a judge's scores."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.cli import options, table_output
from sparkles_eval.core.printing import say

app = typer.Typer(
    help="Human labels: hand out sheets, bring ratings back, estimate on the human scale.", no_args_is_help=True
)


class SheetFormat(StrEnum):
    """How a sheet is written."""

    CSV = "csv"
    JSON = "json"


Task = Annotated[str | None, typer.Option("--task", "-t", help="Where the store holds several.", show_default=False)]
Runs = Annotated[list[str] | None, typer.Option("--run", help="Only these runs.", show_default=False)]


@app.command("export")
def export(
    rater: Annotated[list[str], typer.Option("--rater", help="Who rates; several times for several.")],
    dialogues: Annotated[int, typer.Option(min=1, help="Dialogues that each rater has rated in the end.")] = 50,
    task: Task = None,
    run: Runs = None,
    criteria_of: Annotated[
        str, typer.Option("--criteria-of", metavar="JUDGE", help="The judge whose criteria and scale people use.")
    ] = "sparkles",
    form: Annotated[SheetFormat, typer.Option("--format", help="csv (spreadsheets) or json.")] = SheetFormat.CSV,
    seed: Annotated[int, typer.Option(help="Of the random order; keep it for one task.")] = 0,
    data_root: Annotated[
        Path | None, typer.Option(help="Where the images are now; else small previews.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for sheets and pictures.")] = Path("runs/labels"),
    content: options.Content = None,
    store: options.StorePath = options.DEFAULT_STORE,
) -> None:
    """Draw answers at random and write a sheet for each rater: without the models' names, in an order of its own.

    [bold]Example[/bold]

      sparkles-eval human export --rater ada --rater ben --rater eve --dialogues 50
    """
    from sparkles_eval.analysis.humans.annotation_sampling import SheetConfig, draw, labelling_runs, shown
    from sparkles_eval.analysis.humans.files import find_pictures, write_sheet
    from sparkles_eval.core.errors import UserError
    from sparkles_eval.judges.load import find_judge
    from sparkles_eval.store.ratings import add_sheet
    from sparkles_eval.store.store import Store

    folder = find_judge(criteria_of, tuple(content or ()))
    if folder is None:
        raise UserError(f"--criteria-of {criteria_of}: there is no such judge; `sparkles-eval list judges` shows them")
    spec = folder.spec
    config = SheetConfig(tuple(rater), dialogues, spec.records(), spec.scale.low, spec.scale.high, seed)
    with Store(store, create=False) as opened:
        sheets = draw(opened, labelling_runs(opened, task, run or None), config)
        for sheet in sheets:
            add_sheet(opened, sheet)
            pages = shown(opened, sheet)
            pictures = find_pictures(opened, pages.values(), data_root)
            path = write_sheet(sheet, pages, pictures, out, form.value)
            say(f"{sheet.rater}: {len(sheet.rows)} conversations  {path}")
            if pictures.small:
                say(f"  {pictures.small} images are small previews; --data-root DIR takes the images themselves")
    for name in rater:
        if name not in {sheet.rater for sheet in sheets}:
            say(f"{name}: has rated all of these {dialogues} dialogues; wish for more with --dialogues")


@app.command("import")
def import_sheet(
    files: Annotated[list[Path], typer.Argument(help="Rated sheets, .csv or .json.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Let new ratings stand in place of imported ones.")
    ] = False,
    store: options.StorePath = options.DEFAULT_STORE,
) -> None:
    """Read rated sheets into the store. A file with a mistake is not imported; every mistake is told with its line.

    [bold]Example[/bold]

      sparkles-eval human import runs/labels/sheet-ada-*.csv
    """
    from sparkles_eval.analysis.humans.files import import_ratings
    from sparkles_eval.store.store import Store

    with Store(store, create=False) as opened:
        for file in files:
            done = import_ratings(opened, file, replace=replace)
            say(
                f"{file}: {done.new} new ratings by {done.sheet.rater}, {done.known} known; "
                f"{done.answers} answers rated, {done.empty} still empty"
            )


@app.command("estimate")
def estimate(
    judge: Annotated[str, typer.Argument(help="The judge whose scores are joined: NAME, NAME@MODEL or a fingerprint.")],
    task: Task = None,
    run: Runs = None,
    rater: Annotated[list[str] | None, typer.Option("--rater", help="Only these raters.", show_default=False)] = None,
    half_width: Annotated[
        float, typer.Option("--half-width", min=0.001, metavar="POINTS", help="How exact an interval you wish for.")
    ] = 0.3,
    following: Annotated[int, typer.Option("--next", min=0, help="How many dialogues to name for labelling.")] = 10,
    store: options.StorePath = options.DEFAULT_STORE,
    json: table_output.JsonPath = None,
    csv: table_output.CsvPath = None,
    latex: table_output.LatexPath = None,
    plugin: options.Plugins = None,  # noqa: ARG001 - the option loads it
) -> None:
    """Scores on the human scale from your labels and a judge's scores, with honest intervals (PPI++).

    [bold]Example[/bold]

      sparkles-eval human estimate sparkles@openai/gpt-4o --half-width 0.3
    """
    from sparkles_eval.analysis.humans import tables as human_tables
    from sparkles_eval.analysis.humans.annotation_sampling import labelling_runs
    from sparkles_eval.analysis.humans.estimate import human_report
    from sparkles_eval.analysis.judges.judge_scores import find_judge
    from sparkles_eval.store.store import Store

    with Store(store, create=False) as opened:
        runs = labelling_runs(opened, task, run or None)
        report = human_report(
            opened,
            find_judge(opened, judge, runs),
            task=task,
            run_ids=[one.id for one in runs],
            half_width=half_width,
            following=following,
            raters=tuple(rater or ()),
        )
    table_output.present(human_tables.tables(report), table_output.TableFiles(json, csv, latex))
