"""Adjusts p-values for the number of tests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import BoolArray, FloatArray, Values, floats

__all__ = ["Adjusted", "adjust", "benjamini_hochberg", "benjamini_yekutieli", "bonferroni", "holm"]


def holm(p: Values) -> FloatArray:
    """Holm's adjustment, for claims: valid under any dependence. Sort, multiply by K - r + 1, running maximum, cap 1.

    The family is everything shown (pairs x criteria x benchmarks). Missing p-values (None, NaN) stay NaN and do not
    count in K. Source: Holm 1979. Raises UserError for numbers outside [0, 1]; so do the others.
    """
    return _adjust(p, "holm")


def benjamini_hochberg(p: Values) -> FloatArray:
    """False discovery rate, for exploratory tables: p K / r, running minimum from the largest.

    Assumes independence or positive dependence. Source: Benjamini and Hochberg 1995.
    """
    return _adjust(p, "bh")


def benjamini_yekutieli(p: Values) -> FloatArray:
    """False discovery rate under any dependence: Benjamini-Hochberg times 1 + 1/2 + ... + 1/K. Source: 2001."""
    return _adjust(p, "by")


def bonferroni(p: Values) -> FloatArray:
    """p K, at most 1: never better than Holm, shown for those who know it."""
    return _adjust(p, "bonferroni")


def _adjust(values: Values, method: str) -> FloatArray:
    p = floats(values, method)
    known = np.flatnonzero(~np.isnan(p))
    result = np.full(p.size, np.nan)
    family = known.size
    if family == 0:
        return result
    given = p[known]
    if np.any((given < 0) | (given > 1)):
        raise UserError(f"{method}: p-values outside [0, 1]")
    order = np.argsort(given, kind="stable")
    ranks = np.arange(1, family + 1)
    ascending = given[order]
    if method == "holm":
        adjusted = np.maximum.accumulate(ascending * (family - ranks + 1))
    elif method == "bonferroni":
        adjusted = ascending * family
    else:
        factor = float(np.sum(1 / ranks)) if method == "by" else 1.0
        adjusted = np.minimum.accumulate((ascending * family * factor / ranks)[::-1])[::-1]
    result[known[order]] = np.minimum(adjusted, 1.0)
    return result


@dataclass(frozen=True, slots=True)
class Adjusted:
    """One family of p-values: as given, adjusted, and which stay significant for claims (Holm)."""

    raw: FloatArray
    holm: FloatArray
    benjamini_hochberg: FloatArray
    significant: BoolArray


def adjust(p: Values, *, alpha: float = 0.05) -> Adjusted:
    """Both adjustments that tables show, Holm for claims and Benjamini-Hochberg for exploration."""
    strict = holm(p)
    return Adjusted(floats(p, "adjust"), strict, benjamini_hochberg(p), np.nan_to_num(strict, nan=1.0) <= alpha)
