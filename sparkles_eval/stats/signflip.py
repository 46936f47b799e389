"""Sign-flip permutation: the test of a mean difference, and the interval for a mean, without normal theory.

Works on differences (one per independent unit) or sums per unit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TypeAlias

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import FloatArray, IntArray, Labels, Values, codes, complete, is_constant, same_length
from sparkles_eval.stats.intervals import Interval

__all__ = ["SignFlip", "exchange_test", "sign_flip_interval", "sign_flip_test"]

LATTICES = (1, 2, 3, 4, 6, 12, 10, 20, 30, 60, 100)
"""Scores are often multiples of 1/6 or 1/2: times one of these, differences are whole and the test can be exact."""
MAX_ENUMERATED = 20
MAX_CELLS = 50_000_000
"""Work limit of the exact whole-number convolution (items x reachable sums)."""
REMEMBERED = 64
"""Units up to which the sign patterns are kept for the next interval of as many."""
MAX_SIGNS = 2_000_000
"""Signs that are held at once for more units."""


@dataclass(frozen=True, slots=True)
class SignFlip:
    """p-values of a sign-flip test. `patterns` is 2^n when exact, else the number of random sign patterns."""

    p_two_sided: float
    p_greater: float
    exact: bool
    patterns: int


def sign_flip_test(differences: Values, *, resamples: int = 100_000, seed: int = 0) -> SignFlip:
    """Could the mean difference be zero, given that each difference was as likely to have the other sign?

    p = share of the 2^n sign patterns with |sum| at least as large as seen (zeros are kept, as they change nothing).
    Exact by convolution where the differences are multiples of a common step (any n), by enumeration up to n = 20,
    else Monte Carlo with p = (1 + hits) / (1 + resamples). Assumes differences symmetric about 0 under the null, and
    independent: give one sum per cluster. Source: Fisher 1935; Phipson and Smyth 2010 (the added 1).
    No difference at all gives p = 1.
    """
    d = complete(differences, "sign_flip_test")
    if d.size == 0:
        raise UserError("sign_flip_test: no differences; give at least one")
    moved = d[np.abs(d) > 1e-12 * max(1.0, float(np.max(np.abs(d))))]
    if moved.size == 0:
        return SignFlip(1.0, 1.0, True, 2**d.size)
    whole = _whole(moved)
    if whole is not None and moved.size * (2 * int(np.abs(whole).sum()) + 1) <= MAX_CELLS:
        sums, weights = _convolve(whole)
        return _exact(sums, weights, float(whole.sum()), 2**d.size)
    if moved.size <= MAX_ENUMERATED:
        sums = np.zeros(1)
        for value in moved:
            sums = np.concatenate([sums + value, sums - value])
        return _exact(sums, np.full(sums.size, 1 / sums.size), float(moved.sum()), 2**d.size)
    return _monte_carlo(moved, resamples, seed)


def _whole(d: FloatArray) -> IntArray | None:
    for factor in LATTICES:
        scaled = d * factor
        rounded = np.rint(scaled)
        if np.all(np.abs(scaled - rounded) < 1e-7) and np.all(np.abs(rounded) < 1e6):
            found = rounded.astype(np.int64)
            return np.asarray(found // np.gcd.reduce(found), dtype=np.int64)
    return None


def _convolve(steps: IntArray) -> tuple[FloatArray, FloatArray]:
    """Every reachable sum of signed steps and its probability. Equal steps are added at once, as so many coins."""
    reach = int(np.abs(steps).sum())
    weights = np.ones(1)
    sizes, counts = np.unique(np.abs(steps), return_counts=True)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        grown = np.zeros(weights.size + 2 * size * count)
        for heads, share in enumerate(_coins(count)):
            grown[2 * size * heads : 2 * size * heads + weights.size] += share * weights
        weights = grown
    return np.arange(-reach, reach + 1, dtype=np.float64), weights


@cache
def _coins(count: int) -> tuple[float, ...]:
    """Probabilities of 0, 1, ..., count heads of fair coins."""
    total = math.lgamma(count + 1) - count * math.log(2)
    return tuple(
        math.comb(count, heads) / 2**count
        if count <= 60
        else math.exp(total - math.lgamma(heads + 1) - math.lgamma(count - heads + 1))
        for heads in range(count + 1)
    )


def _exact(sums: FloatArray, weights: FloatArray, seen: float, patterns: int) -> SignFlip:
    slack = 1e-9 * max(1.0, abs(seen))
    two = float(weights[np.abs(sums) >= abs(seen) - slack].sum())
    above = float(weights[sums >= seen - slack].sum())
    return SignFlip(min(1.0, two), min(1.0, above), True, patterns)


def _monte_carlo(d: FloatArray, resamples: int, seed: int) -> SignFlip:
    rng = np.random.default_rng(seed)
    seen = float(d.sum())
    slack = 1e-9 * max(1.0, abs(seen))
    two = above = 0
    for start in range(0, resamples, 4096):
        rows = min(4096, resamples - start)
        sums = (2.0 * rng.integers(0, 2, size=(rows, d.size), dtype=np.int8) - 1.0) @ d
        two += int(np.count_nonzero(np.abs(sums) >= abs(seen) - slack))
        above += int(np.count_nonzero(sums >= seen - slack))
    return SignFlip((1 + two) / (1 + resamples), (1 + above) / (1 + resamples), False, resamples)


def sign_flip_interval(
    values: Values, clusters: Labels | None = None, *, alpha: float = 0.05, resamples: int = 19_999, seed: int = 0
) -> Interval:
    """Interval for a mean from few units: every mu that the sign-flip test of (values - mu) does not reject.

    Units are clusters (or items). One sign pattern with signed sum A and signed size C, against the total T of size N,
    is at least as extreme for mu between (T - A)/(N - C) and (T + A)/(N + C); the limits are the alpha quantiles of
    those ends over all patterns (all of them up to 14 units, else `resamples` random ones, the seen one included).
    Assumes units symmetric about the mean; bounded, lopsided scores make it, like t, somewhat too short.
    Source: Hartigan 1969, "Using subsample values as typical values". Fewer than 6 units cannot reach 95%: no limits.
    """
    x = complete(values, "sign_flip_interval")
    labels = clusters if clusters is not None else np.arange(x.size)
    same_length("sign_flip_interval", x, labels)
    if x.size == 0:
        return Interval(None, None, None, "no items")
    group, units = codes(labels)
    mean = float(x.mean())
    if is_constant(x):
        return Interval(mean, None, None, "no variation")
    if 2 ** (1 - units) > alpha:
        return Interval(mean, None, None, f"{units} independent units are too few for an interval")
    sums = np.bincount(group, weights=x - mean, minlength=units)
    sizes = np.bincount(group, minlength=units).astype(np.float64)
    low, high = _limits(sums.tobytes(), sizes.tobytes(), alpha, resamples, seed)
    return Interval(mean, mean + low, mean + high)


@lru_cache(maxsize=10_000)
def _limits(sums: bytes, sizes: bytes, alpha: float, resamples: int, seed: int) -> tuple[float, float]:
    """The limits around the mean, from the units' sums of deviations and their sizes (float64).

    Remembered by content: a summary of an unchanged store asks for the same intervals again.
    """
    units = np.stack([np.frombuffer(sums), np.frombuffer(sizes)], axis=1)
    count, total = units.shape[0], float(units[:, 1].sum())
    if count <= REMEMBERED:
        signs = _all_signs(count) if count <= 14 else _random_signs(count, resamples, seed)
        a, c = np.ascontiguousarray((signs @ units).T)
    else:
        a, c = _many_units(units, resamples, seed)
    # The pattern of all pluses (and its mirror) is as extreme for every mu: its ends are infinite, and it is kept.
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = np.stack([-a / (total - c), a / (total + c)])
    same = np.abs(c) >= total
    low_ends = np.where(same, -np.inf, np.min(ends, axis=0))
    high_ends = np.where(same, np.inf, np.max(ends, axis=0))
    last = math.floor(alpha * a.size)
    low = float(np.partition(low_ends, last)[last])
    high = float(np.partition(high_ends, -1 - last)[-1 - last])
    return low, high


def _many_units(units: FloatArray, resamples: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Signed sums and sizes under random patterns, some at a time, as together they need too much room."""
    count = units.shape[0]
    rng = np.random.default_rng(seed)
    found = [units.sum(axis=0)[None, :]]
    rows = max(1, MAX_SIGNS // count)
    resamples = min(resamples, MAX_SIGNS * 10 // count)  # 10,000 patterns of 2,000 units
    for start in range(0, resamples, rows):
        drawn = rng.integers(0, 2, size=(min(rows, resamples - start), count), dtype=np.int8)
        found.append((2.0 * drawn - 1.0) @ units)
    a, c = np.ascontiguousarray(np.vstack(found).T)
    return a, c


@lru_cache(maxsize=4)
def _all_signs(units: int) -> FloatArray:
    patterns = np.arange(2**units)[:, None] >> np.arange(units) & 1
    return 1.0 - 2.0 * patterns.astype(np.float64)


@lru_cache(maxsize=4)
def _random_signs(units: int, resamples: int, seed: int) -> FloatArray:
    drawn = np.random.default_rng(seed).integers(0, 2, size=(resamples, units)).astype(np.float64)
    return np.vstack([np.ones(units), 2.0 * drawn - 1.0])


DifferenceFunction: TypeAlias = Callable[[FloatArray, FloatArray], float]


def exchange_test(
    difference: DifferenceFunction, a: Values, b: Values, clusters: Labels, *, resamples: int = 999, seed: int = 0
) -> float:
    """Two-sided p of `difference(a, b)`: the share of random exchanges with a difference as large, the seen one among.

    Under the null hypothesis that the two models are the same, which of them gave which answer to a cluster's items is
    a coin flip. For the mean it is the sign-flip test. Source: Fisher 1935; Phipson and Smyth 2010 (never 0).
    """
    first, second = complete(a, "exchange_test"), complete(b, "exchange_test")
    same_length("exchange_test", first, clusters)
    same_length("exchange_test", second, clusters)
    if not first.size:
        raise UserError("exchange_test: no items; give at least one")
    group, units = codes(clusters)
    seen = abs(difference(first, second))
    slack = 1e-9 * max(1.0, seen)
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(resamples):
        turned = rng.integers(0, 2, size=units, dtype=np.int8)[group].astype(np.bool_)
        one, two = np.where(turned, second, first), np.where(turned, first, second)
        hits += abs(difference(one, two)) >= seen - slack
    return (1 + hits) / (1 + resamples)
