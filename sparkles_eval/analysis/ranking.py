"""Ranks and letters of runs: from one score matrix, with every pair tested.

`compare`, the leaderboard and the figures rank here, by the metric that they show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sparkles_eval.analysis.comparability import is_reference
from sparkles_eval.analysis.pair_tests import Tested, all_pairs
from sparkles_eval.analysis.run_scores import RunValues
from sparkles_eval.analysis.score_matrix import ScoreMatrix
from sparkles_eval.analysis.summary import Entry, Panel
from sparkles_eval.core import Estimate
from sparkles_eval.stats.estimates import FEW
from sparkles_eval.stats.multiplicity import benjamini_hochberg, holm
from sparkles_eval.stats.ranks import compact_letters

_FEW = f"fewer than {FEW} independent units in some pair: no ranks are claimed"


@dataclass(frozen=True, slots=True)
class RankedRun:
    """One run in a comparison. Ranks and letters are None and "" where too few units allow no ranking."""

    label: str
    estimate: Estimate
    invalid: int
    rank_low: int | None
    rank_high: int | None
    letters: str
    reference: bool
    """True for baselines and controls, which stand beside and are not ranked."""
    unranked: str = ""
    """Why a model has no rank although others have: too few of its items are graded."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """Runs of one panel: the matrix, every pair tested, and the rank of every run."""

    matrix: ScoreMatrix
    pairs: tuple[Tested, ...]
    ranked_runs: tuple[RankedRun, ...]


@dataclass(frozen=True, slots=True)
class PanelRanks:
    """Of one panel: `by_run` has the contestants that were ranked, and those with too few graded items to be, each
    with the reason; `note` says why where none is ranked."""

    by_run: Mapping[str, RankedRun] = field(default_factory=dict)
    pairs: int = 0
    note: str = ""


def ranking(columns: Sequence[RunValues]) -> Ranking:
    """Rank runs that may be compared, by one metric; two columns or more.

    Holm's adjustment counts the pairs of these runs as one family: the numbers are those of `compare` on this task and
    judge alone.
    """
    matrix = ScoreMatrix.of(columns)
    (pairs,) = adjusted([all_pairs(matrix)])
    return Ranking(matrix, tuple(pairs), tuple(ranked_runs(matrix, pairs)))


def panel_ranks(panel: Panel) -> PanelRanks:
    """The ranks of a panel's models on its headline; baselines and controls stand beside and are not ranked."""
    scored = ranked_entries(panel)
    apart = {entry.run.id: _apart(entry) for entry in panel.entries if not entry.reference and entry.coverage.unranked}
    if panel.judge is None or len(scored) < 2:
        return PanelRanks(apart, note="fewer than two models: nothing is ranked" if panel.judge else "")
    if any((entry.headline.estimate.clusters or 0) < FEW for entry in scored if entry.headline):
        # A pair has no more units than either of its models: testing would rank nothing.
        return PanelRanks(apart, note=_FEW)
    columns = [entry.values for entry in scored if entry.values is not None]
    found = ranking(columns)
    ids = {column.run.label: column.run.run.id for column in columns}
    ranked = any(ranked_run.rank_low is not None for ranked_run in found.ranked_runs)
    by_run = {ids[s.label]: s for s in found.ranked_runs} | apart
    return PanelRanks(by_run, len(found.pairs), "" if ranked else _FEW)


def ranked_entries(panel: Panel) -> list[Entry]:
    """The models of a panel that take part in its ranking: scored, and with enough graded items."""
    contest = [entry for entry in panel.entries if not entry.reference and entry.coverage.enough]
    return [entry for entry in contest if entry.headline and entry.headline.estimate.value is not None]


def _apart(entry: Entry) -> RankedRun:
    found = entry.headline.estimate if entry.headline else Estimate(None, None, None, 0, entry.coverage.asked)
    return RankedRun(entry.label, found, 0, None, None, "", reference=False, unranked=entry.coverage.unranked)


def adjusted(groups: Sequence[list[Tested]]) -> list[list[Tested]]:
    """Holm's and Benjamini-Hochberg's p-values over everything that is shown together."""
    p = [tested.p for group in groups for tested in group]
    family = max(1, sum(value is not None for value in p))
    strict, loose = iter(holm(p).tolist()), iter(benjamini_hochberg(p).tolist())
    return [
        [replace(one, p_holm=_known(next(strict)), p_bh=_known(next(loose)), family=family) for one in group]
        for group in groups
    ]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def ranked_runs(matrix: ScoreMatrix, pairs: Sequence[Tested]) -> list[RankedRun]:
    """Every run with its own interval, rank set and letters, the best first, references last.

    Rank sets: 1 + the number of runs significantly better (Holm) to k - the number significantly worse, which hold
    together with 95% (Mogstad et al. 2024); letters by insert-and-absorb (Piepho 2004).
    """
    estimates = [column.estimate for column in matrix.columns]
    reference = [is_reference(one.run.model) for one in matrix.runs]
    contest = [side for side, beside in enumerate(reference) if not beside]
    if len(contest) < 2:  # baselines among themselves: then they are what is compared
        contest, reference = list(range(len(reference))), [False] * len(reference)
    better = np.zeros((len(estimates), len(estimates)), dtype=np.bool_)
    among = [pair for pair in pairs if pair.first in contest and pair.second in contest]
    for pair in among:
        if pair.significant:
            winner, loser = (pair.first, pair.second) if (pair.difference or 0) > 0 else (pair.second, pair.first)
            better[winner, loser] = True
    order = sorted(range(len(estimates)), key=lambda m: (reference[m], -(estimates[m].value or 0.0), m))
    ranked = bool(among) and all(pair.ranked for pair in among)
    letters = compact_letters([m for m in order if m in contest], better | better.T) if ranked else {}
    found = []
    for side in order:
        stands = ranked and side in contest
        found.append(
            RankedRun(
                label=matrix.labels[side],
                estimate=estimates[side],
                invalid=matrix.columns[side].invalid,
                rank_low=1 + int(better[:, side].sum()) if stands else None,
                rank_high=len(contest) - int(better[side].sum()) if stands else None,
                letters=letters.get(side, ""),
                reference=reference[side],
            )
        )
    return found
