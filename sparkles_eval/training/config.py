"""Configuration of a training, with the options of `sparkles-eval train`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from sparkles_eval.core.config_options import DEFAULT_STORE, ContentFolders, Option, SkipBad, StorePath

LogName: TypeAlias = Literal["tensorboard", "wandb"]


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Which recipe, data and starting model a training takes, and where its results go."""

    recipe: Annotated[
        str, Option("A shipped recipe (sparkleschat-7b, sparkleschat-tiny, …) or a YAML file.", argument=True)
    ]
    out: Annotated[
        Path, Option("Folder of the training: checkpoints, metrics, loss curve, the model.", section="Output")
    ]
    store: StorePath = DEFAULT_STORE
    """Gets the training's steps and the evaluations of its checkpoints."""
    data: Annotated[Path | None, Option("Folder of the training data.", section="Data")] = None
    model: Annotated[
        Path | None,
        Option(
            "Folder of the model to start from; for a tiny recipe, of the one to continue.", section="Tasks and models"
        ),
    ] = None
    skip_bad: SkipBad = False
    against: Annotated[
        tuple[str, ...],
        Option(
            "Refuse training data that this task evaluates on, by image ids, bytes, perceptual hashes and texts; "
            "repeat for several.",
            section="Data",
            metavar="TASK[=DATA_ROOT]",
        ),
    ] = ()
    allow_contamination: Annotated[bool, Option("Report such data, and train on it.", section="Data")] = False
    resume: Annotated[bool, Option("Continue from the newest checkpoint in --out.", section="Training")] = False
    precision: Annotated[
        Literal["bf16", "fp16", "fp32"] | None,
        Option("Precision instead of the recipe's; fp16 scales gradients.", section="Training"),
    ] = None
    positions: Annotated[
        int, Option("Tokens and image vectors per forward pass.", section="Training", metavar="N", low=64)
    ] = 8192
    threads: Annotated[int | None, Option("CPU threads.", section="Training", metavar="N", low=1)] = None
    cache: Annotated[
        Path | None, Option("Folder for image features. Default: the user's cache.", section="Training")
    ] = None
    data_root: Annotated[
        Path | None,
        Option("Folder with the data of the tasks that the recipe evaluates checkpoints on.", section="Data"),
    ] = None
    logs: Annotated[
        tuple[LogName, ...],
        Option("Also send metrics to this program; repeat for several.", "--log-to --log", section="Output"),
    ] = ()
    content: ContentFolders = ()
