"""Which model is better? Pairs runs by sample, tests every pair, adjusts for all that is shown, and ranks what may be.

`compare` is what the command and notebooks call. Knows nothing of how a comparison is shown (`tell`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sparkles_eval.analysis.pair_details import Detail, detail
from sparkles_eval.analysis.pair_tests import Tested, all_pairs
from sparkles_eval.analysis.published import TotalsOnly, beside, published
from sparkles_eval.analysis.run_selection import REFERENCE_KINDS, Choice, Matched, match
from sparkles_eval.analysis.score_matrix import Column, Frame, frame, headline
from sparkles_eval.analysis.tables import Table
from sparkles_eval.analysis.warnings import warnings
from sparkles_eval.errors import UserError
from sparkles_eval.records import Estimate
from sparkles_eval.stats.estimates import accuracy_estimate, mean_estimate
from sparkles_eval.stats.multiplicity import benjamini_hochberg, holm
from sparkles_eval.stats.ranks import compact_letters
from sparkles_eval.store.store import Store

DETAILED = 10
"""Pairs up to which each is told in full; beyond, every pair has its line in the table."""
SCANNED = 10
"""Runs up to which the answers are scanned as well."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One run in a comparison. Ranks and letters are None and "" where too few units allow no ranking."""

    label: str
    estimate: Estimate
    invalid: int
    rank_low: int | None
    rank_high: int | None
    letters: str
    reference: bool
    """True for baselines and controls, which stand beside and are not ranked."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs on one task under the same conditions, each pair tested. `mixed`: factors that differ all the same."""

    frame: Frame
    said: str
    mixed: tuple[str, ...]
    standings: tuple[Standing, ...]
    pairs: tuple[Tested, ...]
    details: tuple[Detail | None, ...]
    """In the order of `pairs`; empty where there are too many pairs."""
    margin: float | None
    totals: tuple[TotalsOnly, ...]
    source: str
    """Of the published totals, with their conditions."""
    warnings: tuple[str, ...]

    @property
    def title(self) -> str:
        run = self.frame.columns[0].run
        parts = [run.task.title or run.task.name, self.frame.metric, *([self.said] if self.said else [])]
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Every comparison that one call made. Adjusted p-values count all pairs of all of them as one family."""

    comparisons: tuple[Comparison, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a paper could quote, one sentence or two for each pair that is told in full."""
        from sparkles_eval.analysis.sentences import sentences

        return tuple(text for comparison in self.comparisons for text in sentences(comparison))

    @property
    def tables(self) -> tuple[Table, ...]:
        """The numbers, for the screen, files and frames (`table.frame()`)."""
        from sparkles_eval.analysis.comparison_tables import tables

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
    picks altered runs ("images=dropped"); `metric` is the task's headline unless named (see `frames.frame`).
    `margin`, chosen before the data were seen and in points of the table (per cent, or the judge's), asks whether the
    first of each pair is no worse by more than that. Raises errors.UserError where runs differ in more than the model
    (`allow_mixed` goes on), or share no item.
    """
    with opened(store) as db:
        choice = Choice(models, task, judge, protocol, variant, allow_mixed)
        found = [_prepared(db, matched, metric) for matched in match(db, choice)]
        tested = _adjusted([all_pairs(each) for each, _ in found])
        made = [
            _comparison(db, each, matched, pairs, margin) for (each, matched), pairs in zip(found, tested, strict=True)
        ]
    return Comparisons(tuple(made))


@dataclass(frozen=True, slots=True)
class Ranking:
    """Runs of one panel as `compare` ranks them, without the rest: the matrix, every pair tested, every standing."""

    frame: Frame
    pairs: tuple[Tested, ...]
    standings: tuple[Standing, ...]


def ranking(store: Store, columns: Sequence[Column], metric: str | None = None) -> Ranking:
    """Rank runs that may be compared (same task, data, prompt, protocol and judge); two columns or more.

    Holm's adjustment counts the pairs of these runs as one family: the numbers are those of `compare` on this task and
    judge alone. `metric` is the task's headline unless named.
    """
    made = frame(store, columns, metric or headline(columns[0].run, columns[0].judge))
    (pairs,) = _adjusted([all_pairs(made)])
    return Ranking(made, tuple(pairs), tuple(_standings(made, pairs)))


@contextmanager
def opened(store: Store | Path | str) -> Iterator[Store]:
    """An open store as it is (and left open), or the store at a path, opened and closed again."""
    if isinstance(store, Store):
        yield store
        return
    with Store(store, create=False) as fresh:
        yield fresh


def _prepared(store: Store, matched: Matched, metric: str | None) -> tuple[Frame, Matched]:
    first = matched.columns[0]
    made = frame(store, matched.columns, metric or headline(first.run, first.judge), by_name=bool(matched.mixed))
    if np.isnan(made.values).all():
        raise UserError(f"task {first.run.task.name}: no item of these runs has a score of {made.metric}")
    return made, matched


def _adjusted(groups: Sequence[list[Tested]]) -> list[list[Tested]]:
    """Holm and Benjamini-Hochberg over everything that is shown together."""
    p = [tested.p for group in groups for tested in group]
    strict, loose = iter(holm(p).tolist()), iter(benjamini_hochberg(p).tolist())
    return [[replace(tested, p_holm=_known(next(strict)), p_bh=_known(next(loose))) for tested in g] for g in groups]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _comparison(
    store: Store, made: Frame, matched: Matched, pairs: Sequence[Tested], margin: float | None
) -> Comparison:
    if len(made.columns) == 2 and pairs[0].n == 0:
        lost = ", ".join(f"{count} x {reason}" for reason, count in made.lost(0, 1).most_common(4))
        raise UserError(
            f"{made.labels[0]} and {made.labels[1]} have no scored item in common ({lost}); "
            "nothing can be compared before both have answered the same items"
        )
    share = margin / 100 if margin and made.unit == "percent" else margin
    full = len(pairs) <= DETAILED
    numbers = published(made.columns[0].run.task.name)
    totals = beside(made, numbers) if numbers and not matched.mixed else []
    few = len(made.columns) <= SCANNED
    return Comparison(
        frame=made,
        said=matched.said,
        mixed=matched.mixed,
        standings=tuple(_standings(made, pairs)),
        pairs=tuple(pairs),
        details=tuple(detail(made, tested, margin=share) for tested in pairs) if full else (),
        margin=margin,
        totals=tuple(totals),
        source=f"{numbers.source}; {numbers.conditions}" if numbers and totals else "",
        warnings=tuple(warnings(store, [column.run for column in made.columns])) if few else (),
    )


def _standings(made: Frame, pairs: Sequence[Tested]) -> list[Standing]:
    """Every run with its own interval, rank set and letters, the best first, references last.

    Rank sets: 1 + the number of runs significantly better (Holm) to k - the number significantly worse, which hold
    together with 95% (Mogstad et al. 2024); letters by insert-and-absorb (Piepho 2004).
    """
    estimates = [_estimate(made, side) for side in range(len(made.columns))]
    reference = [column.run.model.kind in REFERENCE_KINDS for column in made.columns]
    contest = [side for side, beside in enumerate(reference) if not beside]
    if len(contest) < 2:  # baselines among themselves: then they are what is compared
        contest, reference = list(range(len(reference))), [False] * len(reference)
    better = np.zeros((len(estimates), len(estimates)), dtype=np.bool_)
    among = [pair for pair in pairs if pair.first in contest and pair.second in contest]
    for pair in among:
        if pair.significant():
            winner, loser = (pair.first, pair.second) if (pair.difference or 0) > 0 else (pair.second, pair.first)
            better[winner, loser] = True
    order = sorted(range(len(estimates)), key=lambda m: (reference[m], -(estimates[m].value or 0.0), m))
    ranked = bool(among) and all(pair.ranked for pair in among)
    letters = compact_letters([m for m in order if m in contest], better | better.T) if ranked else {}
    standings = []
    for side in order:
        stands = ranked and side in contest
        standings.append(
            Standing(
                label=made.labels[side],
                estimate=estimates[side],
                invalid=made.invalid[side],
                rank_low=1 + int(better[:, side].sum()) if stands else None,
                rank_high=len(contest) - int(better[side].sum()) if stands else None,
                letters=letters.get(side, ""),
                reference=reference[side],
            )
        )
    return standings


def _estimate(made: Frame, side: int) -> Estimate:
    values, asked = made.values[:, side], made.columns[side].run.total
    if made.metric == "consistency":
        asked = len(made.items)
    known = values[~np.isnan(values)]
    if made.unit == "percent" and bool(np.all((known == 0) | (known == 1))):
        return accuracy_estimate(values, made.clusters, asked)
    found = mean_estimate(values, made.clusters, asked)
    low, high = made.scale
    if found.low is None or found.high is None:
        return found
    return replace(found, low=max(low, found.low), high=min(high, found.high))
