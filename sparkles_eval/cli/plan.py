"""`sparkles-eval plan`: the smallest detectable difference, and how many items a question needs."""

from __future__ import annotations

from sparkles_eval.analysis.config import PlanQuestion
from sparkles_eval.cli.commands import command
from sparkles_eval.cli.options import TableFiles


@command
def plan(question: PlanQuestion, files: TableFiles) -> None:
    """Print tables for planning an evaluation: accuracy, judge scores, chance level, clusters, repeats, human labels.

    [bold]Examples[/bold]

      sparkles-eval plan --n-items 150

      sparkles-eval plan --mde 5 --cluster-size 3.5 --icc 0.3
    """
    from sparkles_eval.analysis.planning import plan as made
    from sparkles_eval.cli.table_output import present

    present(made(question).tables, files)
