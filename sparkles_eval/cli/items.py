"""`sparkles-eval items`: which items are hard, which tell models apart, and which look mislabelled."""

from __future__ import annotations

from typing import Annotated

from sparkles_eval.analysis.config import OneJudge, OneTask
from sparkles_eval.cli.commands import command
from sparkles_eval.cli.options import TableFiles
from sparkles_eval.core.config_options import DEFAULT_STORE, Option, PluginFiles, StorePath


@command
def items(
    files: TableFiles,
    models: Annotated[
        tuple[str, ...],
        Option("Names of models or run ids. Default: every model.", metavar="[MODEL]...", argument=True),
    ] = (),
    task: OneTask = None,
    judge: OneJudge = None,
    store: StorePath = DEFAULT_STORE,
    _plugins: PluginFiles = (),
) -> None:
    """Difficulty and discrimination of every item of a task, and items on which better models do worse.

    It needs five comparable models or more, and nine to say that an item looks mislabelled.

    [bold]Example[/bold]

      sparkles-eval items --task nlvr2 --csv items.csv
    """
    from sparkles_eval.analysis.items import items as made
    from sparkles_eval.cli.table_output import present

    present([table for one in made(store, *models, task=task, judge=judge) for table in one.tables], files)
