"""`sparkles-eval import`: imports result files of the published code into a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.cli import options
from sparkles_eval.core.printing import make_console, say, say_warning

_MOST_NAMED = 20


def import_results(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="SparklesEval_….json, BISON_….json, NLVR2_….json")
    ],
    data_root: Annotated[Path | None, typer.Option(help="Where the task's data are.", show_default=False)] = None,
    task: Annotated[
        str | None, typer.Option("--task", "-t", help="Of files whose names do not tell it.", show_default=False)
    ] = None,
    protocol: Annotated[str, typer.Option(help="How answers are read: paper (as published), strict.")] = "paper",
    name: Annotated[
        str | None, typer.Option(help="How tables name the model. Default: as the file does.", show_default=False)
    ] = None,
    content: options.Content = None,
    store: options.StorePath = options.DEFAULT_STORE,
) -> None:
    """Bring published result files into the store: answers as runs, judges' replies as verdicts, scored by our rules.

    What a file claims of its own answers is compared with them; differences are shown and kept as events.

    [bold]Example[/bold]

      sparkles-eval import sparkles/evaluation/*/results/*.json --data-root ./sparkles
    """

    from sparkles_eval.analysis.summary import summarise
    from sparkles_eval.core.text import one_line
    from sparkles_eval.publishing.import_results import ImportOptions, import_results
    from sparkles_eval.reports.terminal_table import print_tables
    from sparkles_eval.store.store import Store

    console = make_console()
    options = ImportOptions(data_root, task, protocol, name, tuple(content or ()))
    with Store(store) as opened:
        done = []
        for file in files:
            made = import_results(opened, file, options)
            done.append(made)
            say(f"{file}: {made.model} on {made.task}, {made.answers} answers, {made.verdicts} judgements")
            for claim in made.claims[:_MOST_NAMED]:
                say_warning(f"  {one_line(claim)}", err=True)
            if len(made.claims) > _MOST_NAMED:
                say(f"  ... and {len(made.claims) - _MOST_NAMED} more, in the table events", color="yellow", err=True)
        print_tables(summarise(opened, list(dict.fromkeys(made.run_id for made in done))), console)
    console.print(f"store   {store}", highlight=False)
