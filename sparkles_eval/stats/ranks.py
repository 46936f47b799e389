"""Which models differ, which ranks can be claimed, and which rows of a table are tied.

Models are columns 0..k-1. Higher scores are better.
"""

from __future__ import annotations

import itertools
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import (
    BoolArray,
    FloatArray,
    Labels,
    ValueTable,
    complete_table,
    is_constant,
    midranks,
    number_at,
    table,
)
from sparkles_eval.stats.distributions import chi2_tail, f_tail
from sparkles_eval.stats.multiplicity import holm
from sparkles_eval.stats.pairwise import PairTests, pair_tests

__all__ = ["Friedman", "PairResult", "RankSets", "compact_letters", "friedman", "rank_sets", "significance_matrix"]


@dataclass(frozen=True, slots=True)
class PairResult:
    """Model `first` minus model `second` on the items both have. p is None where it is undefined (`note`)."""

    first: int
    second: int
    n: int
    lost: int
    """Items that only one of the two has."""
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class RankSets:
    """Rank confidence sets and compact letters. Ranks count from 1, the best."""

    means: tuple[float | None, ...]
    pairs: tuple[PairResult, ...]
    rank_low: tuple[int, ...]
    rank_high: tuple[int, ...]
    letters: tuple[str, ...]
    """Models that share a letter are not distinguished. "Tied" is not transitive."""


def rank_sets(scores: ValueTable, clusters: Labels | None = None, *, alpha: float = 0.05) -> RankSets:
    """What rank can we claim? `scores`: items x models, empty cells allowed.

    All pairs by the clustered paired t test on common items, Holm-adjusted; rank from 1 + number significantly better
    to k - number significantly worse. All sets hold together with 1 - alpha. Source: Mogstad, Romano, Shaikh and
    Wilhelm 2024, "Inference for Ranks". Trap: percentile intervals of bootstrapped ranks are no confidence sets.
    """
    x = table(scores, "rank_sets")
    if x.ndim != 2 or x.shape[1] < 2:
        raise UserError("rank_sets: give a table of items x models with at least two models")
    if clusters is not None and len(clusters) != x.shape[0]:
        raise UserError(f"rank_sets: {len(clusters)} clusters for {x.shape[0]} items; give one per item")
    k = x.shape[1]
    found = pair_tests(x, clusters, alpha=alpha)
    adjusted = holm(found.p)
    pairs = tuple(_result(found, adjusted, index) for index in range(found.p.size))
    better = np.zeros((k, k), dtype=np.bool_)
    for pair in pairs:
        if pair.p_holm is not None and pair.p_holm <= alpha and pair.difference:
            winner, loser = (pair.first, pair.second) if pair.difference > 0 else (pair.second, pair.first)
            better[winner, loser] = True
    means = [float(np.nanmean(column)) if not np.isnan(column).all() else None for column in x.T]
    order = sorted(range(k), key=lambda m: (means[m] is None, -(means[m] or 0.0), m))
    letters = compact_letters(order, better | better.T)
    return RankSets(
        means=tuple(means),
        pairs=pairs,
        rank_low=tuple(1 + int(n) for n in better.sum(axis=0)),
        rank_high=tuple(k - int(n) for n in better.sum(axis=1)),
        letters=tuple(letters[m] for m in range(k)),
    )


def _result(found: PairTests, adjusted: FloatArray, index: int) -> PairResult:
    note = ""
    if found.n[index] == 0:
        note = "no common items"
    elif found.clusters[index] < 2:
        note = "all common items in one cluster"
    elif found.se[index] == 0:
        note = "the difference does not vary: p from sign flips"
    return PairResult(
        first=int(found.first[index]),
        second=int(found.second[index]),
        n=int(found.n[index]),
        lost=int(found.lost[index]),
        difference=number_at(found.difference, index),
        low=number_at(found.low, index),
        high=number_at(found.high, index),
        p=number_at(found.p, index),
        p_holm=number_at(adjusted, index),
        note=note,
    )


def significance_matrix(k: int, pairs: Iterable[tuple[int, int]]) -> BoolArray:
    """Symmetric k x k matrix that is True for the given pairs."""
    matrix = np.zeros((k, k), dtype=np.bool_)
    for i, j in pairs:
        matrix[i, j] = matrix[j, i] = True
    return matrix


def compact_letters(order: Sequence[int], significant: BoolArray) -> dict[int, str]:
    """Letters such that two models share one exactly when they are not significantly different.

    Insert-and-absorb: start with one group of all; every significant pair splits the groups that hold both; groups
    inside others are dropped. Letters follow `order` (best first). Source: Piepho 2004. Trap: disjoint tiers are false.
    """
    groups: list[frozenset[int]] = [frozenset(order)]
    for i, j in itertools.combinations(order, 2):
        if not significant[i, j]:
            continue
        split = [part for g in groups for part in ((g - {i}, g - {j}) if i in g and j in g else (g,))]
        unique = set(split)
        groups = [g for g in unique if not any(g < other for other in unique)]
    place = {model: position for position, model in enumerate(order)}
    columns = sorted(groups, key=lambda g: sorted(place[m] for m in g))
    return {m: "".join(_letter(c) for c, g in enumerate(columns) if m in g) for m in order}


def _letter(index: int) -> str:
    """a..z, A..Z, then numbered: a1, b1, ..."""
    alphabet = string.ascii_lowercase + string.ascii_uppercase
    round_, letter = divmod(index, len(alphabet))
    return alphabet[letter] + (str(round_) if round_ else "")


@dataclass(frozen=True, slots=True)
class Friedman:
    """Any difference at all across models? With Nemenyi's critical difference of mean ranks (1 = best)."""

    chi2: float | None
    p: float | None
    iman_davenport: float | None
    p_iman_davenport: float | None
    mean_ranks: tuple[float, ...]
    q: float
    critical_difference: float
    kendall_w: float | None
    note: str = ""


def friedman(scores: ValueTable, *, alpha: float = 0.05) -> Friedman:
    """Friedman's test on within-item ranks, tie-corrected, with Iman-Davenport F and Nemenyi's critical difference.

    Assumes independent items and a complete items x models table. Source: Friedman 1937; Iman and Davenport 1980;
    Demsar 2006. Trap: mean ranks depend on which other models are in the pool: prefer `rank_sets`. For right/wrong
    items, nearly all ties, it equals Cochran's Q. All items tied throughout: p is None with a note.
    """
    from scipy.stats import studentized_range

    x = complete_table(scores, "friedman")
    n, k = x.shape
    if n < 2 or k < 2:
        raise UserError(f"friedman: {n} items x {k} models; give two or more of both")
    ranks = np.array([midranks(-row) for row in x])
    mean_ranks = ranks.mean(axis=0)
    q = float(studentized_range.ppf(1 - alpha, k, np.inf)) / np.sqrt(2.0)
    difference = float(q * np.sqrt(k * (k + 1) / (6 * n)))
    shown = tuple(mean_ranks.tolist())
    within = float(np.sum((ranks - (k + 1) / 2) ** 2)) / (n * (k - 1))
    if within == 0 or all(is_constant(row) for row in x):
        return Friedman(None, None, None, None, shown, float(q), difference, None, "every item ties all models")
    chi2 = n * float(np.sum((mean_ranks - (k + 1) / 2) ** 2)) / within
    room = n * (k - 1) - chi2
    f = (n - 1) * chi2 / room if room > 1e-9 else None
    return Friedman(
        chi2=chi2,
        p=chi2_tail(chi2, k - 1),
        iman_davenport=f,
        p_iman_davenport=f_tail(f, k - 1, (k - 1) * (n - 1)) if f is not None else 0.0,
        mean_ranks=shown,
        q=float(q),
        critical_difference=difference,
        kendall_w=chi2 / (n * (k - 1)),
        note="" if f is not None else "all items rank the models alike: F is infinite",
    )
