"""`sparkles-eval data browse`: generated dialogues as a page, images at their words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.cli import options


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
    from sparkles_eval.dialogues.browse import write_browser

    found = write_browser(place, out, set_id=set_id, most=most, content=tuple(content or ()))
    typer.echo(f"{found.kept} kept, {found.rejected} rejected")
    typer.echo(f"page    {out}")
