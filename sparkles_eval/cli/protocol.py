"""`sparkles-eval protocol`: import the exact published prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.cli.commands import command
from sparkles_eval.core.config_options import Option
from sparkles_eval.core.printing import say

app = typer.Typer(help="Import the exact published prompts.", no_args_is_help=True)


@app.callback()
def _root() -> None: ...


@app.command("import")
@command
def import_(
    checkout: Annotated[Path, Option("Checkout of the original Sparkles repository.", argument=True)],
    out: Annotated[Path, Option("Folder to write, for --content.", section="Output")] = Path("published"),
) -> None:
    """Import the published prompts from a checkout of the original repository, which is parsed, never executed.

    [bold]Example[/bold]

      sparkles-eval protocol import ../Sparkles && sparkles-eval run -t bison --protocol paper --content published …
    """
    from sparkles_eval.tasks.published_prompts import import_published

    for path in import_published(checkout, out):
        say(path)
    say(f"use them with:  --protocol paper --content {out}")
