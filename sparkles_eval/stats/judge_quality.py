"""Quality of a judge: repeatability, score compression, alternative annotator test, separability."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import FloatArray, Values, ValueTable, complete, floats, is_constant, same_length, table
from sparkles_eval.stats.distributions import t_cdf
from sparkles_eval.stats.multiplicity import benjamini_yekutieli
from sparkles_eval.stats.variance import repeat_variance

__all__ = [
    "AltTest",
    "Compression",
    "Repeatability",
    "Separability",
    "agreement_with_confidence",
    "alt_test",
    "compression",
    "mark_counts",
    "repeatability",
    "separability",
]


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


def repeatability(scores: ValueTable) -> Repeatability:
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
    """Share of scores at the highest mark: above it no answers are distinguished."""
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


@dataclass(frozen=True, slots=True)
class AltTest:
    """One entry per human in the tuples."""

    judge_wins: tuple[float, ...]
    """Share of items where the judge is at least as close to the other humans as this human is."""
    human_wins: tuple[float, ...]
    p: tuple[float, ...]
    rejected: tuple[bool, ...]
    """This human is no better than the judge by epsilon or more."""
    winning_rate: float
    """omega: share of humans so beaten."""
    advantage: float
    """rho: mean of judge_wins."""
    passes: bool
    """omega >= 1/2."""


def alt_test(humans: ValueTable, judge: Values, *, epsilon: float = 0.2, q: float = 0.05) -> AltTest:
    """May this judge replace a human rater? `humans`: items x raters, gaps allowed; `judge`: one score per item.

    Leave out human j: on each item, who is closer (root mean square) to the other humans, j or the judge? Ties count
    for both. One-sided t test of "human wins - judge wins < epsilon", Benjamini-Yekutieli over humans at level q.
    `epsilon` is what a human costs: about .2 for experts, .15 skilled, .1 crowd. Assumes three humans or more, 30 items
    each. Source: Calderon, Reichart and Dror 2025, "The Alternative Annotator Test". Traps: with three humans omega has
    four values; where all differences are equal the sign of (mean - epsilon) decides (equality does not reject).
    Raises UserError for fewer than three humans or a human without two items shared with others.
    """
    x, machine = table(humans, "alt_test"), floats(judge, "alt_test")
    same_length("alt_test", x, machine)
    if x.ndim != 2 or x.shape[1] < 3:
        raise UserError("alt_test: give at least three human raters; with two, leaving one out leaves a single opinion")
    found = [_one_human(x, machine, j, epsilon) for j in range(x.shape[1])]
    p = [entry[2] for entry in found]
    rejected = tuple(bool(v) for v in benjamini_yekutieli(p) <= q)
    omega = sum(rejected) / len(rejected)
    wins = tuple(entry[0] for entry in found)
    losses = tuple(entry[1] for entry in found)
    return AltTest(wins, losses, tuple(p), rejected, omega, sum(wins) / len(wins), omega >= 0.5)


def _one_human(x: FloatArray, machine: FloatArray, j: int, epsilon: float) -> tuple[float, float, float]:
    others = np.delete(x, j, axis=1)
    keep = ~np.isnan(x[:, j]) & ~np.isnan(machine) & ~np.isnan(others).all(axis=1)
    if keep.sum() < 2:
        raise UserError(f"alt_test: rater {j} shares fewer than two items with the judge and other raters")
    human, other = x[keep, j], others[keep]
    # Mean squared distance orders as its root does, and whole marks keep ties exact.
    far_judge = np.nanmean((other - machine[keep, None]) ** 2, axis=1)
    far_human = np.nanmean((other - human[:, None]) ** 2, axis=1)
    slack = 1e-9
    judge_wins = (far_judge <= far_human + slack).astype(np.float64)
    human_wins = (far_human <= far_judge + slack).astype(np.float64)
    d = human_wins - judge_wins
    gap = float(d.mean()) - epsilon
    if is_constant(d):
        p = 0.0 if gap < -1e-12 else 1.0
    else:
        p = t_cdf(gap / (float(np.std(d, ddof=1)) / math.sqrt(d.size)), d.size - 1)
    return float(judge_wins.mean()), float(human_wins.mean()), p


@dataclass(frozen=True, slots=True)
class Separability:
    """How many pairs of models a judge distinguishes by disjoint intervals."""

    pairs: int
    separable: int
    share: float | None
    """None for fewer than two models."""


def separability(lows: Sequence[float], highs: Sequence[float]) -> Separability:
    """Which judge ranks models clearly? Share of pairs with disjoint intervals (touching counts as overlap).

    Source: Li et al. 2024, Arena-Hard. Traps: disjoint intervals are stricter than a paired test (print both); a judge
    that is confidently wrong separates perfectly: read it with `agreement_with_confidence` against people.
    """
    low, high = complete(lows, "separability"), complete(highs, "separability")
    same_length("separability", low, high)
    pairs = list(itertools.combinations(range(low.size), 2))
    apart = sum(1 for i, j in pairs if low[i] > high[j] + 1e-12 or low[j] > high[i] + 1e-12)
    return Separability(len(pairs), apart, apart / len(pairs) if pairs else None)


def agreement_with_confidence(judge: Sequence[int], humans: Sequence[int]) -> float | None:
    """Mean over pairs of models: +1 same confident order, -1 opposite, 0 where either is unsure (coded 0).

    Verdicts are 1 (first better), -1 (second better) or 0. Source: Li et al. 2024. No pairs: None.
    """
    a, b = complete(judge, "agreement_with_confidence"), complete(humans, "agreement_with_confidence")
    same_length("agreement_with_confidence", a, b)
    if not np.isin(a, (-1, 0, 1)).all() or not np.isin(b, (-1, 0, 1)).all():
        raise UserError("agreement_with_confidence: verdicts are 1, -1 or 0")
    return float(np.mean(a * b)) if a.size else None
