"""`sparkles-eval train`: train a reference system from a recipe, data and a starting model."""

from __future__ import annotations

from sparkles_eval.cli.commands import command
from sparkles_eval.core.printing import say
from sparkles_eval.training.config import TrainConfig


@command
def train(config: TrainConfig) -> None:
    """Train a reference system by a recipe.

    A training that was killed continues with --resume and ends in the same weights as one that was not.
    The store keeps every step and checkpoint (`sparkles-eval list trainings`), and the evaluations of checkpoints
    that the recipe's `evaluate` block asks for.

    [bold]Examples[/bold]

      sparkles-eval train sparkleschat-7b --model models/minigpt4-7b --data ./SparklesData --out runs/train-7b

      sparkles-eval train minigpt4-tiny --out runs/minigpt4-tiny

      sparkles-eval train ./my-recipe.yaml --out runs/mine --model … --data … --data-root … --log-to tensorboard

      torchrun --nproc-per-node 8 -m sparkles_eval train sparkleschat-7b --model … --data … --out …
    """
    from sparkles_eval.training.launch import launch_training, main_process

    done = launch_training(config, say)
    if main_process():
        say(f"model   {done.model}")
        say(f"metrics {done.out / 'metrics.csv'}, loss curve {done.out / 'loss.svg'}")
