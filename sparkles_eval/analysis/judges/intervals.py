"""Intervals of agreement by resampling dialogues, from sums: as fast for 50 models as for two.

Ranks are taken once, over all answers, and not again in every resample: only the set of dialogues varies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sparkles_eval.analysis.tables import Span
from sparkles_eval.core.samples import Cluster
from sparkles_eval.stats.arrays import FloatArray, codes, midranks

RESAMPLES = 2_000
LEAST = 10
"""Dialogues below which no interval is drawn."""


def within_models(
    value: Span, a: FloatArray, b: FloatArray, models: Sequence[str], clusters: Sequence[Cluster]
) -> Span:
    """The mean over models of Spearman's rho with a percentile interval; a model without variation is left out."""
    group, count = codes(models)
    x, y = np.zeros(a.size), np.zeros(a.size)
    for code in range(count):
        own = group == code
        # About the middle of their ranks, so that the sums of squares keep their digits.
        x[own] = midranks(a[own]) - (own.sum() + 1) / 2
        y[own] = midranks(b[own]) - (own.sum() + 1) / 2
    place, units = codes(clusters)
    if value.value is None or units < LEAST:
        return value
    cell = place * count + group
    parts = [np.ones(a.size), x, y, x * x, y * y, x * y]
    sums = np.stack([np.bincount(cell, weights=part, minlength=units * count).reshape(units, count) for part in parts])
    n, sx, sy, sxx, syy, sxy = np.einsum("bg,kgm->kbm", _draws(units), sums, optimize=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt((n * sxx - sx**2) * (n * syy - sy**2))
        rho = np.where(spread > 1e-9, (n * sxy - sx * sy) / spread, np.nan)
    return _percentiles(value, _mean_known(rho))


def ordinal_alpha(value: Span, a: FloatArray, b: FloatArray, clusters: Sequence[Cluster]) -> Span:
    """Krippendorff's ordinal alpha of two judges with a percentile interval.

    The ordinal distance of two marks is the squared difference of their midranks R among all marks, so that with n
    marks alpha = 1 - (n - 1) sum (R_a - R_b)^2 / (n sum R^2 - (sum R)^2).
    """
    place, units = codes(clusters)
    if value.value is None or units < LEAST:
        return value
    ranks = midranks(np.concatenate([a, b])) - (2 * a.size + 1) / 2
    first, second = ranks[: a.size], ranks[a.size :]
    parts = [np.full(a.size, 2.0), first + second, first**2 + second**2, (first - second) ** 2]
    sums = np.stack([np.bincount(place, weights=part, minlength=units) for part in parts])
    n, total, squares, apart = (_draws(units) @ part for part in sums)
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = n * squares - total**2
        alpha = np.where(chance > 1e-9, 1 - (n - 1) * apart / chance, np.nan)
    return _percentiles(value, alpha)


def _draws(units: int) -> NDArray[np.float64]:
    """How often each dialogue is drawn, resample by resample."""
    drawn = np.random.default_rng(0).integers(0, units, size=(RESAMPLES, units))
    offsets = np.arange(RESAMPLES)[:, None] * units
    return np.bincount((drawn + offsets).ravel(), minlength=RESAMPLES * units).reshape(RESAMPLES, units).astype(float)


def _mean_known(rho: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(rho)
    counts = known.sum(axis=1)
    return np.where(counts > 0, np.where(known, rho, 0.0).sum(axis=1) / np.maximum(counts, 1), np.nan)


def _percentiles(value: Span, drawn: NDArray[np.float64]) -> Span:
    """No interval where resamples leave the statistic undefined."""
    if np.isnan(drawn).any():
        return value
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Span(value.value, float(low), float(high))
