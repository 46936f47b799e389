"""`sparkles-eval leaderboard`: a public leaderboard from submitted bundles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.cli.commands import command
from sparkles_eval.cli.json_output import write_json
from sparkles_eval.cli.options import JsonFile
from sparkles_eval.core.config_options import Option, PluginFiles
from sparkles_eval.core.printing import say, say_warning
from sparkles_eval.publishing.config import LeaderboardOptions

app = typer.Typer(help="Build a public leaderboard from submitted bundles.", no_args_is_help=True)

EXIT_REFUSED = 1


@app.callback()
def _root() -> None: ...


@app.command("build")
@command
def build(
    bundles: Annotated[Path, Option("Folder with the bundles (*.zip).", metavar="FOLDER", argument=True)],
    options: LeaderboardOptions,
    out: Annotated[Path, Option("Folder of the site; an earlier one is replaced.", "--out -o", section="Output")],
    _plugins: PluginFiles = (),
    json: JsonFile = None,
) -> None:
    """Check every bundle, recompute every score, and write the site of the bundles that are sound.

    A bundle is refused, with the rows, if a hash or a number cannot be reproduced, or if its data, prompts or judges
    differ from the other bundles'. Exit code 0: all are on the site; 1: some are refused; 2: there is nothing to build
    from. The site lists what was refused and why (bundles.html, bundles.json).

    [bold]Examples[/bold]

      sparkles-eval leaderboard build bundles --out site

      sparkles-eval leaderboard build bundles --out site --like reference.zip
    """
    from sparkles_eval.core.text import one_line
    from sparkles_eval.publishing.public_leaderboard import build_leaderboard as build_board

    board = build_board(bundles, out, options)
    result = {
        "site": str(board.index) if board.index else None,
        "accepted": [{"bundle": one.bundle, "models": one.models, "tasks": one.tasks} for one in board.taken],
        "refused": [{"bundle": one.bundle, "reasons": one.reasons} for one in board.left_out],
        "notes": list(board.notes),
    }
    if write_json(json, result):
        if board.left_out:
            raise typer.Exit(EXIT_REFUSED)
        return
    for one in board.taken:
        models, tasks = ", ".join(map(one_line, one.models)), ", ".join(map(one_line, one.tasks))
        say(f"accepted  {one_line(one.bundle)}: {models} on {tasks}", color="green")
    for refused in board.left_out:
        say(f"refused   {one_line(refused.bundle)}", color="red")
        for reason in refused.reasons:
            say(f"          {one_line(reason)}", color="red")
    for note in board.notes:
        say_warning(f"note      {one_line(note)}")
    say(f"site      {board.index}" if board.index else "no site was written: no bundle is sound")
    if board.left_out:
        raise typer.Exit(EXIT_REFUSED)
