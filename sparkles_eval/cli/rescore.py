"""`sparkles-eval rescore`: scores stored answers with the current answer rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from sparkles_eval.cli.commands import command
from sparkles_eval.cli.json_output import write_json
from sparkles_eval.cli.options import JsonFile
from sparkles_eval.core.config_options import Option
from sparkles_eval.core.printing import say


@command
def rescore(
    store: Annotated[Path, Option("Store to add scores by the current rules to.", argument=True)],
    run_ids: Annotated[
        tuple[str, ...], Option("Rescore only this run; repeat for several.", "--run", metavar="ID")
    ] = (),
    json: JsonFile = None,
) -> None:
    """Score stored answers again with the current version of their answer rule; no model is called.

    Scores by earlier versions stay in the store: `verify` checks each score with the version that it names, and tables
    show the newest. Prints for each run how many items are read differently.

    [bold]Examples[/bold]

      sparkles-eval rescore runs/sparkles.db
    """
    from sparkles_eval.engine.reread import reread
    from sparkles_eval.store.store import Store

    with Store(store, create=False) as opened:
        done = reread(opened, run_ids or None)
    result = [
        {"run": row.run.id, "before": row.before, "now": row.now, "items": row.items, "changed": row.changed}
        for row in done
    ]
    if write_json(json, result):
        return
    for row in done:
        who = f"{row.run.task.name}, {row.run.model.name} ({row.run.id})"
        if row.before == row.now:
            say(f"{who}: is read by {row.now} already")
        else:
            what = f"{row.changed:,} of {row.items:,} items are read differently"
            say(f"{who}: {row.before or 'nothing'} -> {row.now}, {what}")
    if not done:
        say(f"{store}: no run whose answers a rule reads")
