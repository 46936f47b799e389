"""Is the cheaper model no worse by more than a margin? Non-inferiority and equivalence of a mean difference.

Knows nothing of how the margin was chosen; it must have been chosen before the data were seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sparkles_eval.errors import UserError
from sparkles_eval.stats.arrays import Labels, Values
from sparkles_eval.stats.distributions import normal_quantile, t_cdf, t_critical
from sparkles_eval.stats.paired import clustered_difference


@dataclass(frozen=True, slots=True)
class NonInferiority:
    """One-sided test of "worse by the margin or more", and TOST for "apart by the margin or more"."""

    difference: float
    margin: float
    t: float
    p: float
    lower_bound: float
    """One-sided 1 - alpha bound of the difference."""
    non_inferior: bool
    p_equivalence: float
    """The larger p of the two one-sided tests."""
    equivalent: bool
    df: int


def non_inferiority(difference: float, se: float, df: int, margin: float, *, alpha: float = 0.025) -> NonInferiority:
    """Is A (difference = A - B) no worse than B by more than `margin`? t = (difference + margin) / se, one-sided.

    Equivalence takes both sides (two one-sided tests). Assumes a margin fixed beforehand. Source: Schuirmann 1987;
    Lakens 2017. Trap: "p > .05, so they are equal" is not a test of equality. A standard error of 0 decides by the
    sign alone. Raises UserError for margin <= 0, se < 0 or df < 1.
    """
    if not (margin > 0 and se >= 0 and df >= 1):
        raise UserError(
            f"non_inferiority: margin {margin:g}, se {se:g}, df {df}; give a margin above 0, chosen before the data "
            "were seen, and at least two independent units"
        )
    low_t, high_t = (_ratio(difference + side * margin, se) for side in (1, -1))
    p_low, p_high = t_cdf(-low_t, df), t_cdf(high_t, df)
    bound = difference - t_critical(2 * alpha, df) * se
    both = max(p_low, p_high)
    return NonInferiority(difference, margin, low_t, p_low, bound, p_low < alpha, both, both < alpha, df)


def _ratio(value: float, se: float) -> float:
    return value / se if se > 0 else math.copysign(math.inf, value) if value else 0.0


def paired_non_inferiority(
    a: Values, b: Values, margin: float, clusters: Labels | None = None, *, alpha: float = 0.025
) -> NonInferiority:
    """`non_inferiority` of A against B on the same items, with the clustered paired standard error."""
    found = clustered_difference(a, b, clusters).mean
    if found.se_cr1 is None:
        raise UserError("paired_non_inferiority: all items in one cluster; give at least two independent units")
    return non_inferiority(found.mean, found.se_cr1, found.clusters - 1, margin, alpha=alpha)


def n_non_inferiority(sd_difference: float, margin: float, *, alpha: float = 0.025, power: float = 0.8) -> int:
    """Items needed to show non-inferiority when the models are truly equal: ((z_alpha + z_power) s_d / margin)^2."""
    if not (margin > 0 and sd_difference >= 0):
        raise UserError(f"n_non_inferiority: margin {margin:g}, SD {sd_difference:g}; give a margin above 0")
    z = normal_quantile(1 - alpha) + normal_quantile(power)
    return max(2, int(np.ceil((z * sd_difference / margin) ** 2)))
