"""`sparkles-eval import`: result files of the published code into a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from sparkles_eval.cli.commands import command
from sparkles_eval.core.config_options import DEFAULT_STORE, Option, StorePath
from sparkles_eval.core.printing import make_console, say, say_warning
from sparkles_eval.publishing.config import ImportOptions

_MOST_NAMED = 20
_PUBLISHED = ("sparkleseval", "bison", "nlvr2")
"""Tasks whose results in JSON have the published form, whatever their file is called."""


@command
def import_results(
    files: Annotated[
        tuple[Path, ...],
        Option(
            "The published code's JSON; CSV, JSON lines, XLSX; sample logs of lm-eval, lmms-eval, inspect.",
            metavar="FILE...",
            argument=True,
        ),
    ],
    options: ImportOptions,
    store: StorePath = DEFAULT_STORE,
) -> None:
    """Import answers that exist: as runs, judges' replies as verdicts, scored by this program's rules.

    Published result files name their task themselves; for tables and other tools' logs name it with --task.

    Scores that a file claims for its own answers are compared with them; differences are shown and kept as events.

    [bold]Example[/bold]

      sparkles-eval import sparkles/evaluation/*/results/*.json --data-root ./sparkles

      sparkles-eval import answers/*.csv --task ./quiz --map id=No --map response=Reply
    """
    from sparkles_eval.analysis.summary import summarise
    from sparkles_eval.core.text import one_line
    from sparkles_eval.publishing.import_answers import import_answers
    from sparkles_eval.publishing.import_results import import_results
    from sparkles_eval.publishing.results_file import is_result_file
    from sparkles_eval.reports.terminal_table import print_tables
    from sparkles_eval.store.store import Store

    console = make_console()
    with Store(store) as opened:
        done = []
        for file in files:
            published = is_result_file(file) or (file.suffix.lower() == ".json" and options.task in _PUBLISHED)
            for made in [import_results(opened, file, options)] if published else import_answers(opened, file, options):
                done.append(made)
                say(f"{file}: {made.model} on {made.task}, {made.answers} answers, {made.verdicts} judgements")
                for claim in made.claims[:_MOST_NAMED]:
                    say_warning(f"  {one_line(claim)}", err=True)
                if len(made.claims) > _MOST_NAMED:
                    more = len(made.claims) - _MOST_NAMED
                    say(f"  ... and {more} more, in the table events", color="yellow", err=True)
        print_tables(summarise(opened, list(dict.fromkeys(made.run_id for made in done))), console)
    console.print(f"store   {store}", highlight=False)
