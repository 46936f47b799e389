"""`sparkles-eval data`: fetch, check, import, generate and browse data."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparkles_eval.cli import data_fetch, data_generate, options
from sparkles_eval.core.errors import DataError, UserError
from sparkles_eval.core.printing import make_console, say, say_json, say_warning

if TYPE_CHECKING:
    from rich.console import Console

    from sparkles_eval.data.sources.check import CheckedData
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sparkles_eval.core.errors import Problem


def browse(
    place: Annotated[
        Path, typer.Argument(metavar="DIR|STORE", help="A folder of `data generate`, or the store that it wrote.")
    ],
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("dialogues.html"),
    set_id: Annotated[
        str | None, typer.Option("--set", help="Which set of a store. Default: the latest.", show_default=False)
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Dialogues that are shown, kept and rejected each.")] = 500,
    content: options.Content = None,
) -> None:
    """Show dialogues with their images in one HTML file that needs nothing else; rejected ones with the reason.

    [bold]Examples[/bold]

      sparkles-eval data browse runs/my-dialogues --out runs/my-dialogues.html

      sparkles-eval data browse runs/sparkles.db --set 3f2a9c81d0e4
    """
    from sparkles_eval.data.dialogues.browse_page import write_browser

    found = write_browser(place, out, set_id=set_id, most=most, content=tuple(content or ()))
    say(f"{found.kept} kept, {found.rejected} rejected")
    say(f"page    {out}")


_SHOWN = 20


def check(
    root: Annotated[Path, typer.Argument(metavar="ROOT", help="The data folder, as runs name it with --data-root.")],
    task: Annotated[
        list[str] | None, typer.Option("--task", help="A task, several times for several. Default: what is found.")
    ] = None,
    task_arg: Annotated[
        list[str] | None, typer.Option("--task-arg", metavar="[TASK:]K=V", help="source=full split=dev …")
    ] = None,
    recipe: Annotated[
        list[str] | None, typer.Option("--recipe", help="A training recipe whose data lie in ROOT.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    decode: Annotated[bool, typer.Option("--decode/--no-decode", help="Decode every picture to its end.")] = True,
    content: options.Content = None,
) -> None:
    """Look a data folder over before anything is spent on it. Exit code 1: something is wrong with it.

    [bold]Examples[/bold]

      sparkles-eval data check ./sparkles

      sparkles-eval data check ./nlvr2 --task nlvr2 --task-arg source=full --json

      sparkles-eval data check ./SparklesData --recipe sparkleschat-7b
    """

    from sparkles_eval.data.sources.check import TaskToCheck, check_task, check_training, detect_data
    from sparkles_eval.engine.config import scoped
    from sparkles_eval.training.recipes import read_recipe

    places = tuple(content or ())
    console = make_console(stderr=as_json)
    tasks = task or []
    wanted = [TaskToCheck(name, scoped("--task-arg", task_arg or (), name, tasks)) for name in tasks]
    if not wanted and not recipe:
        wanted = detect_data(root)
    found: list[CheckedData] = []
    for one in wanted:
        with console.status(one.label):
            found.append(check_task(one, root, decode=decode, content=places))
    for name in recipe or ():
        with console.status(f"recipe {name}"):
            found.append(check_training(name, read_recipe(name, places), root, decode=decode))
    if as_json:
        say_json(json.dumps([checked.as_json() for checked in found], indent=1, ensure_ascii=False))
    else:
        for checked in found:
            _print(checked, console)
    if any(checked.problems for checked in found):
        raise typer.Exit(1)


def _print(checked: CheckedData, console: Console) -> None:
    from rich.text import Text

    count = len(checked.problems)
    told = f"{checked.sound:,} sound, {count:,} problem{'' if count == 1 else 's'}, {checked.images:,} pictures"
    console.print(Text.assemble((checked.label, "bold"), f"  {told}"))
    if checked.labels:
        console.print(
            Text("  right answers: " + ", ".join(f"{name} {n:,}" for name, n in checked.labels.items()), "dim")
        )
    for note in checked.notes[:_SHOWN]:
        console.print(Text(f"  {note}", "dim"))
    for problem in checked.problems[:_SHOWN]:
        console.print(Text(f"  {problem.item}: {problem.what}" if problem.item else f"  {problem.what}", "yellow"))
    if count > _SHOWN:
        console.print(Text(f"  and {count - _SHOWN:,} more; --json has all of them", "yellow"))


_PROBLEMS_SHOWN = 10


class ImportFormat(StrEnum):
    """What can be imported."""

    LLAVA = "llava"
    SVIT = "svit"
    NLVR1 = "nlvr1"


def import_data(
    shape: Annotated[
        ImportFormat, typer.Argument(help="llava or svit: conversations; nlvr1: statements on drawn boxes.")
    ],
    file: Annotated[Path, typer.Argument(help="The annotation file.")],
    images: Annotated[Path, typer.Option("--images", help="The folder of its pictures.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Training records (a JSON file), or a new task folder.")],
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against", metavar="TASK[=ROOT]", help="Leave out pictures that this task asks about; may be repeated."
        ),
    ] = None,
    coco_map: Annotated[
        Path | None, typer.Option("--coco-map", help="Visual Genome's image_data.json, which names COCO's pictures.")
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Of nlvr1: how its pictures' names begin.")] = "dev",
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad entries out, counted.")] = False,
    content: options.Content = None,
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
        say(f"next    sparkles-eval run --task {made.folder} --data-root {images} --model baseline/chance")
        return
    from sparkles_eval.data.dialogues.leakage import read_evaluations
    from sparkles_eval.data.sources.import_datasets import convert_conversations, write_records

    if out.exists():
        raise UserError(f"{out} is there already; name a new file with --out")
    evaluations = read_evaluations(against or (), coco_map, tuple(content or ())) if against else None
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
        say(f"leakage {len(made_of.leaking):,} left out: pictures that {', '.join(against or ())} has, too")


def _print_problems(problems: Sequence[Problem]) -> None:
    for problem in problems[:_PROBLEMS_SHOWN]:
        say_warning(f"{problem.item}: {problem.what}", err=True)
    if len(problems) > _PROBLEMS_SHOWN:
        say_warning(f"and {len(problems) - _PROBLEMS_SHOWN:,} more", err=True)


app = typer.Typer(
    help="Get data, check them, bring them into shape, and make training dialogues.", no_args_is_help=True
)
app.command("list")(data_fetch.listing)
app.command("fetch")(data_fetch.fetch)
app.command("check")(check)
app.command("import")(import_data)
app.command("generate")(data_generate.generate)
app.command("browse")(browse)


@app.callback()
def _root() -> None: ...
