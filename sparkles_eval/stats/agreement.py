"""Agreement of marks: Krippendorff's alpha, weighted kappa, ICC and Bland-Altman limits.

Scores may be half points; missing marks are None where a method allows them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import FloatArray, Values, ValueTable, floats, is_constant, same_length, table
from sparkles_eval.stats.distributions import t_critical, t_two_sided

__all__ = ["Alpha", "BlandAltman", "Icc", "Kappa", "bland_altman", "icc", "krippendorff", "weighted_kappa"]

MeasurementLevel: TypeAlias = Literal["nominal", "ordinal", "interval"]

LIMIT = 1.96
"""Bland and Altman's limits are defined with this number, whatever alpha the interval of the bias has."""


@dataclass(frozen=True, slots=True)
class Alpha:
    """Krippendorff's alpha; None, with a note, where undefined. `mean_gap` is the mean |difference| of paired marks."""

    value: float | None
    mean_gap: float | None
    items: int
    """Items with two marks or more; the others cannot show agreement."""
    note: str = ""


def krippendorff(judges: ValueTable, level: MeasurementLevel = "ordinal") -> Alpha:
    """Agreement beyond chance, missing marks allowed. `judges`: judges x items.

    1 - D_observed / D_expected over the coincidences of paired marks; the distance of two values is 0/1 (nominal), the
    squared rank mass between them (ordinal) or the squared difference (interval). Assumes interchangeable judges.
    Source: Krippendorff 2004; Hayes and Krippendorff 2007. Traps: ordinal distances depend on how often each mark was
    given, so alpha moves as items are added; marks pressed against the ceiling make alpha low though nobody differs by
    more than a point: read it with `mean_gap`. For an interval bootstrap items. All marks equal: undefined.
    """
    marks = table(judges, "krippendorff")
    if np.isnan(marks).all():
        return Alpha(None, None, 0, "no item has two marks")
    values = np.unique(marks[~np.isnan(marks)])
    counts = np.array([np.sum(marks == value, axis=0) for value in values], dtype=np.float64).reshape(values.size, -1).T
    given = counts.sum(axis=1)
    counts, given = counts[given >= 2], given[given >= 2]
    if not given.size:
        return Alpha(None, None, 0, "no item has two marks")
    # Each item adds its ordered pairs of marks, weighted so that its marks count once.
    pairs = (counts / (given - 1)[:, None]).T @ counts - np.diag((counts / (given - 1)[:, None]).sum(axis=0))
    totals = pairs.sum(axis=1)
    n = float(totals.sum())
    gap = float(np.sum(pairs * np.abs(values[:, None] - values[None, :]))) / n
    expected = (np.outer(totals, totals) - np.diag(totals)) / (n - 1)
    distance = _distances(values, totals, level)
    by_chance = float(np.sum(expected * distance))
    if by_chance == 0:
        return Alpha(None, gap, given.size, "every mark is the same: agreement beyond chance is undefined")
    return Alpha(1 - float(np.sum(pairs * distance)) / by_chance, gap, given.size)


def _distances(values: FloatArray, totals: FloatArray, level: MeasurementLevel) -> FloatArray:
    if level == "nominal":
        return 1.0 - np.eye(values.size)
    if level == "interval":
        return (values[:, None] - values[None, :]) ** 2
    middle = np.cumsum(totals) - totals / 2
    return np.asarray((middle[:, None] - middle[None, :]) ** 2, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Kappa:
    """Cohen's kappa with three weightings over the items both judges marked; None where undefined."""

    quadratic: float | None
    linear: float | None
    unweighted: float | None
    n: int
    note: str = ""


def weighted_kappa(first: Values, second: Values) -> Kappa:
    """Do two judges give the same marks? 1 - observed / expected disagreement, expected from the two margins.

    Quadratic: 1 - MSE / (var1 + var2 + (mean1 - mean2)^2) with population variances, an identity that also takes 7.5
    and levels that nobody gave. Assumes an equally spaced scale. Source: Cohen 1968. Items missing in either are left
    out. Both judges constant on the same mark: undefined.
    """
    a, b = floats(first, "weighted_kappa"), floats(second, "weighted_kappa")
    same_length("weighted_kappa", a, b)
    keep = ~np.isnan(a) & ~np.isnan(b)
    a, b = a[keep], b[keep]
    if not a.size:
        return Kappa(None, None, None, 0, "no common items")
    # By mark and not by item: a few marks squared, where items squared would not fit into memory.
    (first_marks, first_counts), (second_marks, second_counts) = (np.unique(x, return_counts=True) for x in (a, b))
    gaps = np.abs(first_marks[:, None] - second_marks[None, :])
    chance = np.outer(first_counts, second_counts) / a.size**2
    expected = float(np.var(a) + np.var(b) + (a.mean() - b.mean()) ** 2)
    if not np.any(gaps > 0):
        return Kappa(None, None, None, a.size, "both judges give one and the same mark: kappa is undefined")
    return Kappa(
        quadratic=_without_noise(1 - float(np.mean((a - b) ** 2)) / expected),
        linear=_without_noise(1 - float(np.mean(np.abs(a - b))) / float(np.sum(chance * gaps))),
        unweighted=_without_noise(1 - float(np.mean(a != b)) / float(np.sum(chance[gaps > 0]))),
        n=a.size,
    )


@dataclass(frozen=True, slots=True)
class Icc:
    """Two-way intraclass correlations. (2,1): severity counts against agreement; (3,1): severity is ignored."""

    icc_2_1: float | None
    icc_3_1: float | None
    icc_2_k: float | None
    """Of the mean of these k judges: not to be quoted for one judge."""
    icc_3_k: float | None
    ms_items: float
    ms_judges: float
    ms_error: float
    var_item: float
    var_judge: float
    var_error: float
    items: int
    dropped: int
    """Items left out because a judge's mark is missing: the method needs a complete matrix."""
    note: str = ""


def icc(scores: ValueTable) -> Icc:
    """How much of a mark's variance is the answer, not the judge? `scores`: items x judges.

    ICC(2,1) = (MSR - MSE) / (MSR + (k-1) MSE + k (MSC - MSE)/n); ICC(3,1) drops the MSC term. Variance components are
    not clamped. Assumes a two-way normal model. Source: Shrout and Fleiss 1979; McGraw and Wong 1996.
    Raises UserError for fewer than two complete items or judges; no variation gives None.
    """
    x = table(scores, "icc")
    whole = ~np.isnan(x).any(axis=1) if x.size else np.zeros(0, dtype=np.bool_)
    dropped = int(np.sum(~whole))
    x = x[whole] if x.size else x
    if x.ndim != 2 or x.shape[0] < 2 or x.shape[1] < 2:
        raise UserError("icc: fewer than two items marked by all of two or more judges; give more common items")
    n, k = x.shape
    rows, columns, grand = x.mean(axis=1), x.mean(axis=0), x.mean()
    msr = k * float(np.sum((rows - grand) ** 2)) / (n - 1)
    msc = n * float(np.sum((columns - grand) ** 2)) / (k - 1)
    mse = float(np.sum((x - rows[:, None] - columns[None, :] + grand) ** 2)) / ((n - 1) * (k - 1))
    severity = (msc - mse) / n
    parts = ((msr - mse) / k, severity, mse)
    if is_constant(rows) and mse < 1e-20:
        return Icc(None, None, None, None, msr, msc, mse, *parts, n, dropped, "items do not vary")
    return Icc(
        _ratio(msr - mse, msr + (k - 1) * mse + k * severity),
        _ratio(msr - mse, msr + (k - 1) * mse),
        _ratio(msr - mse, msr + severity),
        _ratio(msr - mse, msr),
        msr,
        msc,
        mse,
        *parts,
        n,
        dropped,
    )


def _ratio(top: float, bottom: float) -> float | None:
    return _without_noise(top / bottom) if abs(bottom) > 1e-20 else None


def _without_noise(value: float) -> float:
    """0 for what rounding leaves of it: a constant judge agrees to 0, not to -2.2e-16."""
    return 0.0 if abs(value) < 1e-12 else value


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """By how many points do two judges differ, and where on the scale? None where undefined."""

    bias: float
    """Mean of first - second."""
    bias_low: float | None
    bias_high: float | None
    sd: float
    limits: tuple[float, float]
    """bias -+ 1.96 sd: where 95% of single differences lie. Not an interval of the bias."""
    se_limits: float
    slope: float | None
    """Of the difference on the mean of the two; a bounded scale forces one near its ceiling."""
    slope_p: float | None
    n: int
    note: str = ""


def bland_altman(first: Values, second: Values, *, alpha: float = 0.05) -> BlandAltman:
    """Bias, limits of agreement with their standard error sd sqrt(1/n + 1.96^2 / (2(n-1))), and slope on the scale.

    Assumes roughly normal differences. Source: Bland and Altman 1986, 1999. Items missing in either are left out.
    Raises UserError for fewer than three common items.
    """
    a, b = floats(first, "bland_altman"), floats(second, "bland_altman")
    same_length("bland_altman", a, b)
    keep = ~np.isnan(a) & ~np.isnan(b)
    a, b = a[keep], b[keep]
    n = a.size
    if n < 3:
        raise UserError(f"bland_altman: {n} common items; give three or more")
    d, level = a - b, (a + b) / 2
    bias, z = float(d.mean()), LIMIT
    sd = 0.0 if is_constant(d) else float(np.std(d, ddof=1))
    half = t_critical(alpha, n - 1) * sd / math.sqrt(n)
    slope, p = _slope(level, d)
    return BlandAltman(
        bias=bias,
        bias_low=bias - half if sd else None,
        bias_high=bias + half if sd else None,
        sd=sd,
        limits=(bias - z * sd, bias + z * sd),
        se_limits=sd * math.sqrt(1 / n + z**2 / (2 * (n - 1))),
        slope=slope,
        slope_p=p,
        n=n,
        note="" if sd else "the difference is the same everywhere",
    )


def _slope(x: FloatArray, y: FloatArray) -> tuple[float | None, float | None]:
    """Slope of y on x and its two-sided p; no p where the fit is perfect, neither where x is constant."""
    if is_constant(x):
        return None, None
    centred = x - x.mean()
    spread = float(centred @ centred)
    slope = float(centred @ y) / spread
    rest = y - y.mean() - slope * centred
    variance = float(rest @ rest) / (x.size - 2)
    if variance <= 1e-24:
        return slope, None
    return slope, t_two_sided(slope / math.sqrt(variance / spread), x.size - 2)
