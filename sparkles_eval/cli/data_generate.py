"""`sparkles-eval data generate`: training dialogues from images and captions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sparkles_eval.cli import options
from sparkles_eval.core.printing import make_console, say, say_warning

if TYPE_CHECKING:
    from sparkles_eval.data.dialogues.finalize import SetResult
    from sparkles_eval.data.dialogues.generate import GenerationOutcome
    from sparkles_eval.data.dialogues.prepare import GenerateConfig, GenerationPlan
    from sparkles_eval.engine.session import RunLimits

_OF, _BY, _HOW = "Of what", "By whom", "What is kept"
_SHOW = "Look before you pay"
EXIT_UNANSWERED, EXIT_INTERRUPTED = 3, 130


def generate(
    images: Annotated[Path, typer.Option(help="The folder of the images.", rich_help_panel=_OF)],
    model: Annotated[
        str, typer.Option("--model", "-m", help="KIND/NAME or a preset that writes them.", rich_help_panel=_BY)
    ],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    captions: Annotated[
        Path | None,
        typer.Option(
            help="JSON lines {image, caption}, filter_cap.json or detail_description.json.",
            rich_help_panel=_OF,
            show_default=False,
        ),
    ] = None,
    style: Annotated[str, typer.Option(help="cc, vg, or a folder with a style.yaml.", rich_help_panel=_OF)] = "cc",
    demonstrations: Annotated[
        Path | None,
        typer.Option(help="Dialogues in the training form, instead of ours.", rich_help_panel=_OF, show_default=False),
    ] = None,
    dialogues: Annotated[
        int | None,
        typer.Option(
            "--dialogues",
            "-n",
            min=1,
            help="How many are asked for. Default: each image offered once.",
            rich_help_panel=_OF,
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the order in which images are offered.", rich_help_panel=_OF)] = 0,
    name: Annotated[
        str | None,
        typer.Option(help="What files begin with. Default: the folder's.", rich_help_panel=_OF, show_default=False),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave images out that cannot be used, counted.", rich_help_panel=_OF)
    ] = False,
    see_images: Annotated[
        bool, typer.Option("--see-images", help="Give the model the images, too.", rich_help_panel=_BY)
    ] = False,
    caption_with: Annotated[
        str | None,
        typer.Option(
            help="A vision model that first describes images without a caption.",
            rich_help_panel=_BY,
            show_default=False,
        ),
    ] = None,
    model_arg: Annotated[
        list[str] | None,
        typer.Option("--model-arg", metavar="[MODEL:]K=V", rich_help_panel=_BY, help="base_url=http://… …"),
    ] = None,
    generation: Annotated[
        list[str] | None,
        typer.Option("--generation", metavar="[MODEL:]K=V", rich_help_panel=_BY, help="temperature=0.7 …"),
    ] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Ask once more for what is wrong, with the reason.", rich_help_panel=_HOW)
    ] = False,
    against: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK[=DATA-ROOT]", help="Keep out what this evaluation asks.", rich_help_panel=_HOW),
    ] = None,
    coco_map: Annotated[
        Path | None,
        typer.Option(
            help="Visual Genome's image_data.json: COCO ids of its images.", rich_help_panel=_HOW, show_default=False
        ),
    ] = None,
    gate: Annotated[
        list[str] | None,
        typer.Option(metavar="K=V", help="min_answer_words=30 near_duplicate=0.6 …", rich_help_panel=_HOW),
    ] = None,
    max_connections: options.Connections = None,
    max_cost: options.MaxCost = None,
    max_attempts: options.MaxAttempts = None,
    max_wait: options.MaxWait = 600,
    max_outage: options.MaxOutage = 900,
    estimate: options.EstimateOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what the first call asks. Asks nobody.", rich_help_panel=_SHOW)
    ] = False,
    content: options.Content = None,
    plugin: options.Plugins = None,
    store: options.StorePath = options.DEFAULT_STORE,
    embed_images: options.EmbedImages = False,
    plain: options.Plain = False,
) -> None:
    """Have a model write dialogues about several images each, check them, and write them for training.

    Running the same command again resumes: only what is missing is asked. What was set aside is kept with its reason.
    Exit code 0: every call has its reply; 3: some have none, counted on screen; 2: your error; 130: interrupted.

    [bold]Examples[/bold]

      sparkles-eval data generate --images photos --captions captions.jsonl -m gpt-4o --out runs/my-dialogues --estimate

      sparkles-eval data generate --images photos --caption-with gpt-4o -m gpt-4o --repair --out runs/my-dialogues

      sparkles-eval data generate --style vg --images VG --captions detail_description.json -m openai/qwen2.5-72b
      --model-arg base_url=http://localhost:8000/v1 --against sparkleseval=./sparkles --out runs/vg
    """
    from sparkles_eval.data.dialogues.outputs import valid_name
    from sparkles_eval.data.dialogues.prepare import GenerateConfig
    from sparkles_eval.engine.limits import RetryPolicy
    from sparkles_eval.engine.session import RunLimits

    config = GenerateConfig(
        style=style,
        model=model,
        images=images,
        captions=captions,
        demonstrations=demonstrations,
        dialogues=dialogues,
        seed=seed,
        see_images=see_images,
        caption_with=caption_with,
        repair=repair,
        against=tuple(against or ()),
        coco_map=coco_map,
        gates=tuple(gate or ()),
        model_args=tuple(model_arg or ()),
        generation=tuple(generation or ()),
        skip_bad=skip_bad,
        content=tuple(content or ()),
        plugins=tuple(plugin or ()),
    )
    called = valid_name(name or out.absolute().name)
    if dry_run or estimate:
        _look(config, store if estimate else None, max_connections)
        return
    terms = RunLimits(
        max_connections,
        RetryPolicy(attempts=max_attempts, total_s=max_wait, outage_s=max_outage),
        max_cost,
        embed_images,
    )
    _generate(config, terms, store, out, called, plain=plain)


def _look(config: GenerateConfig, store: Path | None, connections: int | None) -> None:
    """The first call's words, or (with a store) what all of them would cost."""
    from sparkles_eval.data.dialogues.generate import check_supported, first_request
    from sparkles_eval.data.dialogues.prepare import prepare

    plan = prepare(config)
    check_supported(plan)
    if store is not None:
        from sparkles_eval.cli.run_display import print_lines
        from sparkles_eval.data.dialogues.generate import estimate_cost

        print_lines(estimate_cost(plan, store, connections))
        return

    from sparkles_eval.core import Image

    console = make_console()
    request = first_request(plan)
    console.rule(f"{plan.spec.name}: call 1 of {plan.count}")
    for message in request.conversation.messages:
        for part in message.parts:
            shown = f"⟨{part.relpath}⟩" if isinstance(part, Image) else part.text
            console.print(shown, markup=False, highlight=False, soft_wrap=True)


def _generate(config: GenerateConfig, terms: RunLimits, store: Path, out: Path, name: str, *, plain: bool) -> None:
    from sparkles_eval.cli.run_display import show_progress
    from sparkles_eval.data.dialogues.finalize import finalize
    from sparkles_eval.data.dialogues.generate import check_supported, generate
    from sparkles_eval.data.dialogues.prepare import prepare
    from sparkles_eval.engine.prepare import check_prices
    from sparkles_eval.store.store import Store

    plan = prepare(config)
    check_supported(plan)
    check_prices(plan.adapters, terms.max_cost_usd)
    _tell(plan)
    with Store(store) as opened:
        with show_progress(plain=plain, missing="without a reply") as progress:
            outcome = generate(plan, opened, progress, terms, sys.argv)
        if not outcome.set_id:
            say_warning("interrupted; run the same command again to go on from here")
            raise typer.Exit(EXIT_INTERRUPTED)
        result = finalize(plan, opened, outcome.set_id, outcome.calls, out, name, config.content)
    _report(outcome, result, out, store)


def _tell(plan: GenerationPlan) -> None:
    """What was left out before anything is asked."""
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
    """Tables, where everything is, what is missing, exit code."""
    from sparkles_eval.cli.table_output import TableFiles, present

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
        say_warning("interrupted; run the same command again to go on from here")
        raise typer.Exit(EXIT_INTERRUPTED)
    if outcome.unanswered:
        for reason, count in sorted(outcome.unanswered.items(), key=lambda pair: (-pair[1], pair[0]))[:10]:
            say_warning(f"{count} calls have no reply: {reason}")
        say_warning("run the same command again to try them")
        raise typer.Exit(EXIT_UNANSWERED)
