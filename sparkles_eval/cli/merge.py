"""`sparkles-eval merge`: several stores into one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from sparkles_eval.cli.commands import command
from sparkles_eval.cli.json_output import write_json
from sparkles_eval.cli.options import JsonFile
from sparkles_eval.core.config_options import Option, PluginFiles
from sparkles_eval.core.printing import say, say_warning


@command
def merge(
    stores: Annotated[
        tuple[Path, ...], Option("Stores to merge; they are only read.", metavar="STORE...", argument=True)
    ],
    into: Annotated[Path, Option("Store that receives them; created if it does not exist.", section="Output")],
    keep: Annotated[
        Literal["first"] | None,
        Option(
            "first: where stores contradict each other, keep what the first has and leave out what follows from the "
            "other.",
            section="Output",
        ),
    ] = None,
    same_model: Annotated[
        bool,
        Option("Merge also where servers list different models under one name: they are the same.", section="Output"),
    ] = False,
    _plugins: PluginFiles = (),
    json: JsonFile = None,
) -> None:
    """Merge stores, such as those of parallel jobs, into one. Equal rows are kept once.

    A merge is done whole or not at all. Merging again changes nothing, and the order makes no difference.
    Contradictions are named and refused.

    [bold]Examples[/bold]

      sparkles-eval merge runs/job-*.db --into runs/all.db

      sparkles-eval merge a.db b.db --into all.db --keep first
    """
    from sparkles_eval.publishing.merge import merge as merge_stores
    from sparkles_eval.publishing.merge import refresh
    from sparkles_eval.store.store import Store

    done = merge_stores(stores, into, keep_first=keep == "first", same_model=same_model)
    with Store(into, create=False) as store:
        refresh(store)
    left_out = [str(conflict) for conflict in done.conflicts]
    result = {"store": str(into), "added": dict(done.added), "left_out": left_out, "notes": list(done.notes)}
    if write_json(json, result):
        return
    for conflict in done.conflicts:
        say_warning(f"left out: {conflict}", err=True)
    for note in done.notes:
        say_warning(f"note: {note}", err=True)
    shown = ("runs", "samples", "responses", "answers", "verdicts", "scores", "ratings")
    added = ", ".join(f"{done.added[name]:,} {name}" for name in shown if done.added.get(name))
    say(f"added   {added or 'nothing new'}")
    say(f"store   {into}")
