"""`sparkles-eval judge`: score stored answers again, with no model loaded."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from sparkles_eval.cli import options


def judge(
    run: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="Run ids (`list runs`). Default: every run that judges score."),
    ] = None,
    judge: options.Judges = None,
    judge_arg: options.JudgeArgs = None,
    protocol: Annotated[str, typer.Option(help="The judges' protocol variant: strict, paper.")] = "strict",
    repeats: Annotated[
        int | None, typer.Option(min=1, help="Judge each item so often, for the judge's own noise.")
    ] = None,
    data_root: Annotated[
        Path | None, typer.Option(help="Where the images are now, for judges that see them.", show_default=False)
    ] = None,
    max_connections: options.Connections = None,
    max_cost: options.MaxCost = None,
    max_attempts: options.MaxAttempts = None,
    max_wait: options.MaxWait = 600,
    max_outage: options.MaxOutage = 900,
    content: options.Content = None,
    plugin: options.Plugins = None,
    store: options.StorePath = options.DEFAULT_STORE,
    report: options.ReportPath = None,
    no_report: options.NoReport = False,
    plain: options.Plain = False,
) -> None:
    """Let judges score the stored answers of runs. Scores are added; those that are there stay.

    [bold]Examples[/bold]

      sparkles-eval judge --judge facts

      sparkles-eval judge 3f2a9c11d0e4 --judge sparkles@openai/gpt-4o --repeats 3

      sparkles-eval judge --judge ./my_judge --judge-arg model=openai/qwen --judge-arg base_url=http://localhost:8000/v1
    """
    from sparkles_eval.cli.finish import finish
    from sparkles_eval.cli.run_display import show_progress
    from sparkles_eval.core.errors import UserError
    from sparkles_eval.engine.config import RunConfig
    from sparkles_eval.engine.limits import RetryPolicy
    from sparkles_eval.engine.prepare import RunJudges, check_prices
    from sparkles_eval.engine.rejudge import stored_answers
    from sparkles_eval.engine.run import judge_again
    from sparkles_eval.engine.session import RunLimits
    from sparkles_eval.store.store import Store

    if not judge:
        raise UserError("name who shall judge, such as --judge facts; `sparkles-eval list judges` shows them")
    extra = [f"repeats={repeats}"] if repeats else []
    run_judges = RunJudges(
        RunConfig(
            tasks=(),
            models=(),
            judges=tuple(judge),
            judge_args=(*(judge_arg or ()), *extra),
            protocol=protocol,
            content=tuple(content or ()),
            plugins=tuple(plugin or ()),
        )
    )
    bound_judges = [run_judges.bound(name) for name in run_judges.members(judge)]
    panels = run_judges.panels
    check_prices(run_judges.adapters, max_cost)
    terms = RunLimits(
        max_connections, RetryPolicy(attempts=max_attempts, total_s=max_wait, outage_s=max_outage), max_cost
    )
    with Store(store, create=False) as opened:
        answered = stored_answers(opened, run or None, data_root=data_root)
        if not any(answered.values()):
            raise UserError(f"{store}: no run with answers to judge; `sparkles-eval list runs` shows what it holds")
        with show_progress(plain=plain) as progress:
            outcome = judge_again(bound_judges, answered, opened, progress, terms, sys.argv)
        if panels:
            from sparkles_eval.analysis.judges.panel_scores import score_panel

            for panel in panels:
                score_panel(opened, panel)
        finish(opened, outcome, None if no_report else report or store.with_suffix(".html"))
