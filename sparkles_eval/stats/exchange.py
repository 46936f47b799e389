"""A permutation test of any statistic of two models: their values are exchanged within whole clusters."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import FloatArray, Labels, Values, codes, complete, same_length

__all__ = ["exchange_test"]

DifferenceFunction: TypeAlias = Callable[[FloatArray, FloatArray], float]


def exchange_test(
    difference: DifferenceFunction, a: Values, b: Values, clusters: Labels, *, resamples: int = 999, seed: int = 0
) -> float:
    """Two-sided p of `difference(a, b)`: the share of random exchanges with a difference as large, the seen one among.

    Under the null hypothesis that the two models are the same, which of them gave which answer to a cluster's items is
    a coin flip. For the mean it is the sign-flip test. Source: Fisher 1935; Phipson and Smyth 2010 (never 0).
    """
    first, second = complete(a, "exchange_test"), complete(b, "exchange_test")
    same_length("exchange_test", first, clusters)
    same_length("exchange_test", second, clusters)
    if not first.size:
        raise UserError("exchange_test: no items; give at least one")
    group, units = codes(clusters)
    seen = abs(difference(first, second))
    slack = 1e-9 * max(1.0, seen)
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(resamples):
        turned = rng.integers(0, 2, size=units, dtype=np.int8)[group].astype(np.bool_)
        one, two = np.where(turned, second, first), np.where(turned, first, second)
        hits += abs(difference(one, two)) >= seen - slack
    return (1 + hits) / (1 + resamples)
