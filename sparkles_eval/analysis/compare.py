"""Compares models: pairs runs by sample, tests every pair, adjusts for all that is shown, and ranks.

`compare` is what the command and notebooks call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sparkles_eval.analysis.comparison import Comparison, sentences
from sparkles_eval.analysis.comparison_brief import brief_tables
from sparkles_eval.analysis.comparison_tables import tables
from sparkles_eval.analysis.config import CompareConfig
from sparkles_eval.analysis.metrics import unknown
from sparkles_eval.analysis.pair_details import detail
from sparkles_eval.analysis.pair_tests import Tested, all_pairs
from sparkles_eval.analysis.published import beside, published
from sparkles_eval.analysis.ranking import adjusted, ranked_runs
from sparkles_eval.analysis.run_health import loud_lines, run_health
from sparkles_eval.analysis.run_selection import Matched, match
from sparkles_eval.analysis.score_matrix import ScoreMatrix, score_matrix
from sparkles_eval.analysis.tables import Table
from sparkles_eval.analysis.warnings import warnings
from sparkles_eval.core.errors import UserError
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.reading import open_to_read
from sparkles_eval.store.store import Store

DETAILED = 10
"""Pairs up to which each is described in full; beyond, every pair has one line in the table."""
SCANNED = 10
"""Runs up to which the answers are scanned as well."""


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Every comparison that one call made. Adjusted p-values count all pairs of all of them as one family."""

    comparisons: tuple[Comparison, ...]

    def __repr__(self) -> str:
        pairs = sum(len(comparison.pairs) for comparison in self.comparisons)
        return f"<Comparisons: {len(self.comparisons)} task{'s' * (len(self.comparisons) != 1)}, {pairs} pairs>"

    def _repr_html_(self) -> str:
        """How a notebook shows it: ranks, each model against the best, and what it comes to."""
        return "".join(table._repr_html_() for table in self.brief)

    @property
    def brief(self) -> tuple[Table, ...]:
        """Ranks and each model against the best, with the conclusion in two sentences."""
        return tuple(brief_tables(self.comparisons))

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a paper could quote, one sentence or two for each pair that is described in full."""
        return tuple(text for comparison in self.comparisons for text in sentences(comparison))

    @property
    def tables(self) -> tuple[Table, ...]:
        """The numbers, for the screen, files and frames (`table.frame()`)."""
        return tuple(tables(self.comparisons))


def compare(
    store: Store | Path | str,
    *models: str,
    task: str | None = None,
    judge: str | None = None,
    protocol: str | None = None,
    variant: str | None = None,
    metric: str | None = None,
    margin: float | None = None,
    allow_mixed: bool = False,
) -> Comparisons:
    """Compare models on the items that they share.

    `models` are names or run ids as `list runs` shows them (none: every model but baselines and controls); `variant`
    picks altered runs ("images=dropped"); `metric` is the task's headline unless named (see `metrics.find_metric`).
    `margin`, chosen before the data were seen and in points of the table (per cent, or the judge's), asks whether the
    first of each pair is no worse by more than that. Raises errors.UserError where runs differ in more than the model
    (`allow_mixed` goes on), or share no item.
    """
    config = CompareConfig(models, task, judge, protocol, variant, metric, margin, allow_mixed)
    return compare_models(store, config)


def compare_models(store: Store | Path | str, config: CompareConfig) -> Comparisons:
    """`compare` with what it takes as one record; raises errors.UserError as it does."""
    if config.margin is not None and not config.margin > 0:
        raise UserError(f"--non-inferior {config.margin:g}: give a margin above 0, in points of the table")
    with opened(store) as db:
        found = [_prepared(db, matched, config.metric) for matched in match(db, config)]
        tested = adjusted([all_pairs(each) for each, _ in found])
        made = [
            _comparison(db, each, matched, pairs, config.margin)
            for (each, matched), pairs in zip(found, tested, strict=True)
        ]
    return Comparisons(tuple(made))


@contextmanager
def opened(store: Store | Path | str) -> Iterator[Store]:
    """An open store as it is (and left open), or the store at a path, opened and closed again."""
    if isinstance(store, Store):
        yield store
        return
    with open_to_read(Path(store)) as fresh:
        yield fresh


def _prepared(store: Store, matched: Matched, metric: str | None) -> tuple[ScoreMatrix, Matched]:
    first = matched.columns[0]
    made = score_matrix(store, matched.columns, metric, by_name=bool(matched.mixed))
    if unknown(made.metric):
        raise UserError(f"task {first.run.task.name}: {made.metric.description} Or name another with --metric")
    if np.isnan(made.values).all():
        raise UserError(f"task {first.run.task.name}: no item of these runs has a score of {made.metric.name}")
    return made, matched


def _comparison(
    store: Store, made: ScoreMatrix, matched: Matched, pairs: Sequence[Tested], margin: float | None
) -> Comparison:
    if len(made.columns) == 2 and pairs[0].n == 0:
        lost = ", ".join(f"{count} x {reason}" for reason, count in made.lost(0, 1).most_common(4))
        raise UserError(
            f"{made.labels[0]} and {made.labels[1]} have no scored item in common ({lost}); "
            "nothing can be compared before both have answered the same items"
        )
    share = margin / 100 if margin and made.unit == "percent" else margin
    full = len(pairs) <= DETAILED
    plain = made.metric.aggregate in ("mean", "group_all")
    if margin and not plain:
        raise UserError(f"--non-inferior: {made.metric.name} is no mean over samples; name one that is with --metric")
    numbers = published(made.runs[0].run.task.name)
    totals = beside(made, numbers) if numbers and not matched.mixed else []
    few = len(made.columns) <= SCANNED
    return Comparison(
        matrix=made,
        said=matched.said,
        mixed=matched.mixed,
        ranked_runs=tuple(ranked_runs(made, pairs)),
        pairs=tuple(pairs),
        details=tuple(detail(made, tested, margin=share) if plain else None for tested in pairs) if full else (),
        margin=margin,
        totals=tuple(totals),
        source=f"{numbers.source}; {numbers.conditions}" if numbers and totals else "",
        warnings=tuple(_warnings(store, [one.run for one in made.runs])) if few else (),
    )


def _warnings(store: Store, runs: Sequence[StoredRun]) -> list[str]:
    return [*loud_lines(run_health(store, runs)), *warnings(store, runs)]
