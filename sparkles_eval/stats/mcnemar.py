"""Two models, right or wrong on the same items: tests and intervals for the difference of their accuracies.

For items that share images use `paired.clustered_difference`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import Values, complete, same_length
from sparkles_eval.stats.distributions import binomial_cdf, binomial_pmf, chi2_tail, normal_two_sided, z_critical
from sparkles_eval.stats.intervals import Interval, wilson

__all__ = [
    "IndependentDifference",
    "McNemar",
    "PairedCounts",
    "PairedDifference",
    "independent_difference",
    "mcnemar",
    "paired_counts",
    "paired_difference",
]


@dataclass(frozen=True, slots=True)
class PairedCounts:
    """Two models on n items: both right, only A right, only B right, both wrong."""

    both: int
    only_a: int
    only_b: int
    neither: int

    @property
    def n(self) -> int:
        return self.both + self.only_a + self.only_b + self.neither


def paired_counts(a: Values, b: Values) -> PairedCounts:
    """Counts of the fourfold table from two columns of 1 (right) and 0 (wrong) on the same items."""
    x, y = complete(a, "paired_counts: first model"), complete(b, "paired_counts: second model")
    same_length("paired_counts", x, y)
    if np.any((x != 0) & (x != 1)) or np.any((y != 0) & (y != 1)):
        raise UserError("paired_counts: values other than 0 and 1; compare scores with paired.paired_scores")
    both, only_a = int(np.sum((x == 1) & (y == 1))), int(np.sum((x == 1) & (y == 0)))
    only_b = int(np.sum((x == 0) & (y == 1)))
    return PairedCounts(both, only_a, only_b, x.size - both - only_a - only_b)


@dataclass(frozen=True, slots=True)
class McNemar:
    """p-values for "both models are equally often right". Report `mid_p`, with `exact` beside it."""

    exact: float
    mid_p: float
    chi2: float
    chi2_corrected: float


def mcnemar(only_a: int, only_b: int) -> McNemar:
    """Is A more accurate than B? Only items that exactly one of them got right count.

    exact = min(1, 2 P(K <= min(b, c))), K ~ Binomial(b + c, 1/2); mid-p = exact - P(K = min(b, c)). Assumes independent
    items. Source: McNemar 1947; Fagerland, Lydersen and Laake 2013 (mid-p: the exact test is far too cautious).
    b = c gives 1 for all four, b + c = 0 as well. Raises UserError for negative counts.
    """
    if only_a < 0 or only_b < 0:
        raise UserError(f"mcnemar: counts {only_a} and {only_b}; give counts of 0 or more")
    if only_a == only_b:
        return McNemar(1.0, 1.0, 1.0, 1.0)
    n, least = only_a + only_b, min(only_a, only_b)
    exact = min(1.0, 2 * binomial_cdf(least, n, 0.5))
    gap = abs(only_a - only_b)
    return McNemar(
        exact=exact,
        mid_p=exact - binomial_pmf(least, n, 0.5),
        chi2=chi2_tail(gap**2 / n, 1),
        chi2_corrected=chi2_tail((gap - 1) ** 2 / n, 1),
    )


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Accuracy of A minus accuracy of B with three intervals. Tables use `bonett_price`."""

    difference: float
    wald: Interval
    bonett_price: Interval
    newcombe: Interval


def paired_difference(counts: PairedCounts, *, alpha: float = 0.05) -> PairedDifference:
    """How many points better, at least and at most?

    Bonett-Price: p12 = (b+1)/(n+2), p21 = (c+1)/(n+2), D = p12 - p21, D +- z sqrt((p12 + p21 - D^2)/(n+2)).
    Newcombe: square-and-add of the two Wilson intervals with the continuity-corrected phi (method 10). Wald, for
    comparison, has no width when b + c = 0. All are clipped to [-1, 1]. Assumes independent items.
    Source: Bonett and Price 2012; Newcombe 1998. Trap: an interval and a p-value by different methods can disagree
    about 0 at the margin: print which ones they are. Raises UserError for no items.
    """
    n, b, c = counts.n, counts.only_a, counts.only_b
    if n == 0:
        raise UserError("paired_difference: no common items; compare models on the same items")
    z, diff = z_critical(alpha), (b - c) / n
    half = z * math.sqrt(max(0.0, b + c - (b - c) ** 2 / n)) / n
    p12, p21 = (b + 1) / (n + 2), (c + 1) / (n + 2)
    centre = p12 - p21
    width = z * math.sqrt((p12 + p21 - centre**2) / (n + 2))
    return PairedDifference(
        diff,
        _clipped(diff, diff - half, diff + half),
        _clipped(diff, centre - width, centre + width),
        _newcombe_paired(counts, alpha),
    )


def _clipped(value: float, low: float, high: float) -> Interval:
    return Interval(value, max(-1.0, low), min(1.0, high))


def _limits(k: float, n: float, alpha: float) -> tuple[float, float, float]:
    found = wilson(k, n, alpha=alpha)
    if found.value is None or found.low is None or found.high is None:
        raise UserError("Newcombe interval: no items; give at least one per model")
    return found.value, found.low, found.high


def _newcombe_paired(counts: PairedCounts, alpha: float) -> Interval:
    a, b, c, d, n = counts.both, counts.only_a, counts.only_b, counts.neither, counts.n
    p1, l1, u1 = _limits(a + b, n, alpha)
    p2, l2, u2 = _limits(a + c, n, alpha)
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    cross = a * d - b * c
    corrected = max(cross - n / 2, 0.0) if cross > 0 else float(cross)
    phi = corrected / math.sqrt(margins) if margins else 0.0
    down = (p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2
    up = (u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2
    diff = p1 - p2
    return _clipped(diff, diff - math.sqrt(max(0.0, down)), diff + math.sqrt(max(0.0, up)))


@dataclass(frozen=True, slots=True)
class IndependentDifference:
    """Two accuracies on different items (or when the pairing is lost): pooled z, Fisher's test, Newcombe interval."""

    difference: float
    p_z: float
    p_fisher: float
    newcombe: Interval


def independent_difference(
    right_a: int, n_a: int, right_b: int, n_b: int, *, alpha: float = 0.05
) -> IndependentDifference:
    """Difference of two accuracies without pairing: the last resort for published totals.

    Newcombe 1998 (independent samples, method 10): D -+ root of squared distances to the Wilson limits.
    Equal totals without variation give p = 1. Raises UserError for impossible counts.
    """
    from scipy.stats import fisher_exact

    p1, l1, u1 = _limits(right_a, n_a, alpha)
    p2, l2, u2 = _limits(right_b, n_b, alpha)
    diff = p1 - p2
    pooled = (right_a + right_b) / (n_a + n_b)
    se = math.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    low, high = diff - math.hypot(p1 - l1, u2 - p2), diff + math.hypot(u1 - p1, p2 - l2)
    fisher = float(fisher_exact(np.array([[right_a, n_a - right_a], [right_b, n_b - right_b]])).pvalue)
    p_z = normal_two_sided(diff / se) if se > 0 else 1.0
    return IndependentDifference(diff, p_z, fisher, _clipped(diff, low, high))
