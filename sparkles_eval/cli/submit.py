"""`sparkles-eval submit`: runs as one file that anybody can check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.cli import options
from sparkles_eval.core.printing import say, say_warning
from sparkles_eval.core.text import one_line


def submit(
    out: Annotated[Path, typer.Option("--out", "-o", help="The bundle to write, a .zip.")],
    run: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Run ids (`list runs`). Default: all.")
    ] = None,
    store: options.StorePath = options.DEFAULT_STORE,
    contact: Annotated[str, typer.Option(help="Whom to ask about it; stands on the card.")] = "",
    licence: Annotated[str, typer.Option(help="Of the answers; stands on the card.")] = "",
    note: Annotated[str, typer.Option(help="A few words for the card.")] = "",
    thumbnails: Annotated[
        bool, typer.Option("--thumbnails/--no-thumbnails", help="Small previews of the images.")
    ] = True,
    plugin: options.Plugins = None,  # noqa: ARG001 - the option loads it
) -> None:
    """Write a bundle: these runs with all that their numbers rest on, hashes of everything, and a card.

    The store is checked first; pictures, people's ratings and other runs stay at home, and so do keys. The same runs
    give the same bytes.

    [bold]Example[/bold]

      sparkles-eval submit 3f2a9c11d0e4 58661e94987a --out my-model.zip --contact me@example.org --licence CC-BY-4.0
    """
    from sparkles_eval.core.errors import UserError
    from sparkles_eval.publishing.bundle import LONGEST_LINE, LONGEST_NOTE, BundleNotes
    from sparkles_eval.publishing.make_bundle import submit as write_bundle

    if max(len(contact), len(licence)) > LONGEST_LINE or len(note) > LONGEST_NOTE:
        raise UserError(f"--contact and --licence are a line ({LONGEST_LINE} characters), --note {LONGEST_NOTE}")
    about = BundleNotes(contact=contact, licence=licence, note=note)
    made = write_bundle(store, run or None, out, about, thumbnails=thumbnails)
    for one in made.manifest.runs:
        say(one_line(f"{one.id}  {one.model} on {one.task}, {one.samples} samples"))
    for why in made.unchecked:
        say_warning(f"nobody can work this out again, so leaderboards refuse it: {why}")
    for low in made.unranked:
        say_warning(f"leaderboards show it unranked, below the others: {low}")
    say(f"bundle  {made.path} ({made.size / 1e6:.1f} MB)")
