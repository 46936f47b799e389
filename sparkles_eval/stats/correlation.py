"""Rank correlations of two judges: on the order of answers and on the order of models.

Slower to import than its neighbours: Kendall's tau comes from `scipy.stats`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from sparkles_eval.stats.arrays import FloatArray, Labels, Values, codes, floats, is_constant, midranks, same_length

__all__ = [
    "Correlations",
    "JudgeCorrelations",
    "KendallTest",
    "correlations",
    "judge_correlations",
    "kendall_test",
    "pearson",
]


@dataclass(frozen=True, slots=True)
class Correlations:
    """Correlations of two columns over the items both have; None, with a note, where undefined."""

    spearman: float | None
    kendall_tau_b: float | None
    kendall_tau_c: float | None
    pearson: float | None
    n: int
    note: str = ""


def _common(x: Values, y: Values, who: str) -> tuple[FloatArray, FloatArray]:
    a, b = floats(x, who), floats(y, who)
    same_length(who, a, b)
    keep = ~np.isnan(a) & ~np.isnan(b)
    return a[keep], b[keep]


def pearson(x: FloatArray, y: FloatArray) -> float | None:
    """Pearson's r of two complete arrays; None where either is constant or has fewer than two values."""
    if x.size < 2 or is_constant(x) or is_constant(y):
        return None
    a, b = x - x.mean(), y - y.mean()
    return min(1.0, max(-1.0, float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))))


def correlations(x: Values, y: Values) -> Correlations:
    """Spearman's rho (Pearson of midranks), Kendall's tau-b and tau-c, Pearson's r, on the items both judges scored.

    Source: Spearman 1904; Kendall 1938. Trap: pooled over models they mix gaps between models with skill within them
    (use `judge_correlations`); a constant column has no correlation, which is not the same as 0.
    """
    a, b = _common(x, y, "correlations")
    if a.size < 2 or is_constant(a) or is_constant(b):
        note = "fewer than two common items" if a.size < 2 else "one judge gives every item the same score"
        return Correlations(None, None, None, None, a.size, note)
    from scipy.stats import kendalltau

    return Correlations(
        spearman=pearson(midranks(a), midranks(b)),
        kendall_tau_b=float(kendalltau(a, b, variant="b").statistic),
        kendall_tau_c=float(kendalltau(a, b, variant="c").statistic),
        pearson=pearson(a, b),
        n=a.size,
    )


@dataclass(frozen=True, slots=True)
class KendallTest:
    """Kendall's tau-b with its two-sided p; exact where the permutations can be counted."""

    tau: float | None
    p: float | None
    exact: bool
    n: int


def kendall_test(x: Values, y: Values) -> KendallTest:
    """Is the order of models the same by more than luck? Exact p without ties (any n) or with ties up to 8 models.

    Trap: with 4 models even a perfect agreement has p = .083, with 5 .017. Undefined for constant input (None).
    """
    a, b = _common(x, y, "kendall_test")
    if a.size < 2 or is_constant(a) or is_constant(b):
        return KendallTest(None, None, exact=False, n=a.size)
    from scipy.stats import kendalltau

    tied = np.unique(a).size < a.size or np.unique(b).size < b.size
    if not tied:
        found = kendalltau(a, b, method="exact")
        return KendallTest(float(found.statistic), float(found.pvalue), exact=True, n=a.size)
    if a.size > 8:
        found = kendalltau(a, b, method="asymptotic")
        return KendallTest(float(found.statistic), float(found.pvalue), exact=False, n=a.size)
    rows, columns = np.triu_indices(a.size, 1)
    side = np.sign(a[rows] - a[columns])
    orders = np.array(list(itertools.permutations(range(a.size))))
    agree = np.abs(np.sign(b[orders][:, rows] - b[orders][:, columns]) @ side)
    p = float(np.mean(agree >= abs(float(np.sign(b[rows] - b[columns]) @ side)) - 1e-9))
    return KendallTest(float(kendalltau(a, b).statistic), p, exact=True, n=a.size)


@dataclass(frozen=True, slots=True)
class JudgeCorrelations:
    """Three different questions, kept apart."""

    within_model: Correlations
    """Averaged over models (each weighing the same; note says how many count): does the judge distinguish answers?"""
    pooled: Correlations
    """All answers together: mixes the two others."""
    system: Correlations
    """Of the models' means: does the judge rank models alike?"""
    system_test: KendallTest


def judge_correlations(x: Values, y: Values, models: Labels) -> JudgeCorrelations:
    """Two judges on the same answers of several models. Source: Deutsch, Dror and Roth 2021.

    Answers missing for either judge are left out of all three, so that the models' means rest on the same answers.
    """
    a, b = floats(x, "judge_correlations"), floats(y, "judge_correlations")
    same_length("judge_correlations", a, b, models)
    keep = ~np.isnan(a) & ~np.isnan(b)
    group, count = codes([m for m, k in zip(models, keep.tolist(), strict=True) if k])
    a, b = a[keep], b[keep]
    each = [correlations(a[group == g], b[group == g]) for g in range(count)]
    defined = [c for c in each if not c.note]
    within = Correlations(
        _mean([c.spearman for c in defined]),
        _mean([c.kendall_tau_b for c in defined]),
        _mean([c.kendall_tau_c for c in defined]),
        _mean([c.pearson for c in defined]),
        a.size,
        f"mean of {len(defined)} of {count} models",
    )
    sizes = np.bincount(group, minlength=count)
    mean_a, mean_b = (np.bincount(group, weights=v, minlength=count) / np.maximum(sizes, 1) for v in (a, b))
    return JudgeCorrelations(within, correlations(a, b), correlations(mean_a, mean_b), kendall_test(mean_a, mean_b))


def _mean(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None
