"""Options that no configuration has: what a command prints and writes besides its store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from sparkles_eval.core.config_options import MinCoverage, Option
from sparkles_eval.core.scores import MIN_COVERAGE

RunIds: TypeAlias = Annotated[
    tuple[str, ...], Option("Run ids (`list runs`). Default: all.", metavar="[RUN]...", argument=True, completes="run")
]
Plain: TypeAlias = Annotated[
    bool,
    Option("Plain lines instead of progress bars (the default outside a terminal).", "--plain", section="Output"),
]
EstimateOnly: TypeAlias = Annotated[
    bool,
    Option(
        "Print the requests, tokens, cost and time to expect, and send nothing.",
        "--estimate",
        section="Cost and limits",
    ),
]


@dataclass(frozen=True, slots=True)
class ConfigOptions:
    """A file with options of the command; `cli.commands` reads it below what the command line says."""

    config: Annotated[
        Path | None,
        Option("Read options from this YAML file; those of the command line go over it.", section="Tasks and models"),
    ] = None
    set: Annotated[
        tuple[str, ...],
        Option(
            "Set a key of the file, such as limit=20 or models.0.args.base_url=…; repeat for several.",
            section="Tasks and models",
            metavar="KEY=VALUE",
        ),
    ] = ()
    write_config: Annotated[
        Path | None,
        Option("Write the options of this command to a file for --config.", section="Output", metavar="FILE"),
    ] = None
    values: Mapping[str, Any] = field(default_factory=dict)
    """What the options are after all, by `OptionField.key`."""


STDOUT = Path("-")
"""Stands for standard output where a file is named."""
JsonFile: TypeAlias = Annotated[
    Path | None,
    Option("Write the result as JSON; - prints it instead of text.", "--json", section="Output", metavar="FILE"),
]


@dataclass(frozen=True, slots=True)
class TableFiles:
    """Files that tables are written to besides the screen."""

    json: Annotated[
        Path | None, Option("Write all tables as JSON; - prints it instead of text.", section="Output", metavar="FILE")
    ] = None
    csv: Annotated[
        Path | None,
        Option("Write CSV; several tables go to FILE-NAME.csv each.", section="Output", metavar="FILE"),
    ] = None
    latex: Annotated[Path | None, Option("Write LaTeX tables (booktabs).", section="Output", metavar="FILE")] = None


@dataclass(frozen=True, slots=True)
class ReportOutput:
    """Where the HTML report of a run goes."""

    report: Annotated[Path | None, Option("HTML report to write. Default: beside the store.", section="Output")] = None
    no_report: Annotated[bool, Option("Write no HTML report.", section="Output")] = False

    def path(self, store: Path) -> Path | None:
        """The report's file; None where none is written."""
        return None if self.no_report else self.report or store.with_suffix(".html")


@dataclass(frozen=True, slots=True)
class ReportFilter:
    """Which runs and scores a report shows."""

    runs: RunIds = ()
    judges: Annotated[
        tuple[str, ...],
        Option(
            "Only scores by this judge: NAME, NAME@MODEL or fingerprint; repeat for several.",
            "--judge",
            section="Contents",
        ),
    ] = ()
    protocol: Annotated[str | None, Option("Only runs under this protocol.", section="Contents")] = None
    min_coverage: MinCoverage = MIN_COVERAGE
