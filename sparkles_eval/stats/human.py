"""Prediction-powered inference: a human-scale score from few human labels and many judge labels.

Labels and judge scores are arrays with one entry per dialogue.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import FloatArray, Values, complete, same_length
from sparkles_eval.stats.correlation import pearson
from sparkles_eval.stats.distributions import t_critical, z_critical

__all__ = [
    "LabelPlan",
    "PairScores",
    "PredictionPowered",
    "Stratified",
    "Stratum",
    "combine_strata",
    "effective_labels",
    "labels_needed",
    "ppi_difference",
    "ppi_mean",
    "stratified_ppi",
]

FEW_LABELS = 20
"""A stratum with fewer labels has no trustworthy variance: at 10 the interval covers 92%, and the gain looks a fifth
larger than it is."""


@dataclass(frozen=True, slots=True)
class PredictionPowered:
    """A mean on the human scale with its interval. `lam` is the trust in the judge: 0 none, 1 as in plain PPI."""

    estimate: float
    se: float
    low: float
    high: float
    lam: float
    correlation: float | None
    """Of human and judge on the labelled dialogues."""
    labels: int
    unlabelled: int
    note: str = ""


def ppi_mean(
    labels: Values,
    judge_labelled: Values,
    judge_unlabelled: Values,
    *,
    lam: float | None = None,
    alpha: float = 0.05,
    small_sample: bool = True,
) -> PredictionPowered:
    """Mean human score from n labelled and N unlabelled dialogues (PPI++; `lam=1` is plain PPI, 0 humans only).

    theta = mean(Y) + lam (mean(F_unlabelled) - mean(F_labelled)); lam = cov(Y, F) / ((1 + n/N) var F), within [0, 1];
    SE^2 = var(Y - lam F)/n + lam^2 var(F)/N. `small_sample` uses the t(n-1) quantile and unbiased variances; without it
    z and population variances, as in the first implementations, which are too narrow at n = 30.
    Assumes dialogues labelled **at random**, and the same judge, prompt and model throughout. Source: Angelopoulos et
    al. 2023, "Prediction-powered inference"; Angelopoulos, Duchi and Zrnic 2023, "PPI++"; Boyeau et al. 2024.
    Traps: labelled dialogues must not also be in the unlabelled pool; picking labels by the judge's score biases.
    Raises UserError for fewer than two labels. A constant judge, or no unlabelled dialogue, gives lam = 0.
    """
    y, f = complete(labels, "ppi_mean: labels"), complete(judge_labelled, "ppi_mean: judge on labelled")
    pool = complete(judge_unlabelled, "ppi_mean: judge on unlabelled")
    same_length("ppi_mean: labels and judge on the same dialogues", y, f)
    n, rest = y.size, pool.size
    if n < 2:
        raise UserError(f"ppi_mean: {n} labels; label at least two dialogues (30 or more for a useful interval)")
    weight = _trust(y, f, pool) if lam is None else lam if rest else 0.0
    ddof = 1 if small_sample else 0
    estimate = float(y.mean()) + (weight * float(pool.mean() - f.mean()) if rest else 0.0)
    variance = float(np.var(y - weight * f, ddof=ddof)) / n
    if weight and rest:
        variance += weight**2 * float(np.var(pool, ddof=ddof if rest > 1 else 0)) / rest
    se = math.sqrt(variance)
    critical = t_critical(alpha, n - 1) if small_sample else z_critical(alpha)
    notes = [f"only {n} labels"] if n < FEW_LABELS else []
    notes += ["no variation"] if se == 0 else []
    half = critical * se
    found = pearson(f, y)
    return PredictionPowered(estimate, se, estimate - half, estimate + half, weight, found, n, rest, "; ".join(notes))


def _trust(y: FloatArray, f: FloatArray, pool: FloatArray) -> float:
    if not pool.size:
        return 0.0
    spread = float(np.var(np.concatenate([f, pool]), ddof=1))
    if spread <= 1e-24:
        return 0.0
    covariance = float(np.mean((y - y.mean()) * (f - f.mean())))
    return min(1.0, max(0.0, covariance / ((1 + y.size / pool.size) * spread)))


@dataclass(frozen=True, slots=True)
class PairScores:
    """Scores of two models on the same dialogues."""

    a: Values
    b: Values

    def difference(self, who: str) -> FloatArray:
        """a - b per dialogue; UserError for gaps or unequal lengths."""
        x, y = complete(self.a, who), complete(self.b, who)
        same_length(who, x, y)
        return x - y


def ppi_difference(
    labels: PairScores, judge_labelled: PairScores, judge_unlabelled: PairScores, *, alpha: float = 0.05
) -> PredictionPowered:
    """Human-scale difference of two models on the same dialogues: PPI++ on the per-dialogue differences.

    The pairing is kept on both sides, and what the judge adds to both models alike cancels. Assumptions as `ppi_mean`.
    """
    return ppi_mean(
        labels.difference("ppi_difference: labels"),
        judge_labelled.difference("ppi_difference: judge on labelled"),
        judge_unlabelled.difference("ppi_difference: judge on unlabelled"),
        alpha=alpha,
    )


@dataclass(frozen=True, slots=True)
class Stratified:
    """A weighted mean over strata with its standard error and z interval."""

    estimate: float
    se: float
    low: float
    high: float
    note: str = ""


def combine_strata(
    weights: Sequence[float], estimates: Sequence[float], ses: Sequence[float], *, alpha: float = 0.05
) -> Stratified:
    """theta = sum w theta_h, SE = sqrt(sum w^2 se_h^2); weights are brought to sum 1. Assumes independent strata.

    Source: Cochran 1977; Fisch et al. 2024 (stratified PPI). Raises UserError for negative or no weights.
    """
    w, theta, se = (complete(v, "combine_strata") for v in (weights, estimates, ses))
    same_length("combine_strata", w, theta, se)
    if not w.size or np.any(w < 0) or w.sum() <= 0:
        raise UserError("combine_strata: give at least one stratum, with weights of 0 or more that do not all vanish")
    w = w / w.sum()
    estimate, total = float(w @ theta), math.sqrt(float(w**2 @ se**2))
    half = z_critical(alpha) * total
    return Stratified(estimate, total, estimate - half, estimate + half)


@dataclass(frozen=True, slots=True)
class Stratum:
    """One stratum (a model, or a band of judge scores) and its share of all dialogues."""

    weight: float
    labels: Values
    judge_labelled: Values
    judge_unlabelled: Values


def stratified_ppi(strata: Sequence[Stratum], *, alpha: float = 0.05) -> Stratified:
    """PPI++ with its own trust in the judge per stratum: better when the judge is better on some of them.

    Assumes random labels within each stratum and known weights. Source: Fisch et al. 2024. The note counts strata with
    fewer than 20 labels, whose variances are not to be trusted.
    """
    found = [ppi_mean(s.labels, s.judge_labelled, s.judge_unlabelled, alpha=alpha) for s in strata]
    whole = combine_strata([s.weight for s in strata], [f.estimate for f in found], [f.se for f in found], alpha=alpha)
    thin = sum(f.labels < FEW_LABELS for f in found)
    note = f"{thin} strata with fewer than {FEW_LABELS} labels" if thin else ""
    return Stratified(whole.estimate, whole.se, whole.low, whole.high, note)


def effective_labels(n: int, pool: int, rho: float) -> float:
    """Human labels that n labels plus the judge's scores of the whole pool (labelled ones included) are worth.

    n / (1 - rho^2 N / (n + N)) with N = pool - n unlabelled and rho the human-judge correlation within one model.
    """
    if not (0 < n <= pool and -1 <= rho <= 1):
        raise UserError(f"effective_labels: {n} labels in a pool of {pool}, correlation {rho:g}; give 0 < n <= pool")
    return n / (1 - rho**2 * (pool - n) / pool)


@dataclass(frozen=True, slots=True)
class LabelPlan:
    """Labels needed without and with the judge; `with_judge` is None where the pool cannot give that half-width."""

    classic: int
    with_judge: int | None


def labels_needed(
    sd: float, half_width: float, rho: float, *, pool: int | None = None, alpha: float = 0.05
) -> LabelPlan:
    """How many human ratings for an interval of +- half_width?

    Classic n = (z sd / half_width)^2; with an endless pool of judged dialogues n (1 - rho^2); in a pool of `pool`
    dialogues, labelled ones included, the n that solves (sd^2 / n)(1 - rho^2 (pool - n) / pool) = (half_width / z)^2.
    Source: Chen et al. 2026. Trap: a judge no better than the models judged saves at most half (Dorner et al. 2025).
    """
    if not (sd >= 0 and half_width > 0 and -1 <= rho <= 1):
        raise UserError(f"labels_needed: SD {sd:g}, half-width {half_width:g}, correlation {rho:g} make no plan")
    wanted_variance = (half_width / z_critical(alpha)) ** 2
    classic = sd**2 / wanted_variance
    if pool is None:
        return LabelPlan(_up(classic), _up(classic * (1 - rho**2)))
    room = wanted_variance - sd**2 * rho**2 / pool
    n = _up(sd**2 * (1 - rho**2) / room) if room > 0 else pool + 1
    return LabelPlan(_up(classic), n if n <= pool else None)


def _up(n: float) -> int:
    """Rounded up, and not pushed over a whole number by rounding noise."""
    return max(1, math.ceil(n - 1e-9))
