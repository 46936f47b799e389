"""`sparkles-eval data generate`: training dialogues from images and captions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparkles_eval.cli.commands import command
from sparkles_eval.cli.long_wait import said_while_long
from sparkles_eval.cli.options import EstimateOnly, Plain
from sparkles_eval.core.config_options import DEFAULT_STORE, Option, StorePath
from sparkles_eval.core.printing import make_console, say, say_warning
from sparkles_eval.data.dialogues.config import GenerateConfig
from sparkles_eval.engine.config import RunLimits

if TYPE_CHECKING:
    from sparkles_eval.data.dialogues.finalize import SetResult
    from sparkles_eval.data.dialogues.generate import GenerationOutcome
    from sparkles_eval.data.dialogues.prepare import GenerationPlan

EXIT_UNANSWERED, EXIT_INTERRUPTED = 3, 130


@command
def generate(
    config: GenerateConfig,
    limits: RunLimits,
    out: Annotated[Path, Option("Folder to write.", section="Output")],
    name: Annotated[
        str | None, Option("First part of the file names. Default: the folder's name.", section="Output")
    ] = None,
    estimate: EstimateOnly = False,
    dry_run: Annotated[
        bool, Option("Print the prompt of the first request, and send nothing.", section="Cost and limits")
    ] = False,
    store: StorePath = DEFAULT_STORE,
    plain: Plain = False,
) -> None:
    """Let a model write dialogues about several images each, filter them, and write them as training data.

    The same command again resumes: only missing replies are requested. Rejected dialogues are kept with the reason.
    Exit code 0: every request has its reply; 2: something to fix on your side; 3: some have none, counted on screen;
    130: interrupted.

    [bold]Examples[/bold]

      sparkles-eval data generate --images photos --captions captions.jsonl -m gpt-4o --out runs/my-dialogues --estimate

      sparkles-eval data generate --images photos --caption-with gpt-4o -m gpt-4o --repair --out runs/my-dialogues

      sparkles-eval data generate --style vg --images VG --captions detail_description.json -m openai/qwen2.5-72b
      --model-arg base_url=http://localhost:8000/v1 --against sparkleseval=./sparkles --out runs/vg
    """
    from sparkles_eval.data.dialogues.outputs import valid_name

    set_name = valid_name(name or out.absolute().name)
    if dry_run or estimate:
        _preview(config, store if estimate else None, limits.connections)
        return
    _generate(config, limits, store, out, set_name, plain=plain)


def _preview(config: GenerateConfig, store: Path | None, connections: int | None) -> None:
    """Print the first request, or (with a store) what all of them would cost."""
    from sparkles_eval.data.dialogues.generate import check_supported, first_request
    from sparkles_eval.data.dialogues.prepare import prepare

    plan = prepare(config)
    check_supported(plan)
    if store is not None:
        from sparkles_eval.cli.cost_table import print_cost_table
        from sparkles_eval.data.dialogues.generate import estimate_cost

        print_cost_table(estimate_cost(plan, store, connections))
        return

    from sparkles_eval.core import Image

    console = make_console()
    request = first_request(plan)
    console.rule(f"{plan.spec.name}: call 1 of {plan.count}")
    for message in request.conversation.messages:
        for part in message.parts:
            shown = f"⟨{part.relpath}⟩" if isinstance(part, Image) else part.text
            console.print(shown, markup=False, highlight=False, soft_wrap=True)


def _generate(config: GenerateConfig, limits: RunLimits, store: Path, out: Path, name: str, *, plain: bool) -> None:
    from sparkles_eval.api.run_progress import show_progress
    from sparkles_eval.data.dialogues.finalize import finalize
    from sparkles_eval.data.dialogues.generate import check_supported, generate
    from sparkles_eval.data.dialogues.prepare import prepare
    from sparkles_eval.engine.prepare import check_prices
    from sparkles_eval.store.store import Store

    with said_while_long():
        plan = prepare(config)
    check_supported(plan)
    check_prices(plan.adapters, limits.max_cost_usd)
    _print_left_out(plan)
    with Store(store) as opened:
        with show_progress(plain=plain, missing="without a reply") as progress:
            outcome = generate(plan, opened, progress, limits, sys.argv)
        if not outcome.set_id:
            say_warning("interrupted; run the same command again to resume")
            raise typer.Exit(EXIT_INTERRUPTED)
        result = finalize(plan, opened, outcome.set_id, outcome.calls, out, name, config.content)
    _report(outcome, result, out, store)


def _print_left_out(plan: GenerationPlan) -> None:
    """Say which images were left out before anything is requested."""
    for note in plan.notes:
        say(note, err=True)
    for what, problems in (("cannot be used", plan.left_out), ("an evaluation asks about", plan.leaked)):
        if problems:
            images = f"{len(problems)} image{'' if len(problems) == 1 else 's'}"
            say(f"left out (left_out.jsonl): {images} that {what}", err=True)
            for problem in problems[:5]:
                say(f"  {problem.item}: {problem.what}", err=True)
    if plan.demonstrated:
        say(f"left out: {len(plan.demonstrated)} images of demonstrations", err=True)


def _report(outcome: GenerationOutcome, result: SetResult, out: Path, store: Path) -> None:
    """Print tables, files and what is missing. Raises typer.Exit unless every request has its reply."""
    from sparkles_eval.cli.options import TableFiles
    from sparkles_eval.cli.table_output import present

    present(result.tables[:2], TableFiles())
    say("")
    for group in result.groups:
        images = f"{group.images} image{'' if group.images == 1 else 's'}"
        say(f"turn {group.turn}, {images}: {group.records:,} in {out / group.file}")
    for note in result.notes:
        say_warning(note)
    say(f"folder  {out}")
    say(f"store   {store} (set {outcome.set_id})")
    say(f"look    sparkles-eval data browse {out} --out {out}.html")
    if outcome.interrupted:
        say_warning("interrupted; run the same command again to resume")
        raise typer.Exit(EXIT_INTERRUPTED)
    if outcome.unanswered:
        for reason, count in sorted(outcome.unanswered.items(), key=lambda pair: (-pair[1], pair[0]))[:10]:
            say_warning(f"{count} requests have no reply: {reason}")
        say_warning("run the same command again to retry them")
        raise typer.Exit(EXIT_UNANSWERED)
