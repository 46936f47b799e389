"""Tests whether a run is better or worse than guessing."""

from __future__ import annotations

import numpy as np

from sparkles_eval.analysis.pair_tests import MANY
from sparkles_eval.analysis.run_scores import RunValues
from sparkles_eval.stats.arrays import codes, object_labels
from sparkles_eval.stats.clusters import clustered_mean
from sparkles_eval.stats.dependence import dependence
from sparkles_eval.stats.distributions import t_two_sided
from sparkles_eval.stats.estimates import FEW
from sparkles_eval.stats.intervals import against_chance
from sparkles_eval.stats.signflip import sign_flip_test


def p_of_guessing(column: RunValues) -> float | None:
    """Two-sided p of the hypothesis that the run guesses; None where guessing is unknown, or few units test nothing.

    Right or wrong on independent rows: the exact binomial test (87 of 150 at 1/2: p = .060). Clusters: t with the
    degrees of freedom that they are worth, sign flips of whole clusters below 100, nothing below 30.
    """
    known = ~np.isnan(column.values)
    values = column.values[known]
    if column.chance is None or not values.size:
        return None
    labels = object_labels(column.rows.clusters)[known]
    depends = dependence(labels)
    binary = bool(np.all((values == 0) | (values == 1)))
    if binary and depends.units == values.size and not depends.crossed:
        return against_chance(int(values.sum()), values.size, chance=column.chance).p_two_sided
    if depends.effective < FEW:
        return None
    if depends.effective < MANY and not depends.crossed:
        group, count = codes(labels)
        sums = np.bincount(group, weights=values - column.chance, minlength=count)
        return sign_flip_test(sums, resamples=19_999).p_two_sided
    found = clustered_mean(values - column.chance, labels)
    return t_two_sided(found.mean / found.se, found.freedom) if found.se else None
