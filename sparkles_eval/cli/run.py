"""`sparkles-eval run`: evaluate models on tasks, score, store, report."""

from __future__ import annotations

import importlib
import sys
from functools import partial
from types import ModuleType
from typing import Annotated

from sparkles_eval.cli.commands import command
from sparkles_eval.cli.long_wait import said_while_long
from sparkles_eval.cli.options import ConfigOptions, EstimateOnly, JsonFile, Plain, ReportOutput
from sparkles_eval.core.config_options import DEFAULT_STORE, Option, StorePath
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.printing import make_console
from sparkles_eval.engine.config import RunConfig, RunLimits


@command
def run(
    config: RunConfig,
    limits: RunLimits,
    report: ReportOutput,
    source: ConfigOptions,
    estimate: EstimateOnly = False,
    dry_run: Annotated[
        bool, Option("Print the prompts of one sample of each task, and send nothing.", section="Cost and limits")
    ] = False,
    store: StorePath = DEFAULT_STORE,
    plain: Plain = False,
    json: JsonFile = None,
) -> None:
    """Evaluate models on tasks: generate answers, score them, and write a report.

    The same command again resumes: only missing answers and scores are requested.
    Exit code 0: everything is scored; 2: something to fix on your side; 3: some items are unscored, counted on screen;
    130: interrupted.

    [bold]Examples[/bold]

      sparkles-eval run -t nlvr2-mini -m baseline/chance -m baseline/oracle

      sparkles-eval run -t bison,nlvr2,sparkleseval --data-root ./sparkles -m gpt-4o --estimate

      sparkles-eval run -t ./my_task -m openai/llava --model-arg base_url=http://localhost:8000/v1

      sparkles-eval run --config eval.yaml --set limit=20
    """
    if dry_run:
        _write_config(source)
        _show_prompts(config)
        return

    from sparkles_eval.api.evaluate import evaluate
    from sparkles_eval.api.run_progress import show_progress
    from sparkles_eval.engine.addresses import stored_plan
    from sparkles_eval.engine.prepare import check_prices, prepare
    from sparkles_eval.store.store import Store

    if estimate and config.again:
        raise UserError("--estimate does not count what --again requests; leave one of them out")
    if config.again and not store.exists():
        raise UserError(f"--again: there is no store {store} with replies to request once more; name it with --store")
    with said_while_long() as stage:
        plan = prepare(config, stage, sends=not estimate)
    _write_config(source)
    if estimate:
        from sparkles_eval.cli.cost_table import print_cost_estimate

        print_cost_estimate(plan.jobs, store, limits.connections, json)
        return
    check_prices(plan.adapters, limits.max_cost_usd)
    with Store(store) as opened:
        plan = stored_plan(plan, opened)
        with show_progress(plain=plain) as progress:
            wanted = report.path(store) is not None
            ending = partial(_ending, report=wanted)
            outcome = evaluate(plan, opened, config, limits, progress, _command(source), meanwhile=ending)
        ending().finish(opened, outcome, report.path(store), json, final=plan.unjudgeable)


def _write_config(source: ConfigOptions) -> None:
    """Write the file that repeats the command, where one was asked for."""
    if source.write_config is not None:
        from sparkles_eval.core.files import write_output
        from sparkles_eval.engine.config_file import config_text, run_fields

        write_output(source.write_config, config_text(source.values, run_fields()), "name another file")
        make_console(stderr=True).print(f"written {source.write_config}", highlight=False, markup=False)


def _command(source: ConfigOptions) -> list[str]:
    """The command line that the store keeps: with the options of a configuration file written out."""
    if source.config is None and not source.set:
        return sys.argv
    from sparkles_eval.engine.config_file import command_of, run_fields

    return command_of(source.values, run_fields())


def _ending(*, report: bool) -> ModuleType:
    """The module that prints and writes the results. It takes a moment to import, which is done during the run."""
    if report:
        importlib.import_module("sparkles_eval.reports.report")
    return importlib.import_module("sparkles_eval.cli.finish")


def _show_prompts(config: RunConfig) -> None:
    """Print the prompts of one sample of every task, turn by turn, with references in place of the model's answers."""
    from rich.markup import escape

    from sparkles_eval.core import Image
    from sparkles_eval.engine.prepare import load_tasks

    console = make_console()
    for task in load_tasks(config):
        sample = task.samples[0]
        console.rule(f"{task.name}: sample {sample.id} ({task.protocol.name} protocol)")
        for turn in range(len(sample.turns)):
            history = [before.reference or "(the model's own answer)" for before in sample.turns[:turn]]
            conversation = task.prompt.conversation(sample, history)
            messages = conversation.messages if turn == 0 else conversation.messages[-1:]
            if conversation.system and turn == 0:
                console.print(f"[bold]system[/]  {escape(conversation.system)}")
            for message in messages:
                console.print(f"[bold]{message.role}[/]")
                for part in message.parts:
                    if isinstance(part, Image):
                        console.print(f"[cyan]⟨{escape(part.relpath)}, {part.width}x{part.height}⟩[/]")
                    else:
                        console.print(escape(part.text.strip()))
        if sample.options:
            console.print(f"[dim]options {escape(', '.join(sample.options))}; right: {escape(str(sample.target))}[/]")
