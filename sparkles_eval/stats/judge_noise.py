"""Does a judge agree with itself, and can it still tell good models apart? Repeatability and score compression.

Knows nothing of other judges.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sparkles_eval.errors import UserError
from sparkles_eval.stats.arrays import Table, Values, floats, table
from sparkles_eval.stats.variance import repeat_variance


@dataclass(frozen=True, slots=True)
class Repeatability:
    """Intra-judge consistency over true repeats: an upper bound of validity, not validity."""

    within_sd: float
    """s_w = root of the mean within-item variance."""
    coefficient: float
    """1.96 sqrt(2) s_w = 2.77 s_w: two verdicts on one answer differ by less than this in 95% of cases."""
    exact_agreement: float
    """Share of pairs of repeats of one item that are equal."""
    within_one: float
    """Share of pairs of repeats within one point."""
    icc: float | None
    """Of a single verdict; None where nothing varies."""
    items: int


def repeatability(scores: Table) -> Repeatability:
    """Rows are items, columns repeats of the same judge; items with fewer than two verdicts are left out.

    Source: Bland and Altman 1999. Trap: a provider's cache returns the same "repeat": vary the seed and record cached
    replies. Raises UserError where no item has two verdicts.
    """
    x = table(scores, "repeatability")
    counts = np.sum(~np.isnan(x), axis=1) if x.size else np.zeros(0)
    x = x[counts >= 2] if x.size else x
    if not x.size:
        raise UserError("repeatability: no item has two verdicts of this judge; ask it again (run with repeats)")
    variances = np.nanvar(x, axis=1, ddof=1)
    rows, columns = np.triu_indices(x.shape[1], 1)
    gaps = np.abs(x[:, rows] - x[:, columns])
    gaps = gaps[~np.isnan(gaps)]
    within = math.sqrt(float(variances.mean()))
    return Repeatability(
        within_sd=within,
        coefficient=1.96 * math.sqrt(2) * within,
        exact_agreement=float(np.mean(gaps < 1e-9)),
        within_one=float(np.mean(gaps <= 1 + 1e-9)),
        icc=repeat_variance(x).icc_single if x.shape[0] > 1 else None,
        items=x.shape[0],
    )


@dataclass(frozen=True, slots=True)
class Compression:
    """How much of its scale a judge uses. A small SD is not precision."""

    mean: float
    sd: float | None
    share_top: float
    """Share of scores at the highest mark: above it nothing can be told apart."""
    entropy_bits: float
    effective_levels: float
    """2^entropy: as many equally used marks would be as informative (Hill 1973)."""
    range_used: float
    """Marks from the lowest to the highest given, over the marks of the scale."""
    n: int


def compression(counts: Mapping[float, int], scale: tuple[float, float] = (1, 10), *, step: float = 1.0) -> Compression:
    """Can this judge still separate good models? `counts`: how often each mark was given; `step`: smallest difference.

    Source: Shannon 1948; Hill 1973. Raises UserError for no scores, negative counts or marks off the scale.
    """
    low, high = scale
    levels = np.array([level for level, times in counts.items() if times], dtype=np.float64)
    times = np.array([times for times in counts.values() if times], dtype=np.float64)
    if not levels.size or np.any(times < 0) or levels.min() < low - 1e-9 or levels.max() > high + 1e-9 or step <= 0:
        raise UserError(f"compression: give at least one mark between {low:g} and {high:g}, counted 0 times or more")
    n = float(times.sum())
    mean = float(levels @ times) / n
    squares = float(times @ (levels - mean) ** 2)
    shares = times / n
    entropy = -float(np.sum(shares * np.log2(shares)))
    return Compression(
        mean=mean,
        sd=math.sqrt(squares / (n - 1)) if n > 1 else None,
        share_top=float(shares[np.abs(levels - high) < 1e-9].sum()),
        entropy_bits=entropy + 0.0,
        effective_levels=2**entropy,
        range_used=(float(levels.max() - levels.min()) + step) / (high - low + step),
        n=int(n),
    )


def mark_counts(values: Values) -> dict[float, int]:
    """How often each mark occurs; missing ones are left out. Input of `compression`."""
    x = floats(values, "mark_counts")
    marks, times = np.unique(x[~np.isnan(x)], return_counts=True)
    return {float(mark): int(count) for mark, count in zip(marks, times, strict=True)}
