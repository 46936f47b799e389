"""`sparkles-eval task`: create a task of your own, also of a table or of a data set of the Hub, and look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.cli.commands import command
from sparkles_eval.core.config_options import ContentFolders, DataRoot, Option, PluginFiles
from sparkles_eval.core.errors import UserError, problem_lines
from sparkles_eval.core.printing import say, say_warning

app = typer.Typer(help="Create a task of your own, and look at it.", no_args_is_help=True)


@app.callback()
def _root() -> None: ...


@app.command("new")
@command
def new(
    name: Annotated[str, Option("Name of the task: lower case letters, digits, '-', '_'.", argument=True)],
    where: Annotated[Path, Option("Folder to create it in.", "--in")] = Path(),
) -> None:
    """Write a commented task folder that runs as it is.

    [bold]Example[/bold]

      sparkles-eval task new my-task && sparkles-eval run --task ./my-task --model baseline/oracle
    """
    from sparkles_eval.tasks.folders import write_task_scaffold

    folder = write_task_scaffold(name, where)
    say(f"{folder}\ntry it:  sparkles-eval run --task {folder} --model baseline/oracle")


Mapped = Annotated[
    tuple[str, ...],
    Option(
        "What a column is, such as question=Q; repeat for several.",
        "--map",
        metavar="KEY=COLUMN",
    ),
]
TaskName = Annotated[str | None, Option("Name of the task. Default: that of the data.", "--name")]
TaskPlace = Annotated[Path, Option("Folder to create it in.", "--in")]


@app.command("from-hub")
@command
def from_hub(
    data_set: Annotated[str, Option("Data set of the Hub, as ORG/NAME.", metavar="ORG/NAME", argument=True)],
    config: Annotated[str | None, Option("Configuration of the data set, where it has several.")] = None,
    split: Annotated[str | None, Option("Split. Default: test, else validation, else the only one.")] = None,
    revision: Annotated[str, Option("Commit, tag or branch.")] = "main",
    mapping: Mapped = (),
    task_name: TaskName = None,
    where: TaskPlace = Path(),
) -> None:
    """Write a task folder for a data set of the Hub, with a guessed mapping of its columns.

    The first rows are fetched for the guess, and the folder is pinned to the commit that they are of.

    [bold]Example[/bold]

      sparkles-eval task from-hub TIGER-Lab/Mantis-Eval --config mantis_eval
    """
    from sparkles_eval.tasks.columns.column_spec import HUB_NAME, RowSource
    from sparkles_eval.tasks.columns.hub_fetch import fetch_first_rows
    from sparkles_eval.tasks.columns.key_columns import key_columns
    from sparkles_eval.tasks.columns.table_folder import hub_task

    if not HUB_NAME.fullmatch(data_set):
        raise UserError(f"{data_set!r} is no data set of the Hub; write it as ORG/NAME")
    asked = RowSource(hub=data_set, config=(config,) if config else (), split=split or "", revision=revision)
    rows_of = fetch_first_rows(asked, say)
    _done(hub_task(rows_of, task_name or data_set.partition("/")[2].lower(), where, key_columns(mapping)))


@app.command("from-table")
@command
def from_table(
    file: Annotated[Path, Option("CSV, TSV, JSON, JSON lines, parquet, Arrow or webdataset tar.", argument=True)],
    mapping: Mapped = (),
    task_name: TaskName = None,
    where: TaskPlace = Path(),
) -> None:
    """Write a task folder for a table of your own, with a guessed mapping of its columns.

    [bold]Example[/bold]

      sparkles-eval task from-table quiz.csv --map question=Q --map answer=Gold
    """
    from sparkles_eval.tasks.columns.key_columns import key_columns
    from sparkles_eval.tasks.columns.table_folder import file_task

    _done(file_task(file, task_name or file.stem.lower(), where, key_columns(mapping)))


@app.command("check")
@command
def check(
    name: Annotated[str, Option("Name or folder of a task.", metavar="TASK", argument=True)],
    data_root: DataRoot = None,
    task_arg: Annotated[tuple[str, ...], Option("Argument of the task, such as split=val.", metavar="K=V")] = (),
    out: Annotated[Path, Option("HTML file to write.", "--out -o", section="Output")] = Path("task.html"),
    samples: Annotated[int, Option("Samples that the page shows.", section="Output", low=1, high=100)] = 3,
    content: ContentFolders = (),
    plugins: PluginFiles = (),
) -> None:
    """Read a task's data and show its first samples, as a model is asked them, with pictures on a page.

    Exit code 1: some of its data have problems; they are counted and named.

    [bold]Example[/bold]

      sparkles-eval task check ./mantis-eval --out mantis-eval.html
    """
    from sparkles_eval.engine.arguments import scoped
    from sparkles_eval.reports.task_page import write_task_page
    from sparkles_eval.tasks.load import load_task

    args = scoped("--task-arg", task_arg, name, [name])
    task = load_task(name, args=args, data_root=data_root, content=content, plugins=plugins, skip_bad=True)
    write_task_page(task, out, count=samples, content=content)
    say(f"task    {task.name}: {len(task.samples):,} samples, {len(task.skipped):,} problems")
    for line in problem_lines(task.skipped):
        say_warning(line, err=True)
    say(f"page    {out}")
    if task.skipped:
        raise typer.Exit(1)


def _done(folder: Path) -> None:
    say(f"task    {folder}  (its columns are guessed: look at task.yaml)")
    place = folder if folder.is_absolute() else f"./{folder}"  # a plain name could be that of another task
    say(f"next    sparkles-eval task check {place}")
