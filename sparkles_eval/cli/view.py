"""`sparkles-eval view`: look at a store in the browser while it grows, and let people rate answers there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from sparkles_eval.cli import options

_RATE, _SERVE = "Let a person rate", "Where it is served"
_CriteriaOf: TypeAlias = Annotated[
    str,
    typer.Option(
        "--criteria-of", metavar="JUDGE", help="The judge whose criteria and scale people use.", rich_help_panel=_RATE
    ),
]
_Pairwise: TypeAlias = Annotated[
    bool, typer.Option("--pairwise", help="Two answers side by side: which is better?", rich_help_panel=_RATE)
]


def view(
    store: Annotated[
        Path, typer.Argument(metavar="STORE", help="The SQLite file to look at.", show_default=True)
    ] = options.DEFAULT_STORE,
    annotate: Annotated[
        bool, typer.Option("--annotate", help="One answer a page, blind, for one person.", rich_help_panel=_RATE)
    ] = False,
    rater: Annotated[
        str | None, typer.Option("--rater", help="Who rates.", rich_help_panel=_RATE, show_default=False)
    ] = None,
    task: Annotated[
        str | None,
        typer.Option("--task", "-t", help="Where the store holds several.", rich_help_panel=_RATE, show_default=False),
    ] = None,
    n: Annotated[
        int, typer.Option("--n", min=1, help="Dialogues that this person has rated in the end.", rich_help_panel=_RATE)
    ] = 50,
    pairwise: _Pairwise = False,
    run: Annotated[
        list[str] | None, typer.Option("--run", help="Only these runs.", rich_help_panel=_RATE, show_default=False)
    ] = None,
    criteria_of: _CriteriaOf = "sparkles",
    seed: Annotated[int, typer.Option(help="Of the random order; keep it for one task.", rich_help_panel=_RATE)] = 0,
    host: Annotated[
        str, typer.Option("--host", help="Other than this machine: say so on purpose.", rich_help_panel=_SERVE)
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0: a free one.", rich_help_panel=_SERVE)] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only say the address.", rich_help_panel=_SERVE)
    ] = False,
    data_root: Annotated[
        Path | None, typer.Option(help="Where the images are now; else small previews.", show_default=False)
    ] = None,
    content: options.Content = None,
    plugin: options.Plugins = None,  # noqa: ARG001 - the option loads it
) -> None:
    """Show a store in the browser: progress, leaderboard, samples, search; or let a person rate its answers.

    Everything stays on this machine: the address holds a random token, and nothing is loaded from elsewhere. The store
    is opened for reading only, unless a person rates.

    [bold]Examples[/bold]

      sparkles-eval view runs/sparkles.db

      sparkles-eval view --annotate --rater ada --n 50
    """
    from sparkles_eval.core.errors import UserError
    from sparkles_eval.viewer import need_server

    if not annotate and (rater or pairwise or run or task):
        raise UserError("view: --rater, --task, --run and --pairwise are for --annotate; add it, or leave them out")
    if annotate and not rater:
        raise UserError("view --annotate: name who rates with --rater")
    need_server("sparkles-eval view")
    from sparkles_eval.viewer import app as opening

    places = opening.ViewerConfig(store, data_root, tuple(content or ()), host, port, open_browser=not no_browser)
    if annotate:
        config = opening.AnnotateConfig(rater or "", task, tuple(run or ()), n, criteria_of, seed, pairwise=pairwise)
        opening.serve_annotator(places, config)
    else:
        opening.serve_viewer(places)
