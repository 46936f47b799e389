"""Components of a mean's variance (items, generations, judge repeats), and what more of each brings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import Labels, Values, ValueTable, codes, complete, same_length, table

__all__ = ["RepeatVariance", "VarianceBudget", "repeat_variance", "variance_budget"]


@dataclass(frozen=True, slots=True)
class RepeatVariance:
    """One-way random effects of items x repeats. Shares and ICCs are None when nothing varies at all."""

    mean: float
    ms_between: float
    ms_within: float
    var_repeat: float
    var_item: float
    """0 where the estimate is negative (`note` says so)."""
    share_repeat: float | None
    se: float
    """sqrt((var_item + var_repeat / K) / n): what the mean of all ratings is worth."""
    se_pooled: float
    """Wrong, for comparison: as if every rating were an item."""
    se_infinite_repeats: float
    icc_single: float | None
    icc_mean: float | None
    items: int
    repeats: float
    """Per item; the ANOVA mean where items differ."""
    note: str = ""


def repeat_variance(scores: ValueTable) -> RepeatVariance:
    """Should I buy repeats or items? Rows are items, columns repeats; empty cells are allowed.

    var_repeat = MSW, var_item = (MSB - MSW) / K, Var(mean) = MSB / (n K); unequal repeats use item means and the
    ANOVA size for K. Assumes exchangeable true repeats (no cache). Source: Miller 2024; Brennan 2001, "Generalizability
    Theory". Trap: repeats never raise n. Raises UserError for fewer than two items or no item with two ratings.
    """
    x = table(scores, "repeat_variance")
    x = x[~np.isnan(x).all(axis=1)] if x.size else x
    counts = np.sum(~np.isnan(x), axis=1).astype(np.float64)
    n, total = x.shape[0], float(counts.sum())
    if n < 2 or total == n:
        raise UserError(f"repeat_variance: {n} items, {int(total)} ratings; give two items or more, some rated twice")
    means = np.nansum(x, axis=1) / counts
    grand = float(np.nansum(x)) / total
    msb = float(counts @ (means - grand) ** 2) / (n - 1)
    msw = float(np.nansum((x - means[:, None]) ** 2)) / (total - n)
    k = (total - float(counts @ counts) / total) / (n - 1)
    raw = (msb - msw) / k
    item = max(0.0, raw)
    both = item + msw
    pooled = float(np.nanstd(x, ddof=1)) / math.sqrt(total)
    return RepeatVariance(
        mean=float(means.mean()),
        ms_between=msb,
        ms_within=msw,
        var_repeat=msw,
        var_item=item,
        share_repeat=msw / both if both > 0 else None,
        se=float(np.std(means, ddof=1)) / math.sqrt(n),
        se_pooled=pooled,
        se_infinite_repeats=math.sqrt(item / n),
        icc_single=item / both if both > 0 else None,
        icc_mean=item / (item + msw / k) if both > 0 else None,
        items=n,
        repeats=k,
        note="no variation" if both == 0 else "negative item variance set to 0" if raw < 0 else "",
    )


@dataclass(frozen=True, slots=True)
class VarianceBudget:
    """Nested variance components. A component is None where the design cannot separate it from the one above it."""

    mean: float
    var_item: float
    var_generation: float | None
    var_repeat: float | None
    items: int
    generations: float
    """Per item."""
    repeats: float
    """Per generation."""
    note: str = ""

    def se(self, items: float | None = None, generations: float | None = None, repeats: float | None = None) -> float:
        """Standard error of the mean for these (by default the present) numbers: the price list of the next purchase.

        sqrt(var_item / n + var_generation / (n g) + var_repeat / (n g r)).
        """
        n, g, r = items or self.items, generations or self.generations, repeats or self.repeats
        variance = self.var_item / n + (self.var_generation or 0) / (n * g) + (self.var_repeat or 0) / (n * g * r)
        return math.sqrt(variance)

    @property
    def next_purchase(self) -> str:
        """What to double next: "items", or "generations" or "repeats" where they lower the SE nearly as much.

        Doubling items always helps most; it may be impossible (the benchmark ends) or expensive. A cheaper purchase is
        named when it brings at least three quarters of the gain.
        """
        now = self.se()
        gain = now - self.se(items=2 * self.items)
        if gain <= 0:
            return "nothing"
        if self.var_repeat is not None and now - self.se(repeats=2 * self.repeats) >= 0.75 * gain:
            return "repeats"
        if self.var_generation is not None and now - self.se(generations=2 * self.generations) >= 0.75 * gain:
            return "generations"
        return "items"


def variance_budget(values: Values, items: Labels, generations: Labels) -> VarianceBudget:
    """Should items, generations or judge repeats be bought next? One value per judge repeat, nested in generations.

    Nested analysis of variance with unequal numbers (Searle, Casella and McCulloch 1992); negative components are set
    to 0 and noted. With one generation per item the two are one component (var_generation None); with one rating per
    generation so are generation and repeat (var_repeat None). Raises UserError for fewer than two items or no repeats.
    """
    y = complete(values, "variance_budget")
    same_length("variance_budget", y, items, generations)
    item, a = codes(items)
    cell, b = codes(list(zip(item.tolist(), generations, strict=True)))
    total = y.size
    if a < 2 or total == a:
        raise UserError(f"variance_budget: {a} items, {total} scores; give two items or more, some scored twice")
    n_cell, n_item = (np.bincount(g, minlength=c).astype(np.float64) for g, c in ((cell, b), (item, a)))
    cell_mean = np.bincount(cell, weights=y) / n_cell
    item_mean = np.bincount(item, weights=y) / n_item
    owner = np.zeros(b, dtype=np.int64)
    owner[cell] = item
    ss_item = float(n_item @ (item_mean - y.mean()) ** 2)
    ss_cell = float(n_cell @ (cell_mean - item_mean[owner]) ** 2)
    ss_rest = float(np.sum((y - cell_mean[cell]) ** 2))
    inner = float(np.sum(n_cell**2 / n_item[owner]))
    k1 = (total - inner) / (b - a) if b > a else 1.0
    k2 = (inner - float(n_cell @ n_cell) / total) / (a - 1)
    k3 = (total - float(n_item @ n_item) / total) / (a - 1)
    repeat = ss_rest / (total - b) if total > b else None
    generation = (ss_cell / (b - a) - (repeat or 0.0)) / k1 if b > a else None
    rest = (repeat or 0.0) + k2 * (generation or 0.0)
    from_items = (ss_item / (a - 1) - rest) / k3
    clipped = [name for name, v in (("generation", generation), ("item", from_items)) if v is not None and v < 0]
    return VarianceBudget(
        mean=float(item_mean.mean()),
        var_item=max(0.0, from_items),
        var_generation=None if generation is None else max(0.0, generation),
        var_repeat=repeat,
        items=a,
        generations=b / a,
        repeats=total / b,
        note=f"negative variance of {' and '.join(clipped)} set to 0" if clipped else "",
    )
