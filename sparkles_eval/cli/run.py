"""`sparkles-eval run`: ask, score, store, report."""

from __future__ import annotations

import importlib
import sys
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from sparkles_eval.cli import options
from sparkles_eval.core.printing import make_console

if TYPE_CHECKING:
    from sparkles_eval.engine.config import RunConfig

_WHAT, _PICK, _SHOW = "What to ask whom", "Which items", "Look before you pay"
_ALTER = "Alter the task on purpose (each is a run of its own)"


class OrderOption(StrEnum):
    """In which order the two images of an item are shown."""

    GIVEN = "given"
    BOTH = "both"


class ImageOption(StrEnum):
    """Which images are shown."""

    TRUE = "true"
    SHUFFLED = "shuffled"
    DROPPED = "dropped"
    WRONG = "wrong"


class HistoryOption(StrEnum):
    """What later turns follow."""

    OWN = "own"
    REFERENCE = "reference"


def run(
    task: Annotated[
        list[str],
        typer.Option("--task", "-t", help="A task's name or folder; several times for several.", rich_help_panel=_WHAT),
    ],
    model: Annotated[
        list[str],
        typer.Option("--model", "-m", help="KIND/NAME or a preset; several times for several.", rich_help_panel=_WHAT),
    ],
    data_root: Annotated[
        Path | None, typer.Option(help="Where the task's data are.", rich_help_panel=_WHAT, show_default=False)
    ] = None,
    protocol: Annotated[
        str, typer.Option(help="How to ask and read: strict (ours), paper (as published).", rich_help_panel=_WHAT)
    ] = "strict",
    task_arg: Annotated[
        list[str] | None, typer.Option("--task-arg", metavar="[TASK:]K=V", rich_help_panel=_WHAT, help="n=20 seed=1 …")
    ] = None,
    model_arg: Annotated[
        list[str] | None,
        typer.Option("--model-arg", metavar="[MODEL:]K=V", rich_help_panel=_WHAT, help="base_url=http://… …"),
    ] = None,
    generation: Annotated[
        list[str] | None,
        typer.Option("--generation", metavar="[MODEL:]K=V", rich_help_panel=_WHAT, help="temperature=0.7 …"),
    ] = None,
    epochs: Annotated[
        int,
        typer.Option(min=1, help="Ask everything so often, for the variance of generations.", rich_help_panel=_WHAT),
    ] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many.", rich_help_panel=_PICK)] = None,
    samples: Annotated[
        list[str] | None, typer.Option("--samples", metavar="ID", help="Only these items.", rich_help_panel=_PICK)
    ] = None,
    shuffle_seed: Annotated[
        int | None, typer.Option(help="In a random order, before --limit.", rich_help_panel=_PICK)
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(
            metavar="K/N", help="Ask the K-th of N equal parts of the run; merge the stores.", rich_help_panel=_PICK
        ),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave bad items out, counted and named.", rich_help_panel=_PICK)
    ] = False,
    orders: Annotated[
        OrderOption, typer.Option(help="both: every item also with its two images swapped.", rich_help_panel=_ALTER)
    ] = OrderOption.GIVEN,
    images: Annotated[
        ImageOption,
        typer.Option(
            help="dropped: words alone; wrong: another item's; shuffled: the item's own at wrong places.",
            rich_help_panel=_ALTER,
        ),
    ] = ImageOption.TRUE,
    history: Annotated[
        HistoryOption, typer.Option(help="reference: later turns follow the reference answers.", rich_help_panel=_ALTER)
    ] = HistoryOption.OWN,
    controls: Annotated[
        bool,
        typer.Option(
            "--controls",
            help="Ask control/null, control/shuffled and control/gold as well: empty praise, answers of other items, "
            "the references.",
            rich_help_panel="Judging",
        ),
    ] = False,
    judge: options.Judges = None,
    judge_arg: options.JudgeArgs = None,
    max_connections: options.Connections = None,
    max_cost: options.MaxCost = None,
    max_attempts: options.MaxAttempts = None,
    max_wait: options.MaxWait = 600,
    max_outage: options.MaxOutage = 900,
    estimate: options.EstimateOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the prompts of one sample. Asks nobody.", rich_help_panel=_SHOW)
    ] = False,
    content: options.Content = None,
    plugin: options.Plugins = None,
    store: options.StorePath = options.DEFAULT_STORE,
    embed_images: options.EmbedImages = False,
    report: options.ReportPath = None,
    no_report: options.NoReport = False,
    plain: options.Plain = False,
) -> None:
    """Ask models every question of tasks, score the answers, and report.

    Running the same command again resumes: only what is missing is asked.
    Exit code 0: everything is scored; 3: some items are unscored, counted on screen; 2: your error; 130: interrupted.

    [bold]Examples[/bold]

      sparkles-eval run -t nlvr2-mini -m baseline/chance -m baseline/oracle

      sparkles-eval run -t bison -t nlvr2 -t sparkleseval --data-root ./sparkles -m gpt-4o --estimate

      sparkles-eval run -t ./my_task -m openai/llava --model-arg base_url=http://localhost:8000/v1
    """
    from sparkles_eval.engine.config import RunConfig, read_shard
    from sparkles_eval.engine.jobs import Shard
    from sparkles_eval.tasks.variants import Variation

    config = RunConfig(
        tasks=tuple(task),
        models=tuple(model),
        judges=tuple(judge or ()),
        protocol=protocol,
        task_args=tuple(task_arg or ()),
        model_args=tuple(model_arg or ()),
        judge_args=tuple(judge_arg or ()),
        generation=tuple(generation or ()),
        data_root=data_root,
        content=tuple(content or ()),
        plugins=tuple(plugin or ()),
        skip_bad=skip_bad,
        limit=limit,
        sample_ids=tuple(samples or ()),
        shuffle_seed=shuffle_seed,
        epochs=epochs,
        variation=Variation(orders.value, images.value, history.value),
        share=read_shard(part) if part else Shard(),
        controls=controls,
    )
    if dry_run:
        _show_prompts(config)
        return

    from sparkles_eval.cli.run_display import show_progress
    from sparkles_eval.engine.limits import RetryPolicy
    from sparkles_eval.engine.prepare import check_prices, prepare
    from sparkles_eval.engine.run import execute
    from sparkles_eval.engine.session import RunLimits
    from sparkles_eval.store.store import Store

    plan = prepare(config)
    if estimate:
        from sparkles_eval.cli.run_display import print_cost_estimate

        print_cost_estimate(plan.jobs, store, max_connections)
        return
    check_prices(plan.adapters, max_cost)
    terms = RunLimits(
        max_connections,
        RetryPolicy(attempts=max_attempts, total_s=max_wait, outage_s=max_outage),
        max_cost,
        embed_images,
    )
    with Store(store) as opened:
        with show_progress(plain=plain) as progress:
            outcome = execute(plan, opened, progress, terms, sys.argv, meanwhile=_ending)
        if plan.panels and not part:  # of a part of the votes no panel is made; merging makes it
            from sparkles_eval.analysis.judges.panel_scores import score_panel

            for panel in plan.panels:
                score_panel(opened, panel)
        _ending().finish(opened, outcome, None if no_report else report or store.with_suffix(".html"))


def _ending() -> ModuleType:
    """What follows the asking: statistics, tables, pages. Costs a moment to import, so that is done meanwhile."""
    return importlib.import_module("sparkles_eval.cli.finish")


def _show_prompts(config: RunConfig) -> None:
    """What one sample of every task is asked, turn by turn; the reference stands for the model's own answers."""
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
