"""Bootstrap intervals for one number: BCa of a mean, and percentile or BCa of any statistic over clusters.

Knows nothing of many models at once; resample.py is the fast engine for those.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from sparkles_eval.errors import UserError
from sparkles_eval.stats.arrays import FloatArray, IntArray, Labels, Values, codes, complete, is_constant, same_length
from sparkles_eval.stats.distributions import normal_cdf, normal_quantile

Statistic: TypeAlias = Callable[[IntArray], float]
"""Takes item positions (with repeats) and returns the statistic of those items."""

MAX_ENUMERATED = 1_000_000


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """A statistic with its bootstrap interval. Limits are None where there is no variation; `note` says so."""

    value: float
    se: float
    percentile: tuple[float, float] | None
    bca: tuple[float, float] | None
    z0: float | None
    """Median bias, in normal quantiles."""
    acceleration: float | None
    alphas: tuple[float, float] | None
    """The shares of the bootstrap distribution at which BCa cuts."""
    resamples: int
    exact: bool
    """True when every possible resample was enumerated: no random numbers."""
    note: str = ""


def bca_mean(
    values: Values, clusters: Labels | None = None, *, alpha: float = 0.05, resamples: int = 10_000, seed: int = 0
) -> Bootstrap:
    """BCa interval of a mean: for scores that are skewed or pressed against the ceiling.

    Resamples clusters (items by default) and divides by the resampled count. z0 counts half of the ties, which discrete
    scores always have; a = sum d^3 / (6 (sum d^2)^1.5) with d = mean of the jackknife minus the jackknife.
    Assumes independent clusters, 50 or more. Up to 7 clusters all resamples are enumerated.
    Source: Efron 1987, "Better bootstrap confidence intervals". Trap: it does not rescue few items; use the t interval
    as the headline and this as a check. Constant data: no interval, note "no variation".
    """
    x = complete(values, "bca_mean")
    labels = np.arange(x.size) if clusters is None else clusters
    same_length("bca_mean", x, labels)
    if x.size == 0:
        raise UserError("bca_mean: no values; give at least one")
    group, units = codes(labels)
    value = float(x.mean())
    if units == 1 or is_constant(x):
        note = "no variation" if is_constant(x) and x.size > 1 else "one independent unit"
        return Bootstrap(value, 0.0, None, None, None, None, None, 0, True, note)
    sums = np.bincount(group, weights=x - value, minlength=units)
    sizes = np.bincount(group, minlength=units).astype(np.float64)
    exact = units**units <= MAX_ENUMERATED
    if exact:
        drawn = np.array(list(itertools.product(range(units), repeat=units)))
    else:
        drawn = np.random.default_rng(seed).integers(0, units, size=(resamples, units))
    boot = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    jackknife = (sums.sum() - sums) / (sizes.sum() - sizes)
    return _bca(value, boot + value, jackknife, alpha, exact)


def bootstrap(
    statistic: Statistic, clusters: Labels, *, alpha: float = 0.05, resamples: int = 2_000, seed: int = 0
) -> Bootstrap:
    """Bootstrap interval of any statistic of items: a median, an AUC, a difference of consistencies.

    `statistic` gets item positions; for two models let it index both with the same positions, which keeps the pairing.
    Clusters are resampled whole. Assumes exchangeable clusters, 30 or more. Source: Efron and Tibshirani 1993; Koehn
    2004. Trap: the share of resamples below 0 is not a p-value; take p from a permutation test.
    """
    group, units = codes(clusters)
    if units == 0:
        raise UserError("bootstrap: no items; give at least one")
    members = [np.flatnonzero(group == unit) for unit in range(units)]
    value = float(statistic(np.arange(group.size)))
    if units == 1:
        return Bootstrap(value, 0.0, None, None, None, None, None, 0, True, "one independent unit")
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, units, size=(resamples, units))
    boot = np.array([statistic(np.concatenate([members[unit] for unit in row])) for row in drawn], dtype=np.float64)
    if not np.all(np.isfinite(boot)):
        raise UserError("bootstrap: the statistic is undefined on some resamples; give more items or another statistic")
    left_out = [np.flatnonzero(group != unit) for unit in range(units)]
    jackknife = np.array([statistic(items) for items in left_out], dtype=np.float64)
    return _bca(value, boot, jackknife, alpha, exact=False)


def _bca(value: float, boot: FloatArray, jackknife: FloatArray, alpha: float, exact: bool) -> Bootstrap:
    se = float(boot.std())
    count = boot.size
    if is_constant(boot):
        return Bootstrap(value, 0.0, None, None, None, None, None, count, exact, "no variation")
    low, high = (float(q) for q in np.quantile(boot, [alpha / 2, 1 - alpha / 2]))
    slack = 1e-9 * max(1.0, abs(value))
    below = np.count_nonzero(boot < value - slack)
    ties = np.count_nonzero(np.abs(boot - value) <= slack)
    share = (below + ties / 2) / count
    if not 0 < share < 1:
        note = "every resample lies on one side of the value: no BCa interval"
        return Bootstrap(value, se, (low, high), None, None, None, None, count, exact, note)
    z0 = normal_quantile(share)
    d = jackknife.mean() - jackknife
    spread = float(d @ d)
    a = float(np.sum(d**3)) / (6 * spread**1.5) if spread > 0 else 0.0
    z = normal_quantile(1 - alpha / 2)
    cuts = [normal_cdf(z0 + (z0 + side * z) / (1 - a * (z0 + side * z))) for side in (-1, 1)]
    if not all(math.isfinite(cut) for cut in cuts):
        return Bootstrap(value, se, (low, high), None, z0, a, None, count, exact, "acceleration too large for BCa")
    bca_low, bca_high = (float(q) for q in np.quantile(boot, cuts))
    return Bootstrap(value, se, (low, high), (bca_low, bca_high), z0, a, (cuts[0], cuts[1]), count, exact)
