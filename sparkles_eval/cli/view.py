"""`sparkles-eval view`: browse a store while it grows, and let people rate answers there."""

from __future__ import annotations

from typing import Annotated

from sparkles_eval.cli.commands import command
from sparkles_eval.core.config_options import Option, PluginFiles
from sparkles_eval.viewer.config import AnnotateConfig, ViewerConfig


@command
def view(
    config: ViewerConfig,
    rating: AnnotateConfig,
    annotate: Annotated[
        bool, Option("Let one person rate answers, one a page, without the models' names.", section="Judging")
    ] = False,
    _plugins: PluginFiles = (),
) -> None:
    """Show a store in the browser: progress, leaderboard, samples, search; or let a person rate its answers.

    Everything stays on this machine: the address holds a random token, and nothing is loaded from the network. The
    store is opened for reading only, unless a person rates.

    [bold]Examples[/bold]

      sparkles-eval view runs/sparkles.db

      sparkles-eval view --annotate --rater ada --n 50
    """
    from sparkles_eval.core.errors import UserError
    from sparkles_eval.viewer import need_server

    if not annotate and (rating.rater or rating.pairwise or rating.runs or rating.task):
        raise UserError("view: --rater, --task, --run and --pairwise are for --annotate; add it, or leave them out")
    if annotate and not rating.rater:
        raise UserError("view --annotate: name who rates with --rater")
    need_server("sparkles-eval view")
    from sparkles_eval.viewer.app import serve_annotator, serve_viewer

    if annotate:
        serve_annotator(config, rating)
    else:
        serve_viewer(config)
