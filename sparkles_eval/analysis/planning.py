"""Tables for planning: what a number of items can show, and how many items a question needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sparkles_eval.analysis.config import PlanQuestion
from sparkles_eval.analysis.tables import Cell, Head, Table
from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.human import effective_labels, labels_needed
from sparkles_eval.stats.power import (
    half_width,
    mde_against_chance,
    mde_mean,
    mde_paired_accuracy,
    n_mean,
    n_paired_accuracy,
    sd_of_difference,
)

DISCORDANT = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Shares of items on which exactly one of two models is right; two weak models with independent errors: about .5."""
ALIKE = (0.0, 0.3, 0.5, 0.7, 0.9)
"""Correlations over items: of two models' scores, or of a judge and people."""
NOISE = (0.1, 0.3, 0.5)
"""Shares of a score's variance that judge repeats would show."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer: tables."""

    tables: tuple[Table, ...]


def plan(question: PlanQuestion | None = None) -> Plan:
    """Tables for accuracy, judge scores, clusters, repeats and human labels.

    Accuracy by Connor 1987, scores by the paired t test, chance by the exact binomial test, labels by Chen et al. 2026
    (see `stats.power` and `stats.human`). The smallest difference that is detected is not the smallest that can come
    out significant, and none of this may be fed with the difference just seen.
    """
    asked = question or PlanQuestion()
    made = [_accuracy(asked), _scores(asked), _chance(asked), _clusters(asked), _repeats(asked), _labels(asked)]
    return Plan(tuple(made))


def _terms(asked: PlanQuestion) -> str:
    clustered = f"; design effect {asked.deff:.2f}" if asked.deff > 1 else "; independent items"
    return f"two-sided {100 * asked.alpha:g}%, power {100 * asked.power:g}%{clustered}"


def _accuracy(asked: PlanQuestion) -> Table:
    heads = (
        Head("items", "items", "count"),
        *(Head(f"discordant_{100 * share:.0f}", f"{100 * share:.0f}% differ", "percent") for share in DISCORDANT),
    )
    rows: list[tuple[Cell, ...]] = []
    for n in asked.items:
        found = [
            mde_paired_accuracy(asked.effective(n), psi, alpha=asked.alpha, power=asked.power) for psi in DISCORDANT
        ]
        rows.append((n, *(each.difference if each.possible else None for each in found)))
    notes = [f"{_terms(asked)}; columns: share of items on which exactly one of the two models is right"]
    if asked.mde is not None:
        wanted = 100 * asked.mde
        needed = [
            f"{math.ceil(n_paired_accuracy(asked.mde, psi, alpha=asked.alpha, power=asked.power) * asked.deff):,} "
            f"items where {100 * psi:.0f}% differ"
            for psi in DISCORDANT
            if 0 < asked.mde <= psi
        ]
        if not needed:
            raise UserError(f"plan: an accuracy difference of {wanted:g} points is outside (0, 50]; give one inside")
        notes.append(f"a difference of {wanted:g} points needs {', '.join(needed)}")
    title = "Accuracy of two models on the same items: smallest difference detected, in points"
    return Table("plan-accuracy", title, heads, tuple(rows), tuple(notes))


def _scores(asked: PlanQuestion) -> Table:
    heads = (
        Head("items", "items", "count"),
        *(Head(f"r_{100 * rho:.0f}", f"r = {rho:g}", "points") for rho in ALIKE),
        Head("half_width", "one model, ±", "points"),
    )
    rows: list[tuple[Cell, ...]] = []
    for n in asked.items:
        worth = asked.effective(n)
        found = [mde_mean(worth, sd_of_difference(asked.sd, r), alpha=asked.alpha, power=asked.power) for r in ALIKE]
        rows.append((n, *found, half_width(worth, asked.sd, alpha=asked.alpha)))
    notes = [f"SD over items {asked.sd:g}; {_terms(asked)}; r: correlation of the two models' scores over items"]
    if asked.mde_score is not None:
        if not asked.mde_score > 0:
            raise UserError(f"plan: a score difference of {asked.mde_score:g} points cannot be planned for")
        needed = [
            f"{_needed(asked, rho):,} items at r = {rho:g}" for rho in ALIKE
        ]  # fmt: skip
        notes.append(f"a difference of {asked.mde_score:g} points needs {', '.join(needed)}")
    title = "Judge score of two models on the same items: smallest difference detected"
    return Table("plan-scores", title, heads, tuple(rows), tuple(notes))


def _needed(asked: PlanQuestion, rho: float) -> int:
    assert asked.mde_score is not None
    n = n_mean(asked.mde_score, sd_of_difference(asked.sd, rho), alpha=asked.alpha, power=asked.power)
    return math.ceil(n * asked.deff)


def _chance(asked: PlanQuestion) -> Table:
    heads = (
        Head("items", "items", "count"),
        Head("right", "right answers needed", "count"),
        Head("seen", "accuracy seen", "percent"),
        Head("true", "true accuracy", "percent"),
    )
    rows: list[tuple[Cell, ...]] = []
    for n in asked.items:
        found = mde_against_chance(n, alpha=asked.alpha, power=asked.power)
        rows.append((n, found.critical_k, found.critical_accuracy, found.true_accuracy))
    notes = (f"two options; right answers that beat chance, and the true accuracy that does so with {asked.power:.0%}",)
    return Table("plan-chance", "One model against guessing", heads, tuple(rows), notes)


def _clusters(asked: PlanQuestion) -> Table:
    sizes = (1.0, 2.0, 3.5, 6.6)
    heads = (
        Head("icc", "correlation", "number"),
        *(Head(f"size_{size:g}", f"size {size:g}", "count") for size in sizes),
    )
    n = asked.items[0] if len(asked.items) == 1 else 1_000
    rows = tuple((icc, *(n / (1 + (size - 1) * icc) for size in sizes)) for icc in (0.1, 0.3, 0.6))
    notes = (
        "items of one image, sentence or dialogue repeat each other; size: mean over items, sum m² / sum m (Kish)",
    )
    return Table("plan-clusters", f"Clusters: independent items that {n:,} are worth", heads, rows, notes)


def _repeats(asked: PlanQuestion) -> Table:
    n = asked.items[0] if len(asked.items) == 1 else 150
    worth = asked.effective(n)
    counts = (1, 2, 3, 5, 10)
    heads = (
        Head("noise", "judge noise", "percent"),
        *(Head(f"repeats_{k}", f"{k} times", "points") for k in counts),
        Head("twice_items", "twice the items", "points"),
    )
    rows: list[tuple[Cell, ...]] = []
    for share in NOISE:
        ses = [asked.sd * math.sqrt((1 - share + share / k) / worth) for k in counts]
        rows.append((share, *ses, asked.sd / math.sqrt(2 * worth)))
    notes = ("judge noise: share of the variance of one rating; repeats never raise the number of items: 3 are enough",)
    title = f"Repeats: standard error of a mean score of {n:,} items, judged so often"
    return Table("plan-repeats", title, heads, tuple(rows), notes)


def _labels(asked: PlanQuestion) -> Table:
    pool = asked.items[0] if len(asked.items) == 1 else 150
    heads = (
        Head("rho", "judge-human r", "number"),
        Head("endless", "labels, endless pool", "count"),
        Head("pool", f"labels, pool of {pool:,}", "count"),
        Head("fifty", f"{min(50, pool)} labels are worth", "count"),
    )
    rows: list[tuple[Cell, ...]] = []
    for rho in (0.0, 0.5, 0.7, 0.8, 0.9):
        endless = labels_needed(asked.sd, asked.half_width, rho, alpha=asked.alpha)
        bounded = labels_needed(asked.sd, asked.half_width, rho, pool=pool, alpha=asked.alpha)
        worth = effective_labels(min(50, pool), pool, rho)
        rows.append((rho, endless.with_judge, bounded.with_judge, worth))
    notes = (
        f"for ±{asked.half_width:g} points at SD {asked.sd:g}; r within one model; labels drawn at random",
        "an en dash: the pool cannot give that; a judge no better than the models judged saves at most half",
    )
    title = "Human labels beside a judge (prediction-powered means)"
    return Table("plan-labels", title, heads, tuple(rows), notes)
