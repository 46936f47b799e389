"""`sparkles-eval table`: the leaderboard as a table for a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from sparkles_eval.cli.commands import command
from sparkles_eval.cli.options import ReportFilter
from sparkles_eval.core.config_options import DEFAULT_STORE, Option, PluginFiles, StorePath
from sparkles_eval.publishing.config import PaperFormat, PaperTableConfig


@command
def table(
    shown: ReportFilter,
    config: PaperTableConfig,
    form: Annotated[PaperFormat, Option("Format of the table.", "--as", section="Output")] = PaperFormat.LATEX,
    out: Annotated[Path | None, Option("File to write. Default: printed.", "--out -o", section="Output")] = None,
    store: StorePath = DEFAULT_STORE,
    _plugins: PluginFiles = (),
) -> None:
    """Write a table for a paper: models by tasks, intervals, the best in bold and what ties with it underlined.

    LaTeX needs booktabs alone; a table that is too wide for a column becomes a table* over both.

    [bold]Examples[/bold]

      sparkles-eval table --protocol strict --name openai/gpt-4o=GPT-4o --label tab:main --out main.tex

      sparkles-eval table --column nlvr2 --column nlvr2:consistency --as markdown
    """
    from sparkles_eval.analysis.leaderboard import leaderboard
    from sparkles_eval.analysis.summary import narrow, summarise
    from sparkles_eval.core.files import write_output
    from sparkles_eval.core.printing import say, write_stdout
    from sparkles_eval.publishing.exports.paper_table import paper_table, write_paper_table
    from sparkles_eval.store.reading import open_to_read

    with open_to_read(store) as opened:
        summary = summarise(opened, shown.runs or None, min_coverage=shown.min_coverage)
        summary = narrow(summary, shown.judges, shown.protocol)
        text = write_paper_table(paper_table(leaderboard(summary), config), form)
    if out is None:
        write_stdout([text])
    else:
        say(f"written {write_output(out, text, 'name another file')}")
