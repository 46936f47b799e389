"""`sparkles-eval data check`: everything wrong with a data folder, for people and for continuous integration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparkles_eval.cli import options

if TYPE_CHECKING:
    from rich.console import Console

    from sparkles_eval.sources.check import Checked

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
    from rich.console import Console

    from sparkles_eval.engine.wishes import scoped
    from sparkles_eval.sources.check import Wanted, check_task, check_training, detect
    from sparkles_eval.training.recipes import read_recipe

    places = tuple(content or ())
    console = Console(stderr=as_json)
    tasks = task or []
    wanted = [Wanted(name, scoped("--task-arg", task_arg or (), name, tasks)) for name in tasks]
    if not wanted and not recipe:
        wanted = detect(root)
    found: list[Checked] = []
    for one in wanted:
        with console.status(one.label):
            found.append(check_task(one, root, decode=decode, content=places))
    for name in recipe or ():
        with console.status(f"recipe {name}"):
            found.append(check_training(name, read_recipe(name, places), root, decode=decode))
    if as_json:
        typer.echo(json.dumps([checked.as_json() for checked in found], indent=1, ensure_ascii=False))
    else:
        for checked in found:
            _print(checked, console)
    if any(checked.problems for checked in found):
        raise typer.Exit(1)


def _print(checked: Checked, console: Console) -> None:
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
