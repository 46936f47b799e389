"""`sparkles-eval compare`: which model is better, and how sure that is."""

from __future__ import annotations

from typing import Annotated

from sparkles_eval.analysis.config import CompareConfig
from sparkles_eval.cli.commands import command
from sparkles_eval.cli.options import TableFiles
from sparkles_eval.core.config_options import DEFAULT_STORE, Option, PluginFiles, StorePath
from sparkles_eval.core.printing import say


@command
def compare(
    config: CompareConfig,
    files: TableFiles,
    full: Annotated[
        bool, Option("Also print every pair, effect sizes and further tests, as the files have them.", section="Output")
    ] = False,
    store: StorePath = DEFAULT_STORE,
    _plugins: PluginFiles = (),
) -> None:
    """Compare models on shared items: ranks, each model against the best, and how sure that is.

    Runs are paired by sample and must be equal in all but the model: task, data, prompt, protocol, variant and judge.

    [bold]Examples[/bold]

      sparkles-eval compare openai/gpt-4o anthropic/claude-sonnet --task nlvr2

      sparkles-eval compare small large --non-inferior 3 --latex table.tex
    """
    from sparkles_eval.analysis.compare import compare_models
    from sparkles_eval.cli.table_output import present

    found = compare_models(store, config)
    whole = full or config.margin is not None  # a margin asks about every pair
    present(found.tables, files, shown=found.tables if whole else found.brief)
    if not whole:
        more = "--full prints every pair, effect sizes and further tests; --json, --csv and --latex write them"
        say(more, dim=True, err=True)  # the results themselves may be JSON
