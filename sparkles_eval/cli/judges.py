"""`sparkles-eval judges`: compare judges with each other and with people, audit one, start a new one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparkles_eval.cli import options, table_output
from sparkles_eval.core.files import write_output
from sparkles_eval.core.printing import make_console, say

if TYPE_CHECKING:
    from sparkles_eval.engine.config import RunConfig
    from sparkles_eval.engine.jobs import BoundJudge
    from sparkles_eval.engine.rejudge import AuditJob
    from sparkles_eval.engine.session import RunLimits


DEFAULT_STORE = Path("runs/audit.db")


def audit(
    judge: Annotated[str, typer.Argument(help="NAME or NAME@MODEL, or a folder.")],
    task: Annotated[
        str, typer.Option("--task", "-t", help="Dialogues with exact facts, or with references.")
    ] = "sparkleseval-mini",
    task_arg: Annotated[list[str] | None, typer.Option("--task-arg", metavar="K=V")] = None,
    data_root: Annotated[Path | None, typer.Option(help="Where the task's data are.", show_default=False)] = None,
    budget: Annotated[
        int, typer.Option(min=1, metavar="N", help="Judgements at the most; dialogues are drawn at random to fit.")
    ] = 1500,
    seed: Annotated[int, typer.Option(help="Another number draws other dialogues.")] = 0,
    judge_arg: options.JudgeArgs = None,
    protocol: Annotated[str, typer.Option(help="The judge's variant: strict, paper.")] = "strict",
    estimate: Annotated[bool, typer.Option("--estimate", help="What it would ask and cost. Spends nothing.")] = False,
    max_connections: options.Connections = None,
    max_cost: options.MaxCost = None,
    max_attempts: options.MaxAttempts = None,
    max_wait: options.MaxWait = 600,
    max_outage: options.MaxOutage = 900,
    content: options.Content = None,
    plugin: options.Plugins = None,
    store: options.StorePath = DEFAULT_STORE,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write the page as Markdown.")] = None,
    json: table_output.JsonPath = None,
    csv: table_output.CsvPath = None,
    latex: table_output.LatexPath = None,
    plain: options.Plain = False,
) -> None:
    """Try a judge on answers whose truth is known: facts missing, exchanged or contradicted in doses, padding, the
    answers of another dialogue, eleven attacks, and for a judge that looks, missing and wrong images.

    Every verdict is kept, in a store of its own; the same command again asks only for what is missing.

    [bold]Examples[/bold]

      sparkles-eval judges audit facts

      sparkles-eval judges audit sparkles@openai/gpt-4o --budget 600 --out gpt-4o-as-judge.md
    """
    from sparkles_eval.cli.run_display import print_cost_estimate
    from sparkles_eval.core.errors import UserError
    from sparkles_eval.engine.config import RunConfig
    from sparkles_eval.engine.limits import RetryPolicy
    from sparkles_eval.engine.prepare import RunJudges, check_prices
    from sparkles_eval.engine.session import RunLimits
    from sparkles_eval.judges.panel import is_panel

    if is_panel(judge):
        raise UserError(f"{judge}: a panel is worked out of its members' scores; audit them one by one")
    config = RunConfig(
        tasks=(task,),
        models=(),
        judges=(judge,),
        protocol=protocol,
        task_args=tuple(task_arg or ()),
        judge_args=tuple(judge_arg or ()),
        data_root=data_root,
        content=tuple(content or ()),
        plugins=tuple(plugin or ()),
        shuffle_seed=seed,
    )
    run_judges = RunJudges(config)
    bound = run_judges.bound(judge)
    placed = _placed(config, bound, budget)
    if estimate:
        print_cost_estimate([one.job for one in placed], store, max_connections)
        return
    check_prices(run_judges.adapters, max_cost)
    terms = RunLimits(
        max_connections, RetryPolicy(attempts=max_attempts, total_s=max_wait, outage_s=max_outage), max_cost
    )
    if _judge(placed, bound, store, terms, plain=plain) == "interrupted":
        say("interrupted; run the same command again to go on from here", err=True)
        raise typer.Exit(130)
    _show(placed, bound, store, out, table_output.TableFiles(json, csv, latex), config.content)


def _placed(config: RunConfig, bound: BoundJudge, budget: int) -> list[AuditJob]:
    """The probes of as many dialogues as the budget allows."""
    from dataclasses import replace

    from sparkles_eval.core.errors import UserError
    from sparkles_eval.engine.prepare import load_tasks
    from sparkles_eval.engine.rejudge import audit_jobs
    from sparkles_eval.judges.audit import known_truth, load_answers, make_probes
    from sparkles_eval.judges.base import AnsweredSample

    (task,) = load_tasks(config)
    if task.protocol.scorer:
        raise UserError(f"task {task.name} is scored by a rule, not by judges; audit a judge on dialogues")
    samples, spec = known_truth(task.samples), load_answers(config.content)
    able = [sample for sample in samples if bound.judge.check(sample) is None]
    if not able:
        raise UserError(
            f"{bound.judge.card.name} can judge no dialogue of {task.name}: {bound.judge.check(samples[0])}"
        )
    probes = make_probes(able[:2], bound.judge.card, spec)
    calls = len(bound.judge.calls(AnsweredSample(able[0], tuple("" for _ in able[0].turns))))
    each = len(probes) * calls * bound.judge.card.repeats
    if budget < 2 * each:
        raise UserError(f"--budget {budget}: one dialogue takes {each} judgements, and two are needed at the least")
    chosen = able[: budget // each]
    return audit_jobs(replace(task, samples=tuple(chosen)), make_probes(chosen, bound.judge.card, spec), bound)


def _judge(placed: list[AuditJob], bound: BoundJudge, path: Path, terms: RunLimits, *, plain: bool) -> str:
    """Ask for what the store lacks; how that ended."""
    from sparkles_eval.cli.run_display import show_progress
    from sparkles_eval.engine.prepare import RunPlan
    from sparkles_eval.engine.run import execute
    from sparkles_eval.store.store import Store

    adapters = (bound.adapter,) if bound.adapter else ()
    plan = RunPlan(tuple(one.job for one in placed), adapters)
    with Store(path) as opened, show_progress(plain=plain) as progress:
        return execute(plan, opened, progress, terms, sys.argv).ending


def _show(
    placed: list[AuditJob],
    bound: BoundJudge,
    path: Path,
    out: Path | None,
    files: table_output.TableFiles,
    content: tuple[Path, ...],
) -> None:
    from rich.markdown import Markdown

    from sparkles_eval.analysis.judges import audit_tables
    from sparkles_eval.analysis.judges.audit import audit_report
    from sparkles_eval.analysis.judges.audit_tables import rehearsals
    from sparkles_eval.engine.jobs import judge_row
    from sparkles_eval.judges.quoting import rehearse
    from sparkles_eval.reports.audit_page import page
    from sparkles_eval.store.store import Store

    with Store(path, create=False) as opened:
        pairs = [(one.probe, one.job.run.id) for one in placed]
        report = audit_report(opened, judge_row(bound.judge), placed[0].job.task.name, pairs)
    rehearsed = rehearse(bound.judge, [one.probe for one in placed])
    table_output.present([*audit_tables.tables(report), *rehearsals(rehearsed)], files)
    text = page(report, content, rehearsed)
    console = make_console()
    console.print()
    console.print(Markdown(text))
    if out is not None:
        write_output(out, text, "name another file with --out")
        console.print(f"page    {out}", highlight=False, markup=False)
    console.print(f"store   {path}", highlight=False, markup=False)


app = typer.Typer(help="Make, compare and audit judges.", no_args_is_help=True)
app.command("audit")(audit)


@app.command("compare")
def compare(
    judges: Annotated[
        list[str],
        typer.Argument(metavar="JUDGE JUDGE...", help="NAME, NAME@MODEL or a fingerprint; human or human:RATER."),
    ],
    task: Annotated[
        str | None, typer.Option("--task", "-t", help="Where the store holds several.", show_default=False)
    ] = None,
    run: Annotated[list[str] | None, typer.Option("--run", help="Only these runs.", show_default=False)] = None,
    largest: Annotated[int, typer.Option(min=0, help="How many of the largest disagreements to list.")] = 10,
    epsilon: Annotated[
        float, typer.Option(min=0, max=1, help="What a person costs: .2 experts, .15 skilled, .1 crowd.")
    ] = 0.2,
    store: options.StorePath = options.DEFAULT_STORE,
    report: Annotated[
        Path | None, typer.Option(help="Show the largest disagreements, images and all, in an HTML file.")
    ] = None,
    json: table_output.JsonPath = None,
    csv: table_output.CsvPath = None,
    latex: table_output.LatexPath = None,
) -> None:
    """Compare judges on the answers that they have scored: order, marks, severity, constancy, biases, cost.

    [bold]Examples[/bold]

      sparkles-eval judges compare facts sparkles@openai/gpt-4o --report disagreements.html

      sparkles-eval judges compare sparkles@openai/gpt-4o sparkles@anthropic/claude-sonnet-4-5 human --latex judges.tex
    """
    from sparkles_eval.analysis.judges import agreement as judges_agreement
    from sparkles_eval.analysis.judges import comparison as judges_tables
    from sparkles_eval.analysis.judges.judge_scores import read_marks
    from sparkles_eval.store.store import Store

    with Store(store, create=False) as opened:
        marks = read_marks(opened, judges, task, run or None)
        found = judges_tables.compare(opened, marks, largest=largest, epsilon=epsilon)
        if report is not None:
            from sparkles_eval.analysis.summary import summarise
            from sparkles_eval.reports.report import render_report

            answers = [gap.answer for gap in judges_agreement.largest_gaps(marks, largest)]
            summary = summarise(opened, list(dict.fromkeys(answer.run.id for answer in answers)))
            render_report(opened, summary, report, only={answer.sample_id for answer in answers})
    table_output.present(found, table_output.TableFiles(json, csv, latex))


@app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Lower case letters, digits, '-', '_'.")],
    where: Annotated[Path, typer.Option("--in", help="The folder that it is made in.")] = Path(),
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
