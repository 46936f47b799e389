"""`sparkles-eval variance`: where the uncertainty of a score comes from, and how to reduce it."""

from __future__ import annotations

from typing import Annotated

from sparkles_eval.analysis.config import OneJudge, OneTask
from sparkles_eval.cli.commands import command
from sparkles_eval.cli.options import TableFiles
from sparkles_eval.core.config_options import DEFAULT_STORE, Option, PluginFiles, StorePath


@command
def variance(
    files: TableFiles,
    models: Annotated[
        tuple[str, ...],
        Option(
            "Names of models or run ids. Default: every scored run.",
            metavar="[MODEL]...",
            argument=True,
            completes="run or model",
        ),
    ] = (),
    task: OneTask = None,
    judge: OneJudge = None,
    store: StorePath = DEFAULT_STORE,
    _plugins: PluginFiles = (),
) -> None:
    """Split a score's variance over items, generations and judge repeats, and say which of them to add next.

    It needs repeats: `run --epochs 3` repeats every sample three times, `judge --repeats 3` every judgement.

    [bold]Example[/bold]

      sparkles-eval variance openai/gpt-4o --task sparkleseval
    """
    from sparkles_eval.analysis.variance import variance as made
    from sparkles_eval.cli.table_output import present

    present(made(store, *models, task=task, judge=judge).tables, files)
