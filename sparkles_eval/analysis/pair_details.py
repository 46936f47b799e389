"""One pair of models in full: more tests of the same difference, effect sizes, smallest detectable difference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparkles_eval.analysis.pair_tests import Tested
from sparkles_eval.analysis.score_matrix import ScoreMatrix
from sparkles_eval.analysis.verdicts import MarginTest, level_of, margin_test
from sparkles_eval.stats.intervals import Interval, upper_bound
from sparkles_eval.stats.mcnemar import McNemar, PairedCounts, mcnemar, paired_counts, paired_difference
from sparkles_eval.stats.paired import (
    ClusteredDifference,
    EffectSize,
    clustered_difference,
    effect_sizes,
    sign_flip,
)
from sparkles_eval.stats.power import mde_mean, mde_paired_accuracy
from sparkles_eval.stats.signflip import SignFlip

POWER = 0.8
"""With which the smallest detectable difference is stated."""


@dataclass(frozen=True, slots=True)
class Fourfold:
    """Right or wrong on the same items: the table, its tests, and three intervals of the difference."""

    counts: PairedCounts
    tests: McNemar
    bonett_price: Interval
    newcombe: Interval


@dataclass(frozen=True, slots=True)
class Detail:
    """What stands beside the headline test of a pair. None where it is undefined or not asked for."""

    clustered: ClusteredDifference
    permutation: SignFlip | None
    """Signs of whole clusters flipped; None for one cluster, and for items with two units."""
    fourfold: Fourfold | None
    effects: EffectSize
    smallest: float | None
    """True difference that these items detect with 80% power, two-sided at 5% over the number of pairs shown (Holm's
    first step); None where no such difference exists."""
    margin: MarginTest | None
    lost: Mapping[str, int]
    """Why items could not be paired: reason -> items."""


def detail(matrix: ScoreMatrix, tested: Tested, *, margin: float | None = None) -> Detail | None:
    """Everything of a pair; None where it has no common item. `margin` in the frame's unit (shares, points)."""
    pair = matrix.values[:, [tested.first, tested.second]]
    keep = ~np.isnan(pair).any(axis=1)
    if not keep.any():
        return None
    a, b, clusters = pair[keep, 0], pair[keep, 1], matrix.clusters[keep]
    clustered = clustered_difference(a, b, clusters)
    known = clustered.mean.clusters > 1
    return Detail(
        clustered=clustered,
        permutation=sign_flip(a, b, clusters) if known and not matrix.crossed else None,
        fourfold=_fourfold(a, b) if matrix.binary else None,
        effects=effect_sizes(a, b),
        smallest=_smallest(matrix, clustered, a, b, level_of(tested.family)),
        margin=margin_test(tested, margin) if margin and known else None,
        lost=dict(matrix.lost(tested.first, tested.second).most_common()),
    )


def _fourfold(a: NDArray[np.float64], b: NDArray[np.float64]) -> Fourfold:
    counts = paired_counts(a, b)
    difference = paired_difference(counts)
    tests = mcnemar(counts.only_a, counts.only_b)
    return Fourfold(counts, tests, difference.bonett_price, difference.newcombe)


def _smallest(
    matrix: ScoreMatrix,
    clustered: ClusteredDifference,
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    alpha: float,
) -> float | None:
    """The smallest true difference that is found with 80% power, at the spread and the clustering of these data.

    Right or wrong: Connor's formula at the seen share of items on which the models differ (where they never do, at the
    largest share that this allows), with n over the design effect. Scores: the t test over clusters.
    """
    mean = clustered.mean
    if mean.clusters < 2 or 2.0 ** (1 - mean.clusters) > alpha:  # not even a sign flip of all of them is significant
        return None
    if matrix.binary:
        differ = int(np.count_nonzero(a != b))
        share = differ / mean.n if differ else upper_bound(0, mean.n)
        n = mean.n_eff if mean.n_eff and mean.clusters < mean.n else float(mean.n)
        found = mde_paired_accuracy(n, min(1.0, share), alpha=alpha, power=POWER)
        return found.difference if found.possible else None
    if not mean.se or mean.effective < 2:
        return None
    return mde_mean(mean.effective, mean.se * math.sqrt(mean.effective), alpha=alpha, power=POWER)
