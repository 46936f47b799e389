"""How leaderboards are built, tables for papers written and results imported, with the options of those commands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from sparkles_eval.core.config_options import ContentFolders, DataRoot, MinCoverage, Option
from sparkles_eval.core.scores import MIN_COVERAGE
from sparkles_eval.tasks.columns.key_columns import key_columns

LARGEST = 500_000_000
"""Bytes of an unpacked store that is unpacked by default."""


@dataclass(frozen=True, slots=True)
class LeaderboardOptions:
    """How a leaderboard is put together."""

    apart: Annotated[
        bool,
        Option(
            "Show bundles that may not be compared in tables of their own instead of refusing them.", section="Contents"
        ),
    ] = False
    like: Annotated[
        str | None,
        Option(
            "File name of the bundle whose data, prompts and judges the leaderboard uses.",
            section="Contents",
            metavar="BUNDLE",
        ),
    ] = None
    largest: Annotated[
        int, Option("Largest store that is unpacked.", section="Contents", metavar="MB", low=1, scale=1e-6)
    ] = LARGEST
    """In bytes."""
    figures: Annotated[bool, Option("Draw the figures.", "--figures/--no-figures", section="Contents")] = True
    """Where the libraries that draw are installed."""
    min_coverage: MinCoverage = MIN_COVERAGE
    """Share of its items, 0 to 1, that a model must have graded to be ranked."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How result files are read."""

    data_root: DataRoot = None
    task: Annotated[
        str | None,
        Option("Task of files whose names do not say it.", "--task -t", section="Tasks and models"),
    ] = None
    protocol: Annotated[
        str | None,
        Option(
            "Rules that answers are read by. Default: paper for published files, else strict.",
            section="Tasks and models",
        ),
    ] = None
    name: Annotated[
        str | None,
        Option("Name of the model in tables. Default: the one in the file.", section="Tasks and models"),
    ] = None
    mapping: Annotated[
        tuple[str, ...],
        Option(
            "What a column is (id, answer, model, turn, epoch, claim); repeat for several.",
            "--map",
            section="Tasks and models",
            metavar="KEY=COLUMN",
        ),
    ] = ()
    content: ContentFolders = ()

    @property
    def columns(self) -> dict[str, str]:
        """The `--map` pairs by key. Raises errors.UserError for what is no pair."""
        return key_columns(self.mapping)


@dataclass(frozen=True, slots=True)
class HubOptions:
    """What results that are published elsewhere belong to."""

    datasets: Annotated[
        tuple[str, ...],
        Option(
            "Benchmark on the Hub that a task is (eval-results): TASK=OWNER/SET, with :TASK_ID and @REVISION where "
            "needed; repeat for several.",
            "--dataset",
            section="Contents",
            metavar="TASK=OWNER/SET",
        ),
    ] = ()
    source: Annotated[
        str | None,
        Option("Address of the report, shown as the source (eval-results).", section="Contents", metavar="URL"),
    ] = None
    framework: Annotated[
        str, Option("Name of the evaluation framework on the Hub's list (eval-yaml).", section="Contents")
    ] = "sparkles-eval"
    organization: Annotated[str | None, Option("Who evaluated (every-eval-ever).", section="Contents")] = None
    project: Annotated[str, Option("Project or experiment of the tracker (wandb, mlflow).", section="Contents")] = (
        "sparkles-eval"
    )


class PaperFormat(StrEnum):
    """How the table is written."""

    LATEX = "latex"
    MARKDOWN = "markdown"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class PaperTableConfig:
    """Which columns and rows a paper's table has, and what they are called."""

    columns: Annotated[
        tuple[str, ...],
        Option(
            "Column of the table: TASK, or TASK:METRIC; repeat in the order wanted. Default: every task's headline.",
            "--column -c",
            section="Contents",
            metavar="TASK[:METRIC]",
        ),
    ] = ()
    names: Annotated[
        tuple[str, ...],
        Option(
            "Show a model, task or metric under another name; repeat for several.",
            "--name",
            section="Contents",
            metavar="STORED=SHOWN",
        ),
    ] = ()
    references: Annotated[
        bool,
        Option(
            "Leave baselines, controls and published numbers out.", "--models-only", section="Contents", inverted=True
        ),
    ] = True
    caption: Annotated[str, Option("Caption. Default: the protocol and judge.", section="Contents")] = ""
    label: Annotated[str, Option("LaTeX label. Default: tab:leaderboard.", section="Contents")] = "tab:leaderboard"
