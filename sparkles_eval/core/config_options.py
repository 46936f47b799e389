"""Declares a config record's field as an option of the command line, next to the field itself.

A field is `Annotated[type, Option(...)]`; `cli.commands` makes the option from it, so that records need no command-line
library. Options that several records share are defined below.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

HelpSection: TypeAlias = Literal[
    "",
    "Tasks and models",
    "Data",
    "Samples",
    "Judging",
    "Training",
    "Contents",
    "Server",
    "Cost and limits",
    "Extensions",
    "Output",
]
"""Section titles of a `--help` in their order; "" for arguments and options without a section."""


Completes: TypeAlias = Literal["", "task", "model", "run", "judge", "run or model"]
"""What a shell can complete: names of tasks, models or judges, or run ids and models of the store."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the command line, or a positional argument: its help text, names, section and bounds."""

    help: str
    names: str = ""
    """Such as "--task -t", or "--x/--no-x" for a flag with its opposite; "" for `--` and the field's name."""
    section: HelpSection = ""
    metavar: str | None = None
    """Name of the value in the help; by default its type."""
    low: float | None = None
    high: float | None = None
    """Bounds of a number, both allowed."""
    argument: bool = False
    """A positional argument instead of an option."""
    scale: float = 1
    """How many units of the option make one of the field: 100 for a share that the option takes in per cent."""
    inverted: bool = False
    """True for a flag that switches the field off: `--no-report` for the field `report`."""
    read: Callable[[Any], object] | None = None
    """Converts the option's value to the field's; called only where the option is given."""
    given: object = None
    """Type of the option's value where `read` converts it."""
    env: str = ""
    """Environment variable that gives the value where the command line does not."""
    completes: Completes = ""
    """What kind of name the value is, for the shell's completion."""


def _load_plugins(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """Load plugin files as soon as the option is read, so that later options can name what they register."""
    from sparkles_eval.core.plugins import load_plugin

    for path in paths:
        load_plugin(path)
    return paths


ContentFolders: TypeAlias = Annotated[
    tuple[Path, ...],
    Option(
        "Folder with tasks/, judges/ or adapters/ of your own; its files take precedence over the shipped ones.",
        "--content",
        section="Extensions",
    ),
]
PluginFiles: TypeAlias = Annotated[
    tuple[Path, ...],
    Option(
        "Python file with ADAPTERS, JUDGES, LOADERS, scorers (@scorer) or metrics (@metric).",
        "--plugin",
        section="Extensions",
        read=_load_plugins,
    ),
]
ModelArgs: TypeAlias = Annotated[
    tuple[str, ...],
    Option(
        "Argument of a model, such as base_url=http://localhost:8000/v1; openai:base_url=… reaches every model of the "
        "kind openai.",
        "--model-arg",
        section="Tasks and models",
        metavar="[MODEL|KIND:]K=V",
    ),
]
GenerationArgs: TypeAlias = Annotated[
    tuple[str, ...],
    Option(
        "Generation setting, such as temperature=0.7, max_tokens=512 or reasoning=off.",
        "--generation",
        section="Tasks and models",
        metavar="[MODEL:]K=V",
    ),
]
JudgeArgs: TypeAlias = Annotated[
    tuple[str, ...],
    Option(
        "Argument of a judge or of the model that it asks, such as model=openai/gpt-4o, base_url=… or repeats=3.",
        "--judge-arg",
        section="Judging",
        metavar="[JUDGE:]K=V",
    ),
]
DataRoot: TypeAlias = Annotated[
    Path | None, Option("Folder with the task's data.", "--data-root", section="Tasks and models")
]
ImageRoot: TypeAlias = Annotated[
    Path | None,
    Option(
        "Folder with the images. Default: those embedded in the store, if it has them.",
        "--data-root",
        section="Data",
    ),
]
SkipBad: TypeAlias = Annotated[
    bool, Option("Leave unusable items out; they are counted and named.", "--skip-bad", section="Samples")
]
MinCoverage: TypeAlias = Annotated[
    float,
    Option(
        "Models with a smaller share of their items graded are listed unranked below the others.",
        "--min-coverage",
        section="Contents",
        metavar="PERCENT",
        low=0,
        high=100,
        scale=100,
    ),
]
DEFAULT_STORE = Path("runs/sparkles.db")
STORE_ENV = "SPARKLES_EVAL_STORE"
StorePath: TypeAlias = Annotated[
    Path, Option("Store (an SQLite file) with runs, answers and scores.", "--store", section="Output", env=STORE_ENV)
]


def default_store() -> Path:
    """The store of a command or call that names none: SPARKLES_EVAL_STORE, else runs/sparkles.db."""
    return Path(os.environ.get(STORE_ENV) or DEFAULT_STORE)


def split_names(values: tuple[str, ...]) -> tuple[str, ...]:
    """Names that may be written together with commas: ("a,b", "c") is a, b and c.

    A value stays whole where a comma belongs to it: the path of an existing file or folder (behind a kind, too:
    `replay/a,b.csv`), or a panel of judges.
    """
    found: list[str] = []
    for value in values:
        kind, _, rest = value.partition("/")
        whole = value.startswith("panel:") or Path(value).expanduser().exists() or (kind and Path(rest).is_file())
        found += [value] if whole else [name for part in value.split(",") if (name := part.strip())]
    return tuple(found)
