"""Options that several verbs share, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from sparkles_eval.core.plugins import load_plugin
from sparkles_eval.core.scores import MIN_COVERAGE

DEFAULT_STORE = Path("runs/sparkles.db")

StorePath: TypeAlias = Annotated[
    Path,
    typer.Option(
        "--store", help="The SQLite file with everything: results, journal, exchange format.", show_default=True
    ),
]
Judges: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--judge",
        help="NAME or NAME@MODEL, several times for several; a folder works too. Default: the task's own.",
        rich_help_panel="Judging",
    ),
]
JudgeArgs: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--judge-arg",
        metavar="[JUDGE:]K=V",
        help="For the judge or the model it asks: model=openai/gpt-4o base_url=… repeats=3",
        rich_help_panel="Judging",
    ),
]
MinCoverage: TypeAlias = Annotated[
    float,
    typer.Option(
        "--min-coverage",
        min=0,
        max=100,
        metavar="PERCENT",
        help="Models with fewer of their items graded stand unranked below the others.",
        rich_help_panel="What it holds",
    ),
]
DEFAULT_MIN_COVERAGE = 100 * MIN_COVERAGE
Content: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--content",
        help="A folder with tasks/, judges/, adapters/ of your own; its files go before the shipped ones.",
        rich_help_panel="Extending",
    ),
]


def _load(paths: list[Path] | None) -> list[Path] | None:
    """Load plugin files where the option is read, so that what they register is there for everything after it."""
    for path in paths or ():
        load_plugin(path)
    return paths


Plugins: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        help="A Python file with ADAPTERS, JUDGES, LOADERS, or metrics (@metric).",
        rich_help_panel="Extending",
        callback=_load,
    ),
]
Connections: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--max-connections",
        min=1,
        help="Requests in flight a model. Default: adapts to the provider.",
        rich_help_panel="Pace and money",
    ),
]
MaxCost: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--max-cost",
        min=0,
        metavar="USD",
        help="Ask nothing more once this is spent.",
        rich_help_panel="Pace and money",
    ),
]
MaxAttempts: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--max-attempts",
        min=1,
        help="Give a request up after this many failures. Default: by time and by how others fare.",
        rich_help_panel="Pace and money",
    ),
]
MaxWait: TypeAlias = Annotated[
    float,
    typer.Option(
        "--max-wait",
        min=1,
        metavar="SECONDS",
        help="Time for one request: its attempts and the waits between them. Outages do not count.",
        rich_help_panel="Pace and money",
    ),
]
MaxOutage: TypeAlias = Annotated[
    float,
    typer.Option(
        "--max-outage",
        min=0,
        metavar="SECONDS",
        help="How long to wait for a model that answers nothing, trying with one request at a time.",
        rich_help_panel="Pace and money",
    ),
]
ReportPath: TypeAlias = Annotated[
    Path | None,
    typer.Option("--report", help="Where to write the HTML report. Default: beside the store."),
]
NoReport: TypeAlias = Annotated[bool, typer.Option("--no-report", help="Write no HTML report.")]
Plain: TypeAlias = Annotated[
    bool, typer.Option("--plain", help="Plain lines instead of progress bars (the default outside a terminal).")
]
EmbedImages: TypeAlias = Annotated[
    bool, typer.Option("--embed-images", help="Put the image bytes into the store as well.")
]
EstimateOption: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--estimate", help="Requests, tokens, cost, time. Spends nothing.", rich_help_panel="Look before you pay"
    ),
]
