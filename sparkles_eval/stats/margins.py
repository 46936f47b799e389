"""What can be concluded from published totals when the items are not available.

Comparing the same items is always better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.distributions import normal_cdf, t_critical, z_critical
from sparkles_eval.stats.mcnemar import IndependentDifference, independent_difference, mcnemar

__all__ = [
    "LeastFavourable",
    "McNemarRange",
    "largest_sd",
    "mcnemar_range",
    "touching_intervals_p",
    "worst_case_difference",
]


@dataclass(frozen=True, slots=True)
class McNemarRange:
    """Every exact McNemar p-value that two totals on the same n items could have come from."""

    difference: float
    min_p: float
    min_counts: tuple[int, int]
    """(only A right, only B right) that gives min_p: the models agree wherever they can."""
    max_p: float
    max_counts: tuple[int, int]
    independent_counts: tuple[int, int]
    """What independent errors would give, rounded."""
    independent_exact: float
    independent_mid_p: float
    max_discordant_exact: int | None
    """The most items on which they may differ for exact p < alpha; None if no table reaches it."""
    max_discordant_mid_p: int | None
    unpaired: IndependentDifference


def mcnemar_range(right_a: int, right_b: int, n: int, *, alpha: float = 0.05) -> McNemarRange:
    """Two published accuracies on the same items: how significant could the difference be, at best and at worst?

    b - c is known and b + c is not: it runs from |b - c| to the most that the margins allow. Assumes independent items.
    Raises UserError for counts that do not fit in n.
    """
    if n <= 0 or not (0 <= right_a <= n and 0 <= right_b <= n):
        raise UserError(f"mcnemar_range: {right_a} and {right_b} right of {n} is impossible")
    gap = right_a - right_b
    least = (max(gap, 0), max(-gap, 0))
    extra = min(right_a, n - right_b) - least[0]
    extra = min(extra, min(right_b, n - right_a) - least[1])
    tables = [(least[0] + more, least[1] + more) for more in range(extra + 1)]
    tests = [mcnemar(*counts) for counts in tables]
    worst = max(range(len(tables)), key=lambda i: (tests[i].exact, i))
    best = min(range(len(tables)), key=lambda i: (tests[i].exact, i))
    exact = [sum(t) for t, found in zip(tables, tests, strict=True) if found.exact < alpha]
    mid = [sum(t) for t, found in zip(tables, tests, strict=True) if found.mid_p < alpha]
    independent = (round(right_a * (n - right_b) / n), round(right_b * (n - right_a) / n))
    middle = mcnemar(*independent)
    return McNemarRange(
        difference=gap / n,
        min_p=tests[best].exact,
        min_counts=tables[best],
        max_p=tests[worst].exact,
        max_counts=tables[worst],
        independent_counts=independent,
        independent_exact=middle.exact,
        independent_mid_p=middle.mid_p,
        max_discordant_exact=max(exact, default=None),
        max_discordant_mid_p=max(mid, default=None),
        unpaired=independent_difference(right_a, n, right_b, n, alpha=alpha),
    )


def largest_sd(mean: float, scale: tuple[float, float]) -> float:
    """The largest (population) standard deviation that scores with this mean can have on a bounded scale.

    sqrt((high - mean)(mean - low)). Source: Bhatia and Davis 2000. Raises UserError for a mean off the scale.
    """
    low, high = scale
    if not low <= mean <= high:
        raise UserError(f"largest_sd: mean {mean:g} is outside the scale {low:g}..{high:g}")
    return math.sqrt((high - mean) * (mean - low))


@dataclass(frozen=True, slots=True)
class LeastFavourable:
    """Two published mean scores on the same n items, under the least favourable spread of the differences."""

    difference: float
    max_sd_difference: float
    """SD(A) + SD(B) at their largest: errors perfectly opposed."""
    smallest_t: float
    """|t| of the paired test can not be smaller than this; infinite where no spread is possible."""
    breakeven_sd: float
    """The difference is significant for every SD of differences below this one."""
    significant: bool
    """True when even the worst case is significant."""


def worst_case_difference(
    mean_a: float, mean_b: float, n: int, scale: tuple[float, float], *, alpha: float = 0.05
) -> LeastFavourable:
    """Are two published mean scores different whatever the data were?

    Var(A - B) <= (SD_A + SD_B)^2 with each SD at its largest; the sample SD is sqrt(n/(n-1)) larger.
    Assumes independent items. Source: Bhatia and Davis 2000. Raises UserError for n < 2.
    """
    if n < 2:
        raise UserError(f"worst_case_difference: n = {n}; give two items or more")
    difference = mean_a - mean_b
    spread = largest_sd(mean_a, scale) + largest_sd(mean_b, scale)
    critical = t_critical(alpha, n - 1)
    if spread > 0:
        t = abs(difference) / (spread * math.sqrt(n / (n - 1)) / math.sqrt(n))
    else:
        t = math.inf if difference else 0.0
    return LeastFavourable(difference, spread, t, abs(difference) * math.sqrt(n) / critical, t > critical)


def touching_intervals_p(alpha: float = 0.05, se_ratio: float = 1.0) -> float:
    """The p-value of two independent means whose 1 - alpha intervals just touch: .0056 at 95%, not .05.

    `se_ratio` is the second standard error over the first. Overlap therefore does not mean "no difference".
    """
    z = z_critical(alpha) * (1 + se_ratio) / math.sqrt(1 + se_ratio**2)
    return 2 * normal_cdf(-z)
