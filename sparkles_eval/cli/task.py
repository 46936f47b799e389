"""`sparkles-eval task`: create a task of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.cli.commands import command
from sparkles_eval.core.config_options import Option
from sparkles_eval.core.printing import say

app = typer.Typer(help="Create a task of your own.", no_args_is_help=True)


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
