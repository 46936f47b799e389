"""`sparkles-eval train`: a recipe, data and a starting model in; weights, metrics and a loss curve out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sparkles_eval.cli import options
from sparkles_eval.core.printing import say

if TYPE_CHECKING:
    from sparkles_eval.training.launch import TrainResult

_FROM, _HOW, _WATCH = "From what", "How", "Watching it"


class LogTo(StrEnum):
    """Programs that show a training while it runs."""

    TENSORBOARD = "tensorboard"
    WANDB = "wandb"


def train(
    recipe: Annotated[
        str, typer.Argument(help="A shipped recipe (sparkleschat-7b, sparkleschat-tiny, …) or a YAML file.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run: checkpoints, metrics, loss curve, the model.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder of the training data.", rich_help_panel=_FROM, show_default=False)
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the model to begin with; tiny recipes: of the one they go on from.",
            rich_help_panel=_FROM,
            show_default=False,
        ),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave bad records out, counted.", rich_help_panel=_FROM)
    ] = False,
    against: Annotated[
        list[str] | None,
        typer.Option(
            "--against",
            metavar="TASK[=DATA_ROOT]",
            help="Refuse data that this task asks: images by id, bytes and look, texts. Several times for several.",
            rich_help_panel=_FROM,
        ),
    ] = None,
    allow_contamination: Annotated[
        bool, typer.Option("--allow-contamination", help="Report it, and train all the same.", rich_help_panel=_FROM)
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest checkpoint in --out.", rich_help_panel=_HOW)
    ] = False,
    precision: Annotated[
        Literal["bf16", "fp16", "fp32"] | None,
        typer.Option(help="Instead of the recipe's; fp16 scales gradients.", rich_help_panel=_HOW, show_default=False),
    ] = None,
    positions: Annotated[
        int, typer.Option(min=64, help="Tokens and image vectors that go through together.", rich_help_panel=_HOW)
    ] = 8192,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads.", rich_help_panel=_HOW, show_default=False)
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(help="Keeps image features. Default: in the user's cache.", rich_help_panel=_HOW),
    ] = None,
    store: options.StorePath = options.DEFAULT_STORE,
    data_root: Annotated[
        Path | None,
        typer.Option(
            help="Where the tasks that the recipe evaluates checkpoints on find their data.",
            rich_help_panel=_WATCH,
            show_default=False,
        ),
    ] = None,
    log: Annotated[
        list[LogTo] | None,
        typer.Option("--log-to", "--log", help="Metrics to this program too, if installed.", rich_help_panel=_WATCH),
    ] = None,
    content: options.Content = None,
) -> None:
    """Train a reference system by a recipe.

    A run that was killed goes on with --resume and ends in the same weights as one that was not.
    The store keeps every step and checkpoint (`sparkles-eval list trainings`), and what a recipe's `evaluate`
    block found out about checkpoints on the way.

    [bold]Examples[/bold]

      sparkles-eval train sparkleschat-7b --model models/minigpt4-7b --data ./SparklesData --out runs/train-7b

      sparkles-eval train minigpt4-tiny --out runs/minigpt4-tiny

      sparkles-eval train ./my-recipe.yaml --out runs/mine --model … --data … --data-root … --log-to tensorboard

      torchrun --nproc-per-node 8 -m sparkles_eval train sparkleschat-7b --model … --data … --out …
    """
    from sparkles_eval.training.launch import TrainConfig, launch_training, main_process

    config = TrainConfig(
        recipe=recipe,
        out=out,
        store=store,
        data=data,
        model=model,
        skip_bad=skip_bad,
        against=tuple(against or ()),
        allow_contamination=allow_contamination,
        resume=resume,
        precision=precision,
        positions=positions,
        threads=threads,
        cache=cache,
        data_root=data_root,
        logs=tuple(one.value for one in log or ()),
        content=tuple(content or ()),
    )
    done = launch_training(config, say)
    if main_process():
        _show(done)


def _show(done: TrainResult) -> None:
    say(f"model   {done.model}")
    say(f"metrics {done.out / 'metrics.csv'}, loss curve {done.out / 'loss.svg'}")
