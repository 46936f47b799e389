"""Smallest detectable differences, sample sizes, and the winner's curse.

For planning only: power computed from the data just seen says nothing that the p-value did not. Dependent items: divide
n by the design effect first (`effective_n`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.distributions import binomial_cdf, normal_quantile, t_critical, z_critical

__all__ = [
    "ChancePower",
    "Detectable",
    "critical_count",
    "effective_n",
    "expected_best",
    "half_width",
    "mde_against_chance",
    "mde_mean",
    "mde_paired_accuracy",
    "mde_unpaired_accuracy",
    "n_mean",
    "n_paired_accuracy",
    "n_unpaired_accuracy",
    "power_against_chance",
    "sd_of_difference",
    "t_power",
]


def effective_n(n: float, deff: float) -> float:
    """Independent items that n clustered ones are worth: n / deff (Kish 1965)."""
    return n / deff


def _root(f: Callable[[float], float], low: float, high: float) -> float:
    """Where the increasing function f crosses 0 in [low, high], by bisection to machine precision."""
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if f(middle) < 0 else (low, middle)
    return (low + high) / 2


def _z(alpha: float, power: float) -> tuple[float, float]:
    if not (0 < alpha < 1 and 0 < power < 1):
        raise UserError(f"power: alpha {alpha:g}, power {power:g}; both lie between 0 and 1")
    return z_critical(alpha), normal_quantile(power)


@dataclass(frozen=True, slots=True)
class Detectable:
    """Smallest accuracy difference that can be detected. `possible` is False where it exceeds the share of items on
    which the models differ at all: then no difference they can have is detectable."""

    difference: float
    possible: bool


def mde_paired_accuracy(n: float, discordance: float, *, alpha: float = 0.05, power: float = 0.8) -> Detectable:
    """Smallest accuracy difference that n common items detect, when the models differ on a share `discordance`.

    Solves n = (z_a sqrt(psi) + z_b sqrt(psi - d^2))^2 / d^2 for d. Assumes independent items, normal approximation.
    Source: Connor 1987; Card et al. 2020, "With Little Power Comes Great Responsibility". Two weak models with
    independent errors have psi near .5.
    """
    za, zb = _z(alpha, power)
    if not (n > 0 and 0 < discordance <= 1):
        raise UserError(f"mde_paired_accuracy: n {n:g}, discordance {discordance:g}; give n > 0 and 0 < share <= 1")
    psi = discordance
    # Squaring z_b sqrt(psi - d^2) = d sqrt(n) - z_a sqrt(psi) leaves a quadratic; z_b's sign chooses the root.
    a, half_b, c = n + zb**2, -za * math.sqrt(n * psi), (za**2 - zb**2) * psi
    d = (-half_b + math.copysign(math.sqrt(max(0.0, half_b**2 - a * c)), zb)) / a
    return Detectable(d, d <= psi)


def n_paired_accuracy(difference: float, discordance: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Common items needed to detect an accuracy difference (Connor 1987). Raises UserError if it exceeds the share."""
    za, zb = _z(alpha, power)
    d = abs(difference)
    if not 0 < d <= discordance <= 1:
        raise UserError(
            f"n_paired_accuracy: difference {difference:g}, discordance {discordance:g}; "
            "the models must differ on at least as many items as the difference"
        )
    return math.ceil((za * math.sqrt(discordance) + zb * math.sqrt(discordance - d**2)) ** 2 / d**2)


def n_unpaired_accuracy(p1: float, p2: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Items per model, not rounded, to distinguish two accuracies on different items (normal approximation).

    (z_a sqrt(2 p q) + z_b sqrt(p1 q1 + p2 q2))^2 / (p1 - p2)^2 with p the mean of p1 and p2 (Fleiss 1981).
    """
    za, zb = _z(alpha, power)
    if not (0 <= p1 <= 1 and 0 <= p2 <= 1 and p1 != p2):
        raise UserError(f"n_unpaired_accuracy: {p1:g} and {p2:g}; give two different rates between 0 and 1")
    p = (p1 + p2) / 2
    spread = za * math.sqrt(2 * p * (1 - p)) + zb * math.sqrt(p1 * (1 - p1) + p2 * (1 - p2))
    return (spread / (p1 - p2)) ** 2


def mde_unpaired_accuracy(p1: float, n: float, *, alpha: float = 0.05, power: float = 0.8) -> float | None:
    """Smallest improvement on accuracy p1 that n items per model detect when the items differ. None if beyond 1."""
    if not (0 <= p1 < 1 and n > 0):
        raise UserError(f"mde_unpaired_accuracy: p1 {p1:g}, n {n:g}; give 0 <= p1 < 1 and n > 0")
    room = 1 - p1
    if n_unpaired_accuracy(p1, 1.0, alpha=alpha, power=power) > n:
        return None
    return _root(lambda d: n - n_unpaired_accuracy(p1, p1 + d, alpha=alpha, power=power), 1e-9, room)


@dataclass(frozen=True, slots=True)
class ChancePower:
    """What n items need to show that a model beats chance. None where even n of n is not significant."""

    critical_k: int | None
    critical_accuracy: float | None
    """Observed accuracy that is just significant (two-sided)."""
    true_accuracy: float | None
    """True accuracy that is found significant with the power asked for."""


def critical_count(n: int, *, chance: float = 0.5, alpha: float = 0.05) -> int | None:
    """The fewest right answers of n that exceed chance at alpha/2 (exact binomial). None if there is none."""
    return next((k for k in range(math.ceil(n * chance), n + 1) if _at_least(k, n, chance) <= alpha / 2), None)


def _at_least(k: int, n: int, p: float) -> float:
    return float(special.bdtrc(k - 1, n, p)) if k > 0 else 1.0


def power_against_chance(n: int, accuracy: float, *, chance: float = 0.5, alpha: float = 0.05) -> float:
    """Probability that a model of this true accuracy reaches `critical_count` in n items."""
    k = critical_count(n, chance=chance, alpha=alpha)
    return 0.0 if k is None else _at_least(k, n, accuracy)


def mde_against_chance(n: int, *, chance: float = 0.5, alpha: float = 0.05, power: float = 0.8) -> ChancePower:
    """How good must a model be for n items to show that it is not guessing? Exact binomial; independent items."""
    _z(alpha, power)
    if n < 1 or not 0 < chance < 1:
        raise UserError(f"mde_against_chance: n {n}, chance {chance:g}; give n >= 1 and 0 < chance < 1")
    k = critical_count(n, chance=chance, alpha=alpha)
    if k is None:
        return ChancePower(None, None, None)
    return ChancePower(k, k / n, _root(lambda p: _at_least(k, n, p) - power, chance, 1.0))


def t_power(effect: float, n: float, *, alpha: float = 0.05) -> float:
    """Power of the two-sided t test for a standardised effect (mean / SD) with n items: noncentral t, both tails."""
    critical, nc = t_critical(alpha, n - 1), effect * math.sqrt(n)
    upper = float(special.nctdtr(n - 1, nc, critical))
    lower = float(special.nctdtr(n - 1, nc, -critical))
    return 1 - upper + (lower if math.isfinite(lower) else 0.0)


def mde_mean(n: float, sd: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Smallest mean (or mean difference with SD of differences `sd`) that n items detect by the t test.

    Source: Card et al. 2020. Trap: it is not the smallest difference that can come out significant.
    Raises UserError for n < 2 or a power that alpha alone already exceeds.
    """
    _z(alpha, power)
    if not (n >= 2 and sd >= 0 and power > alpha):
        raise UserError(f"mde_mean: n {n:g}, SD {sd:g}, power {power:g}; give n >= 2, SD >= 0 and power > alpha")
    high = 1.0
    while t_power(high, n, alpha=alpha) < power and high < 1e6:
        high *= 2
    return sd * _root(lambda effect: t_power(effect, n, alpha=alpha) - power, 0.0, high)


def sd_of_difference(sd: float, rho: float) -> float:
    """SD of the difference of two scores of equal SD that correlate by rho over items: sd sqrt(2 (1 - rho))."""
    if not -1 <= rho <= 1:
        raise UserError(f"sd_of_difference: correlation {rho:g} is outside [-1, 1]")
    return sd * math.sqrt(2 * (1 - rho))


def n_mean(difference: float, sd: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Fewest items with which the t test detects a mean difference (SD of differences `sd`) with this power."""
    _z(alpha, power)
    if difference == 0 or sd < 0:
        raise UserError("n_mean: no finite number of items detects a difference of 0; give another")
    if sd == 0:
        return 2
    low, high = 1, 2
    while t_power(abs(difference) / sd, high, alpha=alpha) < power:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if t_power(abs(difference) / sd, middle, alpha=alpha) >= power else (middle, high)
    return high


def half_width(n: float, sd: float, *, alpha: float = 0.05) -> float:
    """Half the width of the t interval of a mean: t(n-1) sd / sqrt(n)."""
    if n < 2:
        raise UserError(f"half_width: n {n:g}; give two items or more")
    return t_critical(alpha, n - 1) * sd / math.sqrt(n)


def expected_best(n: int, p: float, models: int) -> float:
    """Accuracy that the best of several equally good models shows on n items: the winner's curse.

    E[max] = sum over k < n of (1 - F(k)^models) / n, F the binomial distribution function. Assumes independent models.
    Source: Efron 2011, "Tweedie's formula and selection bias". Do not compare the selected best with a fixed number.
    """
    if n < 1 or models < 1 or not 0 <= p <= 1:
        raise UserError(f"expected_best: n {n}, p {p:g}, {models} models; give n >= 1, 0 <= p <= 1, one model or more")
    cdf = np.array([binomial_cdf(k, n, p) for k in range(n)])
    return float(np.sum(1 - cdf**models)) / n
