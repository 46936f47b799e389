"""`sparkles-eval judges`: compare judges with each other and with people, audit one, start a new one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparkles_eval.cli.commands import Without, command
from sparkles_eval.cli.options import EstimateOnly, Plain, TableFiles
from sparkles_eval.core.config_options import DEFAULT_STORE, Option, StorePath
from sparkles_eval.core.printing import make_console, say
from sparkles_eval.engine.config import AuditConfig, RunLimits

if TYPE_CHECKING:
    from sparkles_eval.engine.jobs import BoundJudge
    from sparkles_eval.engine.rejudge import AuditJob

AUDIT_STORE = Path("runs/audit.db")

app = typer.Typer(help="Compare, audit and create judges.", no_args_is_help=True)


@app.command("audit")
@command
def audit(
    config: AuditConfig,
    limits: Annotated[RunLimits, Without("embed_images")],
    files: TableFiles,
    estimate: EstimateOnly = False,
    store: Annotated[
        Path, Option("Store of the audits' own, whatever SPARKLES_EVAL_STORE names.", section="Output")
    ] = AUDIT_STORE,
    out: Annotated[Path | None, Option("Write the page as Markdown.", "--out -o", section="Output")] = None,
    plain: Plain = False,
) -> None:
    """Test a judge on answers of known quality: facts missing, exchanged or contradicted at several levels, padding,
    answers of another dialogue, eleven attacks, and for a judge that sees images, missing and wrong images.

    Every verdict is kept, in a store of its own; the same command again requests only what is missing.

    [bold]Examples[/bold]

      sparkles-eval judges audit facts

      sparkles-eval judges audit sparkles@openai/gpt-4o --budget 600 --out gpt-4o-as-judge.md
    """
    from sparkles_eval.cli.cost_table import print_cost_estimate
    from sparkles_eval.core.errors import UserError
    from sparkles_eval.engine.prepare import RunJudges, check_prices
    from sparkles_eval.engine.rejudge import plan_audit
    from sparkles_eval.judges.panel import is_panel

    if is_panel(config.judge):
        raise UserError(f"{config.judge}: a panel is computed from its members' scores; audit them one by one")
    run_judges = RunJudges(config.run)
    bound = run_judges.bound(config.judge)
    jobs = plan_audit(config, bound)
    if estimate:
        print_cost_estimate([one.job for one in jobs], store, limits.connections)
        return
    check_prices(run_judges.adapters, limits.max_cost_usd)
    if _judge(jobs, bound, store, limits, plain=plain) == "interrupted":
        say("interrupted; run the same command again to resume", err=True)
        raise typer.Exit(130)
    _show(jobs, bound, store, out, files, config.content)


def _judge(jobs: list[AuditJob], bound: BoundJudge, path: Path, limits: RunLimits, *, plain: bool) -> str:
    """Request the judgements that the store lacks; gives how the session ended."""
    from sparkles_eval.api.run_progress import show_progress
    from sparkles_eval.engine.prepare import RunPlan
    from sparkles_eval.engine.run import execute
    from sparkles_eval.store.store import Store

    adapters = (bound.adapter,) if bound.adapter else ()
    plan = RunPlan(tuple(one.job for one in jobs), adapters)
    with Store(path) as opened, show_progress(plain=plain) as progress:
        return execute(plan, opened, progress, limits, sys.argv).ending


def _show(
    jobs: list[AuditJob], bound: BoundJudge, path: Path, out: Path | None, files: TableFiles, content: tuple[Path, ...]
) -> None:
    from rich.markdown import Markdown

    from sparkles_eval.analysis.judges import audit_tables
    from sparkles_eval.analysis.judges.audit import audit_report
    from sparkles_eval.analysis.judges.audit_tables import rehearsals
    from sparkles_eval.cli.table_output import present
    from sparkles_eval.core.files import write_output
    from sparkles_eval.engine.jobs import judge_row
    from sparkles_eval.judges.quoting import rehearse
    from sparkles_eval.reports.audit_page import page
    from sparkles_eval.store.store import Store

    with Store(path, create=False) as opened:
        pairs = [(one.probe, one.job.run.id) for one in jobs]
        report = audit_report(opened, judge_row(bound.judge), jobs[0].job.task.name, pairs)
    rehearsed = rehearse(bound.judge, [one.probe for one in jobs])
    present([*audit_tables.tables(report), *rehearsals(rehearsed)], files)
    text = page(report, content, rehearsed)
    console = make_console()
    console.print()
    console.print(Markdown(text))
    if out is not None:
        write_output(out, text, "name another file with --out")
        console.print(f"page    {out}", highlight=False, markup=False)
    console.print(f"store   {path}", highlight=False, markup=False)


@app.command("compare")
@command
def compare(
    judges: Annotated[
        tuple[str, ...],
        Option("NAME, NAME@MODEL or a fingerprint; human or human:RATER.", metavar="JUDGE JUDGE...", argument=True),
    ],
    files: TableFiles,
    task: Annotated[
        str | None, Option("Task to compare on, where the store holds several.", "--task -t", section="Samples")
    ] = None,
    run: Annotated[
        tuple[str, ...], Option("Compare only on answers of this run; repeat for several.", section="Samples")
    ] = (),
    largest: Annotated[int, Option("List the N largest disagreements.", section="Contents", metavar="N", low=0)] = 10,
    epsilon: Annotated[
        float,
        Option(
            "Advantage that people are granted over a judge in the replacement test, as they cost more: 0.2 for "
            "experts, 0.15 for skilled annotators, 0.1 for crowd workers.",
            section="Contents",
            low=0,
            high=1,
        ),
    ] = 0.2,
    store: StorePath = DEFAULT_STORE,
    report: Annotated[
        Path | None, Option("Show the largest disagreements with their images in this HTML file.", section="Output")
    ] = None,
) -> None:
    """Compare judges on the answers that they have scored: ranking, scores, severity, consistency, biases, cost.

    [bold]Examples[/bold]

      sparkles-eval judges compare facts sparkles@openai/gpt-4o --report disagreements.html

      sparkles-eval judges compare sparkles@openai/gpt-4o sparkles@anthropic/claude-sonnet-4-5 human --latex judges.tex
    """
    from sparkles_eval.analysis.judges import agreement as judges_agreement
    from sparkles_eval.analysis.judges import comparison as judges_tables
    from sparkles_eval.analysis.judges.judge_scores import read_marks
    from sparkles_eval.cli.table_output import present
    from sparkles_eval.store.reading import open_to_read

    with open_to_read(store) as opened:
        marks = read_marks(opened, judges, task, run or None)
        found = judges_tables.compare(opened, marks, largest=largest, epsilon=epsilon)
        if report is not None:
            from sparkles_eval.analysis.summary import summarise
            from sparkles_eval.reports.report import render_report

            answers = [gap.answer for gap in judges_agreement.largest_gaps(marks, largest)]
            summary = summarise(opened, list(dict.fromkeys(answer.run.id for answer in answers)))
            render_report(opened, summary, report, only={answer.sample_id for answer in answers})
    present(found, files)


@app.command("new")
@command
def new(
    name: Annotated[str, Option("Name of the judge: lower case letters, digits, '-', '_'.", argument=True)],
    where: Annotated[Path, Option("Folder to create it in.", "--in")] = Path(),
) -> None:
    """Write a commented judge folder that works as it is.

    [bold]Example[/bold]

      sparkles-eval judges new my-judge && sparkles-eval judge --judge ./my-judge@openai/gpt-4o
    """
    from sparkles_eval.judges.spec import write_judge_scaffold

    folder = write_judge_scaffold(name, where)
    say(f"{folder}\ntry it:  sparkles-eval judge --judge {folder}@openai/gpt-4o")


@app.callback()
def _root() -> None: ...
