"""May a judge stand in for people? The alternative annotator test, separability, and agreement with confidence.

Knows nothing of where labels come from.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sparkles_eval.errors import UserError
from sparkles_eval.stats.arrays import FloatArray, Table, Values, complete, floats, is_constant, same_length, table
from sparkles_eval.stats.distributions import t_cdf
from sparkles_eval.stats.multiplicity import benjamini_yekutieli


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


def alt_test(humans: Table, judge: Values, *, epsilon: float = 0.2, q: float = 0.05) -> AltTest:
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
    """How many pairs of models a judge tells apart by disjoint intervals."""

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
