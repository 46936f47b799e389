"""Biases of a judge: position, length, own family, halo between criteria, and answers that flatter it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.arrays import (
    FloatArray,
    Labels,
    Values,
    ValueTable,
    codes,
    complete,
    floats,
    is_constant,
    midranks,
    same_length,
    table,
)
from sparkles_eval.stats.clusters import ClusteredMean, clustered_mean
from sparkles_eval.stats.correlation import pearson
from sparkles_eval.stats.dependence import dependence
from sparkles_eval.stats.distributions import t_critical, t_two_sided
from sparkles_eval.stats.intervals import Interval, binomial_two_sided, upper_bound, wilson
from sparkles_eval.stats.signflip import sign_flip_test

__all__ = [
    "AttackReport",
    "Halo",
    "LengthBias",
    "PositionBias",
    "SelfPreference",
    "attack_report",
    "halo",
    "length_bias",
    "position_bias",
    "self_preference",
]

FEW_UNITS = 30
"""Independent units below which a regression has no interval."""


@dataclass(frozen=True, slots=True)
class AttackReport:
    """One attack. Rates are over all tries; a verdict that the attack broke is no success, and counted apart."""

    inflation: ClusteredMean | None
    """Mean gain in points with its clustered interval; None when no attacked answer was graded."""
    success: Interval
    """Share of tries with a gain of at least the threshold."""
    fallen: Interval
    """Share of tries with as large a loss: what the judge's noise alone does, in either direction."""
    success_upper: float
    """One-sided 95% upper bound: zero successes in 50 tries still allow 5.8%."""
    p_signed_rank: float | None
    """One-sided exact Wilcoxon signed-rank (ties permuted): does the attack raise scores at all?"""
    top_rate: float
    """Share of attacked answers at the highest mark."""
    break_rate: Interval
    """Share of tries after which the judge gave no valid verdict."""
    tries: int


def attack_report(
    honest: Values,
    attacked: Values,
    clusters: Labels | None = None,
    *,
    threshold: float = 2.0,
    top: float = 10.0,
    alpha: float = 0.05,
) -> AttackReport:
    """Compares scores of the same answers without and with the attack; None in `attacked` is a broken verdict.

    Source: Raina, Liusie and Gales 2024; Zheng et al. 2024. Traps: attacks on good answers have no headroom; "0
    successes" is not safe (read `success_upper`). Raises UserError for no tries or an honest answer without a score.
    """
    before, after = complete(honest, "attack_report: honest"), floats(attacked, "attack_report: attacked")
    labels: Labels = np.arange(before.size) if clusters is None else clusters
    same_length("attack_report", before, after, labels)
    tries = before.size
    if tries == 0:
        raise UserError("attack_report: no tries; give at least one honest and one attacked score")
    known = ~np.isnan(after)
    gain = (after - before)[known]
    wins = int(np.sum(gain >= threshold - 1e-9))
    inflation = clustered_mean(gain, codes(labels)[0][known], alpha=alpha) if gain.size else None
    moved = gain[np.abs(gain) > 1e-12]
    p = None
    if gain.size:
        p = sign_flip_test(np.sign(moved) * midranks(np.abs(moved))).p_greater if moved.size else 1.0
    return AttackReport(
        inflation=inflation,
        success=wilson(wins, tries, alpha=alpha),
        fallen=wilson(int(np.sum(gain <= -threshold + 1e-9)), tries, alpha=alpha),
        success_upper=upper_bound(wins, tries),
        p_signed_rank=p,
        top_rate=float(np.sum(after[known] >= top - 1e-9)) / tries,
        break_rate=wilson(tries - gain.size, tries, alpha=alpha),
        tries=tries,
    )


@dataclass(frozen=True, slots=True)
class PositionBias:
    """What happens when the order is swapped. `first_bias` is None when no verdict flipped."""

    consistency: Interval
    first_bias: float | None
    """Among flips, the share in which the first place won both times (1/2: no preference)."""
    p: float
    """Exact binomial against 1/2; 1 without flips."""


def position_bias(first_both: int, second_both: int, consistent: int, *, alpha: float = 0.05) -> PositionBias:
    """Does order change the verdict? Every pair is judged in both orders.

    `first_both`: pairs in which whatever stood first won both times; `second_both` likewise; `consistent`: the rest.
    Source: Wang et al. 2023, "LLMs are not Fair Evaluators"; Zheng et al. 2023. Trap: averaging the two orders cancels
    the mean bias, not the noise. Raises UserError for no pairs or negative counts.
    """
    n = first_both + second_both + consistent
    if n == 0 or min(first_both, second_both, consistent) < 0:
        raise UserError("position_bias: give counts of 0 or more and at least one pair")
    flips = first_both + second_both
    return PositionBias(
        consistency=wilson(consistent, n, alpha=alpha),
        first_bias=first_both / flips if flips else None,
        p=binomial_two_sided(first_both, flips),
    )


@dataclass(frozen=True, slots=True)
class LengthBias:
    """How much longer answers are paid, raw and at equal quality. None, with a note, where undefined."""

    raw_spearman: float | None
    partial_spearman: float | None
    """Of score and length, given quality."""
    slope: float | None
    """Points per unit of log length, from score ~ quality + log length."""
    slope_se: float | None
    """Heteroscedasticity-consistent (HC3); clustered, where clusters are given."""
    points_per_doubling: float | None
    n: int
    note: str = ""
    doubling_low: float | None = None
    """95% limits of `points_per_doubling` over clusters."""
    doubling_high: float | None = None


def length_bias(
    scores: Values,
    lengths: Values,
    quality: Values,
    *,
    again: Values | None = None,
    clusters: Labels | None = None,
) -> LengthBias:
    """Does the judge pay for words? `quality` must be measured without this judge.

    A noisy control leaves quality in the length effect, however large the data. `again` is a second, independent
    measurement of quality: each is then the other's instrument, which removes that (errors in variables, Durbin 1954);
    the two slopes are averaged. With `clusters` the standard error is over them.
    Source: Dubois et al. 2024, "Length-Controlled AlpacaEval"; MacKinnon and White 1985 (HC3). Trap: length is partly
    quality; only padding the same answer, or a human score as `quality`, separates bias from quality.
    Raises UserError for lengths of 0 or below and for fewer than 5 answers.
    """
    y, words, q = (complete(v, "length_bias") for v in (scores, lengths, quality))
    same_length("length_bias", y, words, q)
    n = y.size
    if n < 5 or np.any(words <= 0):
        raise UserError(f"length_bias: {n} answers; give five or more, each of length above 0")
    log_length = np.log(words)
    if is_constant(log_length) or is_constant(y):
        return LengthBias(None, None, None, None, None, n, "lengths or scores do not vary")
    raw = pearson(midranks(words), midranks(y))
    partial = _partial(midranks(words), midranks(y), midranks(q))
    columns = [np.ones(n), log_length] if is_constant(q) else [np.ones(n), log_length, q]
    design = np.stack(columns, axis=1)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return LengthBias(raw, partial, None, None, None, n, "quality and length cannot be separated")
    note = "quality does not vary: not controlled for" if is_constant(q) else ""
    if again is None or is_constant(q):
        slope, se = _hc3(design, y)
        return LengthBias(raw, partial, slope, se, slope * math.log(2), n, note)
    other = complete(again, "length_bias")
    labels: Labels = np.arange(n) if clusters is None else clusters
    same_length("length_bias", y, other, labels)
    return _instrumented(LengthBias(raw, None, None, None, None, n), design, other, y, labels)


def _instrumented(bare: LengthBias, design: FloatArray, other: FloatArray, y: FloatArray, labels: Labels) -> LengthBias:
    """The slope with each measurement of quality as the other's instrument, and its clustered standard error."""
    second = np.column_stack([design[:, :2], other])
    sides = [(design, second), (second, design)]
    crossed = [instrument.T @ x for x, instrument in sides]
    if any(np.linalg.cond(one) > 1e10 for one in crossed):
        return replace(bare, note="quality and length cannot be separated")
    slopes, influence = [], np.zeros(y.size)
    for (x, instrument), one in zip(sides, crossed, strict=True):
        inverse = np.linalg.inv(one)
        beta = inverse @ instrument.T @ y
        slopes.append(float(beta[1]))
        influence += (instrument @ inverse.T)[:, 1] * (y - x @ beta) / 2 * y.size
    depends = dependence(labels)
    slope = sum(slopes) / 2
    if depends.effective < FEW_UNITS:
        return replace(bare, note=f"{depends.units} independent units, too few for the effect at equal quality")
    se = math.sqrt(max(0.0, float(depends.covariance(influence[:, None])[0, 0])))
    half = t_critical(0.05, depends.freedom) * se
    doubling = math.log(2)
    return replace(
        bare, slope=slope, slope_se=se, points_per_doubling=slope * doubling,
        doubling_low=(slope - half) * doubling, doubling_high=(slope + half) * doubling,
    )  # fmt: skip


def _partial(x: FloatArray, y: FloatArray, given: FloatArray) -> float | None:
    xy, xz, yz = pearson(x, y), pearson(x, given), pearson(y, given)
    if xy is None or xz is None or yz is None:
        return xy
    room = (1 - xz**2) * (1 - yz**2)
    return (xy - xz * yz) / math.sqrt(room) if room > 1e-12 else None


def _hc3(design: FloatArray, y: FloatArray) -> tuple[float, float | None]:
    """Coefficient of column 1 and its HC3 standard error (None where an observation fits itself exactly)."""
    inverse = np.linalg.inv(design.T @ design)
    beta = inverse @ design.T @ y
    leverage = np.sum(design @ inverse * design, axis=1)
    if np.any(leverage > 1 - 1e-10):
        return float(beta[1]), None
    rest = (y - design @ beta) / (1 - leverage)
    covariance = inverse @ (design.T * rest**2) @ design @ inverse
    return float(beta[1]), math.sqrt(float(covariance[1, 1]))


@dataclass(frozen=True, slots=True)
class SelfPreference:
    """Difference in differences: how much more a judge favours its own family than the reference judge does."""

    effect: ClusteredMean
    t: float | None
    p: float | None


def self_preference(
    own_on_own: Values, own_on_other: Values, reference_on_own: Values, reference_on_other: Values,
    clusters: Labels | None = None,
) -> SelfPreference:  # fmt: skip
    """(own judge: own - other model) - (reference judge: own - other model), per dialogue, clustered t.

    Assumes that quality is what the reference judge sees. Source: Panickssery, Bowman and Feng 2024; Chen et al. 2025.
    Traps: the raw "own - other" calls a better model biased; the reference judge may be of the same family. The same
    effect everywhere has no t: p is then that of the sign-flip test.
    """
    a, b, c, d = (
        complete(v, "self_preference") for v in (own_on_own, own_on_other, reference_on_own, reference_on_other)
    )
    same_length("self_preference", a, b, c, d)
    labels: Labels = np.arange(a.size) if clusters is None else clusters
    effect = (a - b) - (c - d)
    found = clustered_mean(effect, labels)
    if found.se and found.critical is not None:
        t = found.mean / found.se
        return SelfPreference(found, t, t_two_sided(t, found.freedom))
    group, units = codes(labels)
    p = sign_flip_test(np.bincount(group, weights=effect)).p_two_sided if units > 1 else None
    return SelfPreference(found, None, p)


@dataclass(frozen=True, slots=True)
class Halo:
    """Are three criteria three measurements? None where a criterion does not vary."""

    mean_r: float | None
    """Mean correlation between criteria; above .9 they are one number, not several findings."""
    cronbach_alpha: float | None
    first_eigenvalue_share: float | None
    n: int
    note: str = ""


def halo(criteria: ValueTable, models: Labels | None = None) -> Halo:
    """Correlation between criteria, within model when `models` is given (residuals after each model's means).

    `criteria`: items x criteria; rows with gaps are left out. Assumes linear relations, 50 items or more. Source:
    Thorndike 1920; Cronbach 1951; Feuer et al. 2025. Trap: pooled over models r is high just because models differ.
    Raises UserError for fewer than three rows or two criteria.
    """
    x = table(criteria, "halo")
    whole = ~np.isnan(x).any(axis=1) if x.size else np.zeros(0, dtype=np.bool_)
    if whole.sum() < 3 or x.shape[1] < 2:
        raise UserError("halo: give three rows or more with every one of two or more criteria")
    group = np.zeros(x.shape[0], dtype=np.int64)
    if models is not None:
        same_length("halo", x, models)
        group = codes(models)[0]
    x, group = x[whole], codes(group[whole])[0]
    sizes = np.bincount(group)
    means = np.stack([np.bincount(group, weights=column) / sizes for column in x.T], axis=1)
    rest = x - means[group]
    n, k = x.shape
    if any(is_constant(column) for column in rest.T):
        return Halo(None, None, None, n, "a criterion does not vary")
    r = np.atleast_2d(np.corrcoef(rest.T))
    covariance = np.atleast_2d(np.cov(rest.T))
    total = float(covariance.sum())
    alpha = k / (k - 1) * (1 - float(np.trace(covariance)) / total) if total > 1e-12 else None
    share = float(np.linalg.eigvalsh(r)[-1]) / k
    return Halo(float(r[np.triu_indices(k, 1)].mean()), alpha, share, n)
