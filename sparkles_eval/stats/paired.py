"""Two models (or judges) scored on the same items: mean difference, effect sizes, non-inferiority and equivalence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import FloatArray, Labels, Values, codes, complete, is_constant, midranks, same_length
from sparkles_eval.stats.clusters import ClusteredMean, clustered_mean
from sparkles_eval.stats.distributions import normal_quantile, normal_two_sided, t_cdf, t_critical, t_two_sided
from sparkles_eval.stats.intervals import MeanInterval, mean_t
from sparkles_eval.stats.signflip import SignFlip, sign_flip_test

__all__ = [
    "ClusteredDifference",
    "EffectSize",
    "NonInferiority",
    "PairedTest",
    "Wilcoxon",
    "clustered_difference",
    "effect_sizes",
    "hodges_lehmann",
    "n_non_inferiority",
    "non_inferiority",
    "paired_t",
    "sign_flip",
    "wilcoxon",
]


def _pair(a: Values, b: Values, who: str) -> tuple[FloatArray, FloatArray]:
    x, y = complete(a, f"{who}: first model"), complete(b, f"{who}: second model")
    same_length(who, x, y)
    if x.size == 0:
        raise UserError(f"{who}: no common items; compare models on the same items")
    return x, y


@dataclass(frozen=True, slots=True)
class PairedTest:
    """A difference with its t interval; t and p are None where they are undefined (`mean.note` says why)."""

    mean: MeanInterval
    t: float | None
    p: float | None


def paired_t(a: Values, b: Values, *, alpha: float = 0.05) -> PairedTest:
    """Does A get higher scores than B on average? t = mean(d) / (s_d / sqrt(n)), n - 1 degrees of freedom.

    Assumes independent items and a roughly normal mean difference. Source: Student 1908. The mean is the headline, so
    this (clustered, see `clustered_difference`) is the headline test. The same difference everywhere has no t: p is
    then that of the sign-flip test (1 where it is 0), and `mean.note` says "no variation".
    """
    x, y = _pair(a, b, "paired_t")
    found = mean_t(x - y, alpha=alpha)
    if not found.se:
        return PairedTest(found, None, sign_flip_test(x - y).p_two_sided if found.n > 1 else None)
    t = found.mean / found.se
    return PairedTest(found, t, t_two_sided(t, found.n - 1))


def sign_flip(a: Values, b: Values, clusters: Labels | None = None, *, seed: int = 0) -> SignFlip:
    """Paired permutation test of the mean difference; whole clusters change sign together. See `sign_flip_test`."""
    x, y = _pair(a, b, "sign_flip")
    if clusters is None:
        return sign_flip_test(x - y, seed=seed)
    same_length("sign_flip", x, clusters)
    group, units = codes(clusters)
    return sign_flip_test(np.bincount(group, weights=x - y, minlength=units), seed=seed)


@dataclass(frozen=True, slots=True)
class Wilcoxon:
    """Signed-rank test. W+ is the rank sum of positive differences, zeros dropped; p's are 1 if all are zero."""

    w_plus: float
    p_exact: float
    """Exact with ties (Monte Carlo beyond reach): permutes signs of the tied ranks themselves."""
    p_greater: float
    """One-sided, exact in the same way: A tends to be higher."""
    p_asymptotic: float
    p_pratt: float
    """Asymptotic, zeros kept in the ranking (Pratt 1959)."""


def wilcoxon(a: Values, b: Values) -> Wilcoxon:
    """Is the middle of the differences off 0? Tests the pseudo-median, not the mean: optional beside `paired_t`.

    Assumes differences symmetric about their middle. Source: Wilcoxon 1945; Pratt 1959. Trap: tables of the exact
    distribution without ties give wrong p-values for scores, which nearly always tie; here the ties are permuted.
    """
    x, y = _pair(a, b, "wilcoxon")
    d = np.where(np.abs(x - y) < 1e-12 * max(1.0, float(np.max(np.abs(x)))), 0.0, np.round(x - y, 12))
    moved = d[d != 0]
    if moved.size == 0:
        return Wilcoxon(0.0, 1.0, 1.0, 1.0, 1.0)
    ranks = midranks(np.abs(moved))
    flips = sign_flip_test(np.sign(moved) * ranks)
    w_plus = float(ranks[moved > 0].sum())
    n, zeros = moved.size, d.size - moved.size
    pratt = midranks(np.abs(d))
    p_pratt = _rank_sum_p(float(pratt[d > 0].sum()), d.size, zeros, moved)
    return Wilcoxon(w_plus, flips.p_two_sided, flips.p_greater, _rank_sum_p(w_plus, n, 0, moved), p_pratt)


def _rank_sum_p(w_plus: float, n: int, zeros: int, moved: FloatArray) -> float:
    """Normal approximation with tie correction; `zeros` of the n ranked differences are 0 (Pratt)."""
    mean = (n * (n + 1) - zeros * (zeros + 1)) / 4
    counts = np.unique(np.abs(moved), return_counts=True)[1].astype(np.float64)
    ties = float(np.sum(counts**3 - counts)) / 2
    variance = (n * (n + 1) * (2 * n + 1) - zeros * (zeros + 1) * (2 * zeros + 1) - ties) / 24
    return normal_two_sided((w_plus - mean) / math.sqrt(variance)) if variance > 0 else 1.0


@dataclass(frozen=True, slots=True)
class EffectSize:
    """How large is the gap compared with item-to-item spread? None where the spread is 0."""

    d_z: float | None
    """mean(d) / s_d. Grows with the correlation of the models: not comparable with rules such as ".2 is small"."""
    g_z: float | None
    """d_z with Hedges' small-sample factor 1 - 3/(4(n-1) - 1)."""
    d_av: float | None
    """mean(d) over the root mean of the two variances."""
    cliff_delta: float
    """P(a > b) - P(a < b) over all n^2 pairs of items."""
    superiority: float
    within_delta: float
    """Share of items where A is higher minus share where B is."""
    within_superiority: float
    hodges_lehmann: float
    """Median of the means of all pairs of differences (each with itself as well)."""


def effect_sizes(a: Values, b: Values) -> EffectSize:
    """Standardised and ordinal effect sizes of A against B; print the raw difference in points before any of them.

    Assumes an interval scale for d_z, g_z and d_av, order alone for the deltas. Source: Cohen 1988; Lakens 2013;
    Cliff 1993; Hodges and Lehmann 1963.
    """
    x, y = _pair(a, b, "effect_sizes")
    d = x - y
    n, mean = d.size, float(d.mean())
    sd = float(np.std(d, ddof=1)) if n > 1 and not is_constant(d) else 0.0
    average = math.sqrt((float(np.var(x, ddof=1)) + float(np.var(y, ddof=1))) / 2) if n > 1 else 0.0
    d_z = mean / sd if sd else None
    order = np.sort(y)
    wins = np.searchsorted(order, x, side="left").sum()
    losses = (n - np.searchsorted(order, x, side="right")).sum()
    delta = float(wins - losses) / n**2
    slack = 1e-12 * max(1.0, float(np.max(np.abs(x))))
    within = (int(np.sum(d > slack)) - int(np.sum(d < -slack))) / n
    return EffectSize(
        d_z=d_z,
        g_z=d_z * (1 - 3 / (4 * (n - 1) - 1)) if d_z is not None else None,
        d_av=mean / average if average > 0 else None,
        cliff_delta=delta,
        superiority=(delta + 1) / 2,
        within_delta=within,
        within_superiority=(within + 1) / 2,
        hodges_lehmann=hodges_lehmann(d),
    )


def hodges_lehmann(values: Values) -> float:
    """Median of (v_i + v_j)/2 over all i <= j: the middle that the signed-rank test speaks of."""
    x = complete(values, "hodges_lehmann")
    rows, columns = np.triu_indices(x.size)
    return float(np.median((x[rows] + x[columns]) / 2))


@dataclass(frozen=True, slots=True)
class ClusteredDifference:
    """Mean difference with its clustered interval and test; t, p are None where undefined (`mean.note`)."""

    mean: ClusteredMean
    t: float | None
    p: float | None
    se_unpaired: float | None
    """What the SE would be if the items were not the same: shows what the pairing bought."""
    correlation: float | None
    """Of the two models over items."""


def clustered_difference(
    a: Values,
    b: Values,
    clusters: Labels | None = None,
    *,
    alpha: float = 0.05,
    variance: Literal["CR1", "CR2"] = "CR2",
) -> ClusteredDifference:
    """Does A score higher than B, when items share images or dialogues? The one engine for all benchmarks.

    d = a - b per item, then the clustered mean of d and its t test (`clusters.clustered_mean`); without clusters the
    paired t test. Assumes independent clusters. Source: Miller 2024, "Adding Error Bars to Evals", section 4. Works
    for 0/1 items too. Trap: pair only what both models answered under the same prompt, data and judge. Where clusters
    do not vary there is no t: p is then that of the sign-flip test over clusters (1 where nothing differs).
    """
    x, y = _pair(a, b, "clustered_difference")
    labels: Labels = np.arange(x.size) if clusters is None else clusters
    d = np.where(np.abs(x - y) < 1e-12 * max(1.0, float(np.max(np.abs(x)))), 0.0, x - y)
    found = clustered_mean(d, labels, alpha=alpha, variance=variance)
    unpaired = math.sqrt((float(np.var(x, ddof=1)) + float(np.var(y, ddof=1))) / x.size) if x.size > 1 else None
    varied = x.size > 1 and not is_constant(x) and not is_constant(y)
    correlation = float(np.corrcoef(x, y)[0, 1]) if varied else None
    if not found.se or found.critical is None:
        p = sign_flip(x, y, labels).p_two_sided if found.se == 0 and found.clusters > 1 else None
        return ClusteredDifference(found, None, p, unpaired, correlation)
    t = found.mean / found.se
    return ClusteredDifference(found, t, t_two_sided(t, found.freedom), unpaired, correlation)


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
    Lakens 2017. Traps: "p > .05, so they are equal" is not a test of equality; a standard error of 0 (two models that
    differ nowhere on few items) shows nothing. Raises UserError for margin <= 0, se <= 0 or df < 1.
    """
    if not (margin > 0 and se > 0 and df >= 1):
        raise UserError(
            f"non_inferiority: margin {margin:g}, se {se:g}, df {df}; give a margin above 0, chosen before the data "
            "were seen, and at least two independent units"
        )
    low_t, high_t = ((difference + side * margin) / se for side in (1, -1))
    p_low, p_high = t_cdf(-low_t, df), t_cdf(high_t, df)
    bound = difference - t_critical(2 * alpha, df) * se
    both = max(p_low, p_high)
    return NonInferiority(difference, margin, low_t, p_low, bound, p_low < alpha, both, both < alpha, df)


def n_non_inferiority(sd_difference: float, margin: float, *, alpha: float = 0.025, power: float = 0.8) -> int:
    """Items needed to show non-inferiority when the models are truly equal: ((z_alpha + z_power) s_d / margin)^2."""
    if not (margin > 0 and sd_difference >= 0):
        raise UserError(f"n_non_inferiority: margin {margin:g}, SD {sd_difference:g}; give a margin above 0")
    z = normal_quantile(1 - alpha) + normal_quantile(power)
    return max(2, int(np.ceil((z * sd_difference / margin) ** 2)))
