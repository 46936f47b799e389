"""`sparkles-eval ablations`: how much of a score comes from the images, their order, and the history."""

from __future__ import annotations

from typing import Annotated

from sparkles_eval.analysis.config import OneJudge, OneTask
from sparkles_eval.cli.commands import command
from sparkles_eval.cli.options import TableFiles
from sparkles_eval.core.config_options import DEFAULT_STORE, Option, PluginFiles, StorePath


@command
def ablations(
    files: TableFiles,
    models: Annotated[
        tuple[str, ...],
        Option(
            "Names of models or run ids. Default: all.", metavar="[MODEL]...", argument=True, completes="run or model"
        ),
    ] = (),
    task: OneTask = None,
    judge: OneJudge = None,
    store: StorePath = DEFAULT_STORE,
    _plugins: PluginFiles = (),
) -> None:
    """Compare runs of altered tasks with the same runs of the tasks as they are.

    `run --images dropped|wrong|shuffled`, `--orders both` and `--history reference` make altered runs.

    [bold]Example[/bold]

      sparkles-eval run -t nlvr2 -m openai/gpt-4o --images dropped && sparkles-eval ablations openai/gpt-4o
    """
    from sparkles_eval.analysis.ablations import ablations as made
    from sparkles_eval.cli.table_output import present

    present(made(store, *models, task=task, judge=judge).tables, files)
