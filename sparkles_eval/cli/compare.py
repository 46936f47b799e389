"""`sparkles-eval compare`: which model is better, and how sure that is."""

from __future__ import annotations

from sparkles_eval.analysis.config import CompareConfig
from sparkles_eval.cli.commands import command
from sparkles_eval.cli.options import TableFiles
from sparkles_eval.core.config_options import DEFAULT_STORE, PluginFiles, StorePath


@command
def compare(
    config: CompareConfig, files: TableFiles, store: StorePath = DEFAULT_STORE, _plugins: PluginFiles = ()
) -> None:
    """Compare models on shared items: difference, interval, tests, ranks, smallest detectable difference.

    Runs are paired by sample and must be equal in all but the model: task, data, prompt, protocol, variant and judge.

    [bold]Examples[/bold]

      sparkles-eval compare openai/gpt-4o anthropic/claude-sonnet --task nlvr2

      sparkles-eval compare small large --non-inferior 3 --latex table.tex
    """
    from sparkles_eval.analysis.compare import compare_models
    from sparkles_eval.cli.table_output import present

    present(compare_models(store, config).tables, files)
