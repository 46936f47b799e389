"""Intervals for one proportion or one mean of independent items.

Dependent items: `stats.clusters`. Which interval a table prints: `stats.estimates`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import Values, complete, is_constant
from sparkles_eval.stats.distributions import (
    beta_cdf,
    beta_quantile,
    binomial_cdf,
    binomial_pmf,
    t_critical,
    z_critical,
)

__all__ = [
    "ChanceTest",
    "Interval",
    "MeanInterval",
    "against_chance",
    "binomial_two_sided",
    "clopper_pearson",
    "jeffreys",
    "mean_t",
    "rule_of_three",
    "upper_bound",
    "wilson",
]


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its confidence limits. Limits are None where there is no honest interval; `note` says why."""

    value: float | None
    low: float | None
    high: float | None
    note: str = ""


def _check_counts(who: str, successes: float, n: float) -> None:
    if not (n >= 0 and 0 <= successes <= n + 1e-9):
        raise UserError(f"{who}: {successes:g} successes of {n:g} is impossible; give 0 <= successes <= n")


def wilson(successes: float, n: float, *, alpha: float = 0.05, critical: float | None = None) -> Interval:
    """Wilson score interval of a proportion: what accuracy does this model have?

    (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), clipped to [0, 1].
    Assumes independent items; `n` may be an effective number and so fractional; `critical` replaces z (a t quantile).
    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference"; Brown, Cai and
    DasGupta 2001. Trap: the textbook p +- z sqrt(p(1-p)/n) has width zero at 0 of n and covers far too seldom there.
    n = 0 gives no value and no limits.
    """
    _check_counts("wilson", successes, n)
    if n <= 0:
        return Interval(None, None, None, "no items")
    z = z_critical(alpha) if critical is None else critical
    p = min(successes / n, 1.0)
    centre = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if p == 0 else max(0.0, (centre - half) / scale)
    high = 1.0 if p == 1 else min(1.0, (centre + half) / scale)
    return Interval(p, low, high)


def clopper_pearson(successes: float, n: float, *, alpha: float = 0.05) -> Interval:
    """Exact interval of a proportion: both one-sided binomial tests at alpha/2, inverted through the beta distribution.

    Assumes independent items; `n` and `successes` may be fractional (an effective number, Korn and Graubard 1998).
    Covers at least 1 - alpha, so it is wider than Wilson. Source: Clopper and Pearson 1934.
    """
    _check_counts("clopper_pearson", successes, n)
    if n <= 0:
        return Interval(None, None, None, "no items")
    failures = max(0.0, n - successes)
    low = 0.0 if successes == 0 else beta_quantile(alpha / 2, successes, failures + 1)
    high = 1.0 if failures == 0 else beta_quantile(1 - alpha / 2, successes + 1, failures)
    return Interval(min(successes / n, 1.0), low, high)


def jeffreys(successes: int, n: int, *, alpha: float = 0.05) -> Interval:
    """Equal-tailed interval of the posterior Beta(k + 1/2, n - k + 1/2) of a proportion.

    Assumes independent items. Source: Brown, Cai and DasGupta 2001 (without their adjustment at 0 and n, so that the
    limits are those of the posterior itself).
    """
    _check_counts("jeffreys", successes, n)
    if n == 0:
        return Interval(None, None, None, "no items")
    a, b = successes + 0.5, n - successes + 0.5
    return Interval(successes / n, beta_quantile(alpha / 2, a, b), beta_quantile(1 - alpha / 2, a, b))


def upper_bound(events: int, n: int, *, confidence: float = 0.95) -> float:
    """One-sided exact upper bound of a rate: it failed `events` times in n tries; how often could it fail?

    With no event it is 1 - (1 - confidence)^(1/n), about 3/n at 95%: never seen in 50 tries still allows 5.8%.
    Assumes independent trials. Source: Hanley and Lippman-Hand 1983; Clopper and Pearson 1934. No trial gives 1.
    """
    _check_counts("upper_bound", events, n)
    if events == n:
        return 1.0
    return beta_quantile(confidence, events + 1, n - events)


def rule_of_three(n: int) -> float:
    """3/n (at most 1), the mental-arithmetic 95% upper bound after no event in n trials. No trial gives 1."""
    return 1.0 if n == 0 else min(1.0, 3 / n)


@dataclass(frozen=True, slots=True)
class ChanceTest:
    """Accuracy against a fixed rate: exact binomial p-values and the posterior probability of being above it."""

    accuracy: float
    p_two_sided: float
    p_above: float
    """One-sided: how often chance alone does at least this well."""
    posterior_above: float
    """P(true rate > chance) under the Jeffreys prior Beta(1/2, 1/2)."""
    interval: Interval


def against_chance(successes: int, n: int, *, chance: float = 0.5, alpha: float = 0.05) -> ChanceTest:
    """Is this model better than guessing? Exact binomial test against `chance`, with the Wilson interval.

    Two-sided p sums every outcome that is no likelier than the one seen (as R and scipy do; for chance = 1/2 this is
    twice the smaller tail). Assumes independent items. Raises UserError for n = 0 or a chance outside (0, 1).
    """
    _check_counts("against_chance", successes, n)
    if n == 0 or not 0 < chance < 1:
        raise UserError(f"against_chance: n = {n}, chance = {chance}; give at least one item and 0 < chance < 1")
    return ChanceTest(
        accuracy=successes / n,
        p_two_sided=binomial_two_sided(successes, n, chance),
        p_above=1 - binomial_cdf(successes - 1, n, chance),
        posterior_above=1 - beta_cdf(chance, successes + 0.5, n - successes + 0.5),
        interval=wilson(successes, n, alpha=alpha),
    )


def binomial_two_sided(k: int, n: int, p: float = 0.5) -> float:
    """Exact two-sided p-value: the probability of all outcomes no likelier than k. n = 0 gives 1."""
    if n == 0:
        return 1.0
    if p == 0.5:
        return min(1.0, 2 * binomial_cdf(min(k, n - k), n, p))
    limit = binomial_pmf(k, n, p) * (1 + 1e-7)
    mode = math.floor((n + 1) * p)
    if k <= mode:
        near = next((j for j in range(mode, n + 1) if binomial_pmf(j, n, p) <= limit), n + 1)
        return min(1.0, binomial_cdf(k, n, p) + 1 - binomial_cdf(near - 1, n, p))
    near = next((j for j in range(mode, -1, -1) if binomial_pmf(j, n, p) <= limit), -1)
    return min(1.0, 1 - binomial_cdf(k - 1, n, p) + binomial_cdf(near, n, p))


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """Mean, its standard error and t interval. `se` and the limits are None for fewer than two items."""

    mean: float
    sd: float | None
    se: float | None
    low: float | None
    high: float | None
    n: int
    note: str = ""


def mean_t(values: Values, *, alpha: float = 0.05) -> MeanInterval:
    """Mean of independent items with mean +- t(n-1) s/sqrt(n).

    Assumes that the mean is roughly normal: fine for bounded scores from about 30 items on. Constant data have no
    interval (note "no variation"): ten tens do not prove that the next answer gets a ten. Source: Student 1908.
    Raises UserError for no values or missing ones.
    """
    x = complete(values, "mean_t")
    n = x.size
    if n == 0:
        raise UserError("mean_t: no values; give at least one")
    mean = float(x.mean())
    if n == 1:
        return MeanInterval(mean, None, None, None, None, 1, "one item")
    if is_constant(x):
        return MeanInterval(mean, 0.0, 0.0, None, None, n, "no variation")
    sd = float(np.std(x, ddof=1))
    se = sd / math.sqrt(n)
    half = t_critical(alpha, n - 1) * se
    return MeanInterval(mean, sd, se, mean - half, mean + half, n)
