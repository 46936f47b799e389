"""`sparkles-eval rescore`: stored replies read anew with the current answer rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.core.printing import say


def rescore(
    store: Annotated[Path, typer.Argument(help="The store; scores by the current rule are added to it.")],
    run: Annotated[list[str] | None, typer.Option("--run", metavar="ID", help="Only this run; again for more.")] = None,
) -> None:
    """Read stored replies anew with the current version of their answer rule. Nobody is asked.

    What an earlier version read stays in the store: `verify` reads each score with the version that it names, and
    tables show the newest. Prints for each run how many items are read differently.

    [bold]Examples[/bold]

      sparkles-eval rescore runs/sparkles.db
    """
    from sparkles_eval.engine.reread import reread
    from sparkles_eval.store.store import Store

    with Store(store, create=False) as opened:
        done = reread(opened, run)
    for row in done:
        who = f"{row.run.task.name}, {row.run.model.name} ({row.run.id})"
        if row.before == row.now:
            say(f"{who}: is read by {row.now} already")
        else:
            what = f"{row.changed:,} of {row.items:,} items are read differently"
            say(f"{who}: {row.before or 'nothing'} -> {row.now}, {what}")
    if not done:
        say(f"{store}: no run whose answers a rule reads")
