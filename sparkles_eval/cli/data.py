"""`sparkles-eval data`: fetch, check, import, generate and browse data."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparkles_eval.cli import data_fetch, data_generate
from sparkles_eval.cli.commands import command
from sparkles_eval.core.config_options import ContentFolders, Option, SkipBad
from sparkles_eval.core.errors import DataError, UserError
from sparkles_eval.core.printing import make_console, say, say_json, say_warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from sparkles_eval.core.errors import Problem
    from sparkles_eval.data.sources.check import CheckedData

_SHOWN = 20
_PROBLEMS_SHOWN = 10


@command
def browse(
    place: Annotated[
        Path, Option("Folder of `data generate`, or the store that it wrote.", metavar="DIR|STORE", argument=True)
    ],
    out: Annotated[Path, Option("HTML file to write.", section="Output")] = Path("dialogues.html"),
    set_id: Annotated[
        str | None, Option("Set of a store to show. Default: the latest.", "--set", section="Samples")
    ] = None,
    most: Annotated[
        int, Option("Show at most N kept and N rejected dialogues.", section="Samples", metavar="N", low=1)
    ] = 500,
    content: ContentFolders = (),
) -> None:
    """Show dialogues with their images in one self-contained HTML file, rejected ones with the reason.

    [bold]Examples[/bold]

      sparkles-eval data browse runs/my-dialogues --out runs/my-dialogues.html

      sparkles-eval data browse runs/sparkles.db --set 3f2a9c81d0e4
    """
    from sparkles_eval.data.dialogues.browse_page import write_browser

    found = write_browser(place, out, set_id=set_id, most=most, content=content)
    say(f"{found.kept} kept, {found.rejected} rejected")
    say(f"page    {out}")


@command
def check(
    root: Annotated[Path, Option("Data folder, as runs name it with --data-root.", metavar="ROOT", argument=True)],
    task: Annotated[
        tuple[str, ...],
        Option(
            "Check the data of this task; repeat for several. Default: every task that the folder has data of.",
            section="Tasks and models",
        ),
    ] = (),
    task_arg: Annotated[
        tuple[str, ...],
        Option(
            "Argument of a task, such as source=full or split=dev.", section="Tasks and models", metavar="[TASK:]K=V"
        ),
    ] = (),
    recipe: Annotated[
        tuple[str, ...],
        Option("Check the data of this training recipe; repeat for several.", section="Tasks and models"),
    ] = (),
    as_json: Annotated[bool, Option("Print everything as JSON.", "--json", section="Output")] = False,
    decode: Annotated[bool, Option("Decode every image completely.", "--decode/--no-decode", section="Samples")] = True,
    content: ContentFolders = (),
) -> None:
    """Check a data folder before anything is spent on it. Exit code 1: something is wrong with it.

    [bold]Examples[/bold]

      sparkles-eval data check ./sparkles

      sparkles-eval data check ./nlvr2 --task nlvr2 --task-arg source=full --json

      sparkles-eval data check ./SparklesData --recipe sparkleschat-7b
    """
    from sparkles_eval.data.sources.check import TaskToCheck, check_task, check_training, detect_data
    from sparkles_eval.engine.arguments import scoped
    from sparkles_eval.training.recipes import read_recipe

    console = make_console(stderr=as_json)
    wanted = [TaskToCheck(name, scoped("--task-arg", task_arg, name, task)) for name in task]
    if not wanted and not recipe:
        wanted = detect_data(root)
    found: list[CheckedData] = []
    for one in wanted:
        with console.status(one.label):
            found.append(check_task(one, root, decode=decode, content=content))
    for name in recipe:
        with console.status(f"recipe {name}"):
            found.append(check_training(name, read_recipe(name, content), root, decode=decode))
    if as_json:
        say_json(json.dumps([checked.as_json() for checked in found], indent=1, ensure_ascii=False))
    else:
        for checked in found:
            _print(checked, console)
    if any(checked.problems for checked in found):
        raise typer.Exit(1)


def _print(checked: CheckedData, console: Console) -> None:
    from rich.text import Text

    from sparkles_eval.core.errors import problem_lines

    count = len(checked.problems)
    counts = f"{checked.sound:,} sound, {count:,} problem{'' if count == 1 else 's'}, {checked.images:,} pictures"
    console.print(Text.assemble((checked.label, "bold"), f"  {counts}"))
    if checked.labels:
        console.print(
            Text("  right answers: " + ", ".join(f"{name} {n:,}" for name, n in checked.labels.items()), "dim")
        )
    for note in checked.notes[:_SHOWN]:
        console.print(Text(f"  {note}", "dim"))
    for line in problem_lines(checked.problems):
        console.print(Text(line, "yellow"))
    if count > _SHOWN:
        console.print(Text(f"  {count:,} in all; --json has each of them", "yellow"))


class ImportFormat(StrEnum):
    """What can be imported."""

    LLAVA = "llava"
    SVIT = "svit"
    NLVR1 = "nlvr1"


@command
def import_data(
    shape: Annotated[
        ImportFormat, Option("llava or svit: conversations; nlvr1: statements on drawn boxes.", argument=True)
    ],
    file: Annotated[Path, Option("Annotation file.", argument=True)],
    images: Annotated[Path, Option("Folder of its images.", section="Data")],
    out: Annotated[Path, Option("Training records (a JSON file), or a new task folder.", "--out -o", section="Output")],
    against: Annotated[
        tuple[str, ...],
        Option(
            "Leave out images that this task evaluates on; repeat for several.", section="Data", metavar="TASK[=ROOT]"
        ),
    ] = (),
    coco_map: Annotated[
        Path | None, Option("Visual Genome's image_data.json, for the COCO ids of its images.", section="Data")
    ] = None,
    split: Annotated[str, Option("First part of the image names of nlvr1.", section="Data")] = "dev",
    skip_bad: SkipBad = False,
    content: ContentFolders = (),
) -> None:
    """Turn conversations into training records, or statements about boxes into a task of your own.

    The published evaluation folders, whole NLVR2 and BISON, DEMON and JSON lines of your own need no import: tasks read
    them as they are (`data check` says what a folder holds). Result files are read by `sparkles-eval import`.

    [bold]Examples[/bold]

      sparkles-eval data import llava detail_23k.json --images coco/train2017 --out records.json --against bison=./bison

      sparkles-eval data import nlvr1 nlvr/dev/dev.json --images nlvr/dev/images --out ./nlvr1
    """
    if shape is ImportFormat.NLVR1:
        from sparkles_eval.data.sources.import_datasets import import_nlvr1

        made = import_nlvr1(file, images, out, split, skip_bad=skip_bad)
        _print_problems(made.problems)
        say(f"task    {made.folder}  {made.samples:,} samples")
        say(f"next    sparkles-eval run --task {made.folder} --model baseline/chance")
        return
    from sparkles_eval.data.dialogues.leakage import read_evaluations
    from sparkles_eval.data.sources.import_datasets import convert_conversations, write_records

    if out.exists():
        raise UserError(f"{out} is there already; name a new file with --out")
    evaluations = read_evaluations(against, coco_map, content) if against else None
    made_of = convert_conversations(file, images, evaluations)
    if made_of.problems and not skip_bad:
        raise DataError(str(file), made_of.problems, "fix them, or leave these out with --skip-bad")
    _print_problems(made_of.problems)
    if not made_of.records:
        raise UserError(f"{file}: no record is left")
    write_records(made_of.records, out)
    say(f"records {out}  {len(made_of.records):,}")
    if evaluations is None:
        say("leakage not checked (name evaluation tasks with --against)")
    else:
        say(f"leakage {len(made_of.leaking):,} left out: pictures that {', '.join(against)} has, too")


def _print_problems(problems: Sequence[Problem]) -> None:
    for problem in problems[:_PROBLEMS_SHOWN]:
        say_warning(f"{problem.item}: {problem.what}", err=True)
    if len(problems) > _PROBLEMS_SHOWN:
        say_warning(f"and {len(problems) - _PROBLEMS_SHOWN:,} more", err=True)


app = typer.Typer(help="Fetch, check, import and browse data, and generate training dialogues.", no_args_is_help=True)
app.command("list")(data_fetch.listing)
app.command("fetch")(data_fetch.fetch)
app.command("check")(check)
app.command("import")(import_data)
app.command("generate")(data_generate.generate)
app.command("browse")(browse)


@app.callback()
def _root() -> None: ...
