"""How leaderboards are built and result files imported, with the options of `leaderboard build` and `import`."""

from __future__ import annotations

from dataclasses import dataclass
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
