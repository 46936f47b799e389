"""Calibration of a judge's scores and pass rates to the human scale, and reliability of panels.

Estimates from few human labels (`stats.human`) need cross-fitted scores (`cross_fit`), never in-sample ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import FloatArray, Values, complete, is_constant, same_length
from sparkles_eval.stats.distributions import z_critical
from sparkles_eval.stats.intervals import Interval

__all__ = ["CrossFit", "Isotonic", "Linear", "cross_fit", "isotonic", "linear", "panel_reliability", "rogan_gladen"]


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A rising step of human means over judge scores: `fit[i]` at `x[i]`, linear between, flat outside."""

    x: FloatArray
    fit: FloatArray

    def __call__(self, judge: Values) -> FloatArray:
        """Human-scale scores of judge scores; beyond the calibrated range the end values hold."""
        return np.asarray(np.interp(complete(judge, "isotonic calibration"), self.x, self.fit), dtype=np.float64)


def _calibration_pair(judge: Values, human: Values, who: str) -> tuple[FloatArray, FloatArray]:
    f, y = complete(judge, f"{who}: judge"), complete(human, f"{who}: human")
    same_length(who, f, y)
    if not f.size:
        raise UserError(f"{who}: no labelled dialogues; label some first")
    return f, y


def isotonic(judge: Values, human: Values) -> Isotonic:
    """Best rising fit of human on judge by pooling adjacent violators; equal judge scores share one value.

    Assumes a monotone relation in the same population of models. Source: Barlow et al. 1972; Zadrozny and Elkan 2002.
    Traps: below 50 labels use `linear`; calibrating on one model and applying to another removes real differences.
    """
    f, y = _calibration_pair(judge, human, "isotonic")
    x, inverse = np.unique(f, return_inverse=True)
    weights = np.bincount(inverse).astype(np.float64)
    means = np.bincount(inverse, weights=y) / weights
    blocks: list[tuple[float, float, int]] = []
    for mean, weight in zip(means.tolist(), weights.tolist(), strict=True):
        block = (mean, weight, 1)
        while blocks and blocks[-1][0] >= block[0]:
            last = blocks.pop()
            total = last[1] + block[1]
            block = ((last[0] * last[1] + block[0] * block[1]) / total, total, last[2] + block[2])
        blocks.append(block)
    fit = np.repeat([b[0] for b in blocks], [b[2] for b in blocks]).astype(np.float64)
    return Isotonic(x.astype(np.float64), fit)


@dataclass(frozen=True, slots=True)
class Linear:
    """human = intercept + slope * judge."""

    slope: float
    intercept: float

    def __call__(self, judge: Values) -> FloatArray:
        """Human-scale scores of judge scores."""
        return np.asarray(self.intercept + self.slope * complete(judge, "linear calibration"), dtype=np.float64)


def linear(judge: Values, human: Values) -> Linear:
    """Least-squares line of human on judge. A judge that gives one score throughout has slope 0 (the human mean)."""
    f, y = _calibration_pair(judge, human, "linear")
    if is_constant(f):
        return Linear(0.0, float(y.mean()))
    centred = f - f.mean()
    slope = float(centred @ y) / float(centred @ centred)
    return Linear(slope, float(y.mean()) - slope * float(f.mean()))


@dataclass(frozen=True, slots=True)
class CrossFit:
    """Calibrated judge scores that never saw their own label: ready to be F in `human.ppi_mean`."""

    labelled: FloatArray
    unlabelled: FloatArray
    """Mean over the folds' fits."""
    method: str


def cross_fit(judge: Values, human: Values, judge_unlabelled: Values, *, folds: int = 5, seed: int = 0) -> CrossFit:
    """K-fold calibration: each labelled dialogue is calibrated by a fit on the other folds.

    Isotonic from 50 labels on, else linear. In-sample calibration followed by PPI gives intervals that are too short.
    Raises UserError for fewer labels than folds.
    """
    f, y = _calibration_pair(judge, human, "cross_fit")
    pool = complete(judge_unlabelled, "cross_fit: unlabelled")
    if not 2 <= folds <= f.size:
        raise UserError(f"cross_fit: {folds} folds for {f.size} labels; give 2 folds or more, at most one per label")
    fold = np.random.default_rng(seed).permutation(np.arange(f.size) % folds)
    many = f.size >= 50
    inside, outside = np.zeros(f.size), np.zeros(pool.size)
    for k in range(folds):
        held = fold == k
        fitted = isotonic(f[~held], y[~held]) if many else linear(f[~held], y[~held])
        inside[held] = fitted(f[held])
        outside += fitted(pool) / folds
    return CrossFit(inside, outside, "isotonic" if many else "linear")


def rogan_gladen(
    pass_rate: float, sensitivity: float, specificity: float, *, n: int, n_positive: int, n_negative: int,
    alpha: float = 0.05,
) -> tuple[Interval, float]:  # fmt: skip
    """True pass rate behind a fallible binary judge, and its delta-method standard error.

    theta = (p + sp - 1)/(se + sp - 1), clipped to [0, 1] as is the interval; the error of p (n answers), of se
    (n_positive labelled passes) and of sp (n_negative labelled fails) all count. Assumes that se and sp carry over from
    the calibration answers to these. Source: Rogan and Gladen 1978; Lee et al. 2025. Traps: taking se and sp as known;
    carrying them across models. Raises UserError for se + sp <= 1 (a judge no better than a coin) or no answers.
    """
    p, se, sp = pass_rate, sensitivity, specificity
    if not all(0 <= v <= 1 for v in (p, se, sp)) or min(n, n_positive, n_negative) < 1:
        raise UserError("rogan_gladen: rates lie in [0, 1] and all three counts are 1 or more")
    informed = se + sp - 1
    if informed <= 0:
        raise UserError(
            f"rogan_gladen: sensitivity {se:g} + specificity {sp:g} is not above 1: this judge tells passes from fails "
            "no better than a coin, and no correction exists; use human labels or another judge"
        )
    theta = (p + sp - 1) / informed
    variance = p * (1 - p) / n + theta**2 * se * (1 - se) / n_positive + (1 - theta) ** 2 * sp * (1 - sp) / n_negative
    error = math.sqrt(variance) / informed
    half = z_critical(alpha) * error
    clipped = [min(1.0, max(0.0, v)) for v in (theta, theta - half, theta + half)]
    note = "" if 0 <= theta <= 1 else f"{theta:.3f} before clipping to [0, 1]"
    return Interval(clipped[0], clipped[1], clipped[2], note), error


def panel_reliability(single: float, judges: int) -> float:
    """Reliability of the mean of k judges with independent errors: k r / (1 + (k - 1) r).

    An upper bound: errors of language-model judges are correlated. Source: Spearman 1910; Brown 1910; Verga et al.
    2024, "Replacing Judges with Juries". Raises UserError for k < 1 or r outside (-1/(k-1), 1].
    """
    below = 1 + (judges - 1) * single
    if judges < 1 or single > 1 or below <= 0:
        raise UserError(f"panel_reliability: reliability {single:g} of {judges} judges makes no sense")
    return judges * single / below
