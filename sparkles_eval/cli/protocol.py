"""`sparkles-eval protocol`: bring in the exact published prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.core.printing import say

app = typer.Typer(help="Bring in the exact published prompts.", no_args_is_help=True)


@app.callback()
def _root() -> None: ...


@app.command("import")
def import_(
    checkout: Annotated[Path, typer.Argument(help="A checkout of the original Sparkles repository.")],
    out: Annotated[Path, typer.Option(help="The folder to write, for --content.")] = Path("published"),
) -> None:
    """Take the published prompts from a checkout of the original repository: it is parsed, never executed.

    [bold]Example[/bold]

      sparkles-eval protocol import ../Sparkles && sparkles-eval run -t bison --protocol paper --content published …
    """
    from sparkles_eval.tasks.published_prompts import import_published

    for path in import_published(checkout, out):
        say(path)
    say(f"use them with:  --protocol paper --content {out}")
