"""`sparkles-eval merge`: several stores into one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.cli import options
from sparkles_eval.core.printing import say, say_warning


class Keep(StrEnum):
    """Whose row stands where two stores contradict each other."""

    FIRST = "first"


def merge(
    stores: Annotated[list[Path], typer.Argument(metavar="STORE...", help="Stores; they are only read.")],
    into: Annotated[Path, typer.Option("--into", help="The store that they become part of; made where it is new.")],
    keep: Annotated[
        Keep | None,
        typer.Option(
            help="first: where stores contradict each other, keep what the first has and leave out what rests on the "
            "other.",
            show_default=False,
        ),
    ] = None,
    plugin: options.Plugins = None,  # noqa: ARG001 - the option loads it
) -> None:
    """Bring stores together, as the jobs of a cluster leave them: what is the same once, all or nothing.

    Merging again changes nothing, and the order makes no difference. Contradictions are named and refused.

    [bold]Examples[/bold]

      sparkles-eval merge runs/job-*.db --into runs/all.db

      sparkles-eval merge a.db b.db --into all.db --keep first
    """
    from sparkles_eval.publishing.merge import merge as merge_stores
    from sparkles_eval.publishing.merge import refresh
    from sparkles_eval.store.store import Store

    done = merge_stores(stores, into, keep_first=keep is Keep.FIRST)
    with Store(into, create=False) as store:
        refresh(store)
    for conflict in done.conflicts:
        say_warning(f"left out: {conflict}", err=True)
    for note in done.notes:
        say_warning(f"note: {note}", err=True)
    shown = ("runs", "samples", "responses", "answers", "verdicts", "scores", "ratings")
    added = ", ".join(f"{done.added[name]:,} {name}" for name in shown if done.added.get(name))
    say(f"added   {added or 'nothing new'}")
    say(f"store   {into}")
