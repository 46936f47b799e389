"""`sparkles-eval human`: let people rate answers blindly, and combine their ratings with a judge's scores."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sparkles_eval.analysis.config import LabelConfig
from sparkles_eval.cli.commands import command
from sparkles_eval.cli.options import TableFiles
from sparkles_eval.core.config_options import DEFAULT_STORE, ContentFolders, ImageRoot, Option, PluginFiles, StorePath
from sparkles_eval.core.printing import say
from sparkles_eval.core.text import quantity

app = typer.Typer(
    help="Human ratings: write rating sheets, import them, estimate scores on the human scale.", no_args_is_help=True
)


@app.command("export")
@command
def export(
    config: LabelConfig,
    form: Annotated[
        Literal["csv", "json"], Option("Format of a sheet: csv (spreadsheets) or json.", "--format", section="Output")
    ] = "csv",
    data_root: ImageRoot = None,
    out: Annotated[Path, Option("Folder for sheets and images.", "--out -o", section="Output")] = Path("runs/labels"),
    content: ContentFolders = (),
    store: StorePath = DEFAULT_STORE,
) -> None:
    """Draw answers at random and write a sheet for each rater, without model names and in a random order.

    [bold]Example[/bold]

      sparkles-eval human export --rater ada --rater ben --rater eve --dialogues 50
    """
    from sparkles_eval.analysis.humans.annotation_sampling import SheetConfig, draw, labelling_runs, shown
    from sparkles_eval.analysis.humans.files import find_pictures, write_sheet
    from sparkles_eval.core.errors import UserError
    from sparkles_eval.judges.load import find_judge
    from sparkles_eval.store.ratings import add_sheet
    from sparkles_eval.store.store import Store

    folder = find_judge(config.criteria_of, content)
    if folder is None:
        raise UserError(
            f"--criteria-of {config.criteria_of}: there is no such judge; `sparkles-eval list judges` shows them"
        )
    spec = folder.spec
    wanted = SheetConfig(config.raters, config.dialogues, spec.records(), spec.scale.low, spec.scale.high, config.seed)
    with Store(store, create=False) as opened:
        sheets = draw(opened, labelling_runs(opened, config.task, config.runs or None), wanted)
        for sheet in sheets:
            add_sheet(opened, sheet)
            pages = shown(opened, sheet)
            pictures = find_pictures(opened, pages.values(), data_root)
            path = write_sheet(sheet, pages, pictures, out, form)
            say(f"{sheet.rater}: {quantity(len(sheet.rows), 'conversation')}  {path}")
            if pictures.small:
                previews = quantity(pictures.small, "image is a small preview", "images are small previews")
                say(f"  {previews}; --data-root DIR takes the images themselves")
    for name in config.raters:
        if name not in {sheet.rater for sheet in sheets}:
            say(f"{name}: has rated all of these {config.dialogues} dialogues; ask for more with --dialogues")


@app.command("import")
@command
def import_sheet(
    files: Annotated[tuple[Path, ...], Option("Rated sheets, .csv or .json.", argument=True)],
    replace: Annotated[bool, Option("Replace ratings that were imported before.")] = False,
    store: StorePath = DEFAULT_STORE,
) -> None:
    """Read rated sheets into the store. A file with a mistake is not imported; every mistake is named with its line.

    [bold]Example[/bold]

      sparkles-eval human import runs/labels/sheet-ada-*.csv
    """
    from sparkles_eval.analysis.humans.files import import_ratings
    from sparkles_eval.store.store import Store

    with Store(store, create=False) as opened:
        for file in files:
            done = import_ratings(opened, file, replace=replace)
            say(
                f"{file}: {quantity(done.new, 'new rating')} by {done.sheet.rater}, {done.known} known; "
                f"{quantity(done.answers, 'answer')} rated, {done.empty} still empty"
            )


@app.command("estimate")
@command
def estimate(
    judge: Annotated[str, Option("Judge whose scores are used: NAME, NAME@MODEL or a fingerprint.", argument=True)],
    files: TableFiles,
    task: Annotated[
        str | None, Option("Task to estimate, where the store holds several.", "--task -t", section="Samples")
    ] = None,
    run: Annotated[
        tuple[str, ...], Option("Use only answers of this run; repeat for several.", section="Samples")
    ] = (),
    rater: Annotated[
        tuple[str, ...], Option("Use only ratings by this person; repeat for several.", section="Judging")
    ] = (),
    half_width: Annotated[
        float,
        Option("Half-width of the interval to plan for.", section="Judging", metavar="POINTS", low=0.001),
    ] = 0.3,
    following: Annotated[
        int, Option("Name the N dialogues to rate next.", "--next", section="Samples", metavar="N", low=0)
    ] = 10,
    store: StorePath = DEFAULT_STORE,
    _plugins: PluginFiles = (),
) -> None:
    """Estimate scores on the human scale from human ratings and a judge's scores, with valid intervals (PPI++).

    [bold]Example[/bold]

      sparkles-eval human estimate sparkles@openai/gpt-4o --half-width 0.3
    """
    from sparkles_eval.analysis.humans import tables as human_tables
    from sparkles_eval.analysis.humans.annotation_sampling import labelling_runs
    from sparkles_eval.analysis.humans.estimate import human_report
    from sparkles_eval.analysis.judges.judge_scores import find_judge
    from sparkles_eval.cli.table_output import present
    from sparkles_eval.store.reading import open_to_read

    with open_to_read(store) as opened:
        runs = labelling_runs(opened, task, run or None)
        report = human_report(
            opened,
            find_judge(opened, judge, runs),
            task=task,
            run_ids=[one.id for one in runs],
            half_width=half_width,
            following=following,
            raters=rater,
        )
    present(human_tables.tables(report), files)
