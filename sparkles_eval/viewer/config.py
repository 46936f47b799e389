"""Configuration of the pages that run on this machine, with the options of `sparkles-eval view` and `chat`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeAlias

from sparkles_eval.analysis.config import CriteriaOf, RatedRuns, RatedTask, RatingSeed
from sparkles_eval.core.config_options import (
    DEFAULT_STORE,
    STORE_ENV,
    ContentFolders,
    GenerationArgs,
    ImageRoot,
    ModelArgs,
    Option,
    PluginFiles,
)

Host: TypeAlias = Annotated[
    str, Option("Address to listen on; any other than this machine's lets others in.", section="Server")
]
Port: TypeAlias = Annotated[int, Option("Port to listen on; 0 takes a free one.", section="Server", low=0, high=65535)]


@dataclass(frozen=True, slots=True)
class ViewerConfig:
    """Which store is shown, where its images are, and where it is served."""

    store: Annotated[Path, Option("Store to show (an SQLite file).", metavar="STORE", argument=True, env=STORE_ENV)] = (
        DEFAULT_STORE
    )
    data_root: ImageRoot = None
    content: ContentFolders = ()
    host: Host = "127.0.0.1"
    port: Port = 0
    open_browser: Annotated[
        bool, Option("Print the address without opening a browser.", "--no-browser", section="Server", inverted=True)
    ] = True


@dataclass(frozen=True, slots=True)
class AnnotateConfig:
    """Who rates which answers."""

    rater: Annotated[str, Option("Name of the person who rates.", section="Judging", given=str)] = ""
    task: RatedTask = None
    runs: RatedRuns = ()
    dialogues: Annotated[
        int,
        Option("Dialogues that this person has rated in the end.", "--n", section="Samples", metavar="N", low=1),
    ] = 50
    criteria_of: CriteriaOf = "sparkles"
    seed: RatingSeed = 0
    pairwise: Annotated[bool, Option("Show two answers side by side and ask which is better.", section="Judging")] = (
        False
    )


@dataclass(frozen=True, slots=True)
class ChatModelsConfig:
    """Models of a chat and their settings."""

    models: Annotated[
        tuple[str, ...],
        Option(
            "Model as KIND/NAME, or the name of a preset; several answer side by side.",
            "--model -m",
            section="Tasks and models",
        ),
    ]
    model_args: ModelArgs = ()
    generation: GenerationArgs = ()
    content: ContentFolders = ()
    plugins: PluginFiles = ()


@dataclass(frozen=True, slots=True)
class ChatConfig:
    """Images that a conversation begins with, and where it is saved."""

    images: Annotated[
        tuple[Path, ...],
        Option("Image that the first message begins with; repeat for several.", "--image", section="Samples"),
    ] = ()
    file: Annotated[
        Path | None,
        Option(
            "File that conversations are saved to: with Save on the page, at the end in a terminal. Images go into a "
            "folder beside it.",
            "--save",
            section="Output",
            metavar="FILE.jsonl",
        ),
    ] = None
