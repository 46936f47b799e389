"""`sparkles-eval judge`: score stored answers again, with no model loaded."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated

from sparkles_eval.cli.commands import Without, command
from sparkles_eval.cli.options import JsonFile, Plain, ReportOutput
from sparkles_eval.core.config_options import DEFAULT_STORE, ImageRoot, Option, StorePath
from sparkles_eval.engine.config import JudgingConfig, RunLimits


@command
def judge(
    config: JudgingConfig,
    limits: Annotated[RunLimits, Without("embed_images")],
    report: ReportOutput,
    run_ids: Annotated[
        tuple[str, ...],
        Option(
            "Run ids (`list runs`). Default: every run that judges score.",
            metavar="[RUN]...",
            argument=True,
            completes="run",
        ),
    ] = (),
    repeats: Annotated[
        int | None,
        Option("Judge every item N times, to measure the judge's own noise.", section="Judging", metavar="N", low=1),
    ] = None,
    data_root: ImageRoot = None,
    store: StorePath = DEFAULT_STORE,
    plain: Plain = False,
    json: JsonFile = None,
) -> None:
    """Score stored answers with judges. Scores are added; earlier ones stay.

    [bold]Examples[/bold]

      sparkles-eval judge --judge facts

      sparkles-eval judge 3f2a9c11d0e4 --judge sparkles@openai/gpt-4o --repeats 3

      sparkles-eval judge --judge ./my_judge --judge-arg model=openai/qwen --judge-arg base_url=http://localhost:8000/v1
    """
    from sparkles_eval.api.run_progress import show_progress
    from sparkles_eval.cli.finish import finish
    from sparkles_eval.core.errors import UserError
    from sparkles_eval.engine.addresses import judges_as_stored, panels_as_stored
    from sparkles_eval.engine.prepare import RunJudges, check_prices
    from sparkles_eval.engine.rejudge import stored_answers
    from sparkles_eval.engine.run import judge_again
    from sparkles_eval.store.store import Store

    if not config.judges:
        raise UserError("name a judge, such as --judge facts; `sparkles-eval list judges` shows them")
    if repeats:
        config = replace(config, judge_args=(*config.judge_args, f"repeats={repeats}"))
    run_judges = RunJudges(config)
    bound_judges = [run_judges.bound(name) for name in run_judges.members(config.judges)]
    panels = run_judges.panels
    check_prices(run_judges.adapters, limits.max_cost_usd)
    with Store(store, create=False) as opened:
        answered = stored_answers(opened, run_ids or None, data_root=data_root)
        if not any(answered.values()):
            raise UserError(f"{store}: no run with answers to judge; `sparkles-eval list runs` shows what it holds")
        stored = judges_as_stored(bound_judges, opened)
        panels = panels_as_stored(panels, bound_judges, stored)
        with show_progress(plain=plain) as progress:
            outcome = judge_again(stored, answered, opened, progress, limits, sys.argv)
        if panels:
            from sparkles_eval.analysis.judges.panel_scores import score_panel

            for panel in panels:
                score_panel(opened, panel)
        finish(opened, outcome, report.path(store), json)
