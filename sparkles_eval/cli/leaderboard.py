"""`sparkles-eval leaderboard`: a public leaderboard from bundles that strangers send."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.cli import options
from sparkles_eval.core.printing import say, say_warning

app = typer.Typer(help="A public leaderboard from bundles that strangers send.", no_args_is_help=True)

EXIT_REFUSED = 1


@app.callback()
def _root() -> None: ...


@app.command("build")
def build(
    bundles: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the bundles (*.zip) lie.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the site; an earlier one is replaced.")],
    like: Annotated[
        str | None,
        typer.Option(
            metavar="BUNDLE", help="The bundle (its file name) whose data, prompts and judges hold.", show_default=False
        ),
    ] = None,
    apart: Annotated[
        bool, typer.Option("--apart", help="Show what may not be compared in tables of its own, refuse nothing for it.")
    ] = False,
    min_coverage: options.MinCoverage = options.DEFAULT_MIN_COVERAGE,
    largest: Annotated[int, typer.Option(min=1, metavar="MB", help="Largest store that is unpacked.")] = 500,
    figures: Annotated[bool, typer.Option("--figures/--no-figures", help="Draw the figures.")] = True,
    plugin: options.Plugins = None,  # noqa: ARG001 - the option loads it
) -> None:
    """Check every bundle, work every score out again, and write the site of those that are sound.

    A bundle is refused, with the rows, where a hash or a number does not follow, and where its task has other data,
    prompts or judges than the others'. Exit code 0: all are on the site; 1: some are refused; 2: there is nothing to
    build from. The site lists what was refused and why (bundles.html, bundles.json).

    [bold]Examples[/bold]

      sparkles-eval leaderboard build bundles --out site

      sparkles-eval leaderboard build bundles --out site --like reference.zip
    """
    from sparkles_eval.core.text import one_line
    from sparkles_eval.publishing.public_leaderboard import LeaderboardOptions
    from sparkles_eval.publishing.public_leaderboard import build_leaderboard as build_board

    terms = LeaderboardOptions(
        apart=apart, like=like, largest=largest * 1_000_000, figures=figures, min_coverage=min_coverage / 100
    )
    board = build_board(bundles, out, terms)
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
