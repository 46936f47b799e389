"""Records and tables of altered runs: what a score owes to the images, and what order changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparkles_eval.analysis.pair_tests import Tested
from sparkles_eval.analysis.run_scores import ScoredRun
from sparkles_eval.analysis.score_matrix import ScoreMatrix
from sparkles_eval.analysis.tables import Cell, ColumnUnit, Head, Span, Table
from sparkles_eval.core import Estimate
from sparkles_eval.stats.judge_bias import PositionBias
from sparkles_eval.store.read_runs import StoredRun


@dataclass(frozen=True, slots=True)
class Ablation:
    """A run as it is against the same with something altered: difference = as it is - altered, on common items."""

    base: ScoredRun
    altered: StoredRun
    metric: str
    matrix: ScoreMatrix
    tested: Tested


@dataclass(frozen=True, slots=True)
class OrderEffect:
    """A run in both image orders. Items with an answer that names no option in either order are in `unread`."""

    column: ScoredRun
    accuracy: Estimate
    """Over both orders, items as clusters."""
    corrected: Span
    """Chance-corrected accuracy, (accuracy - chance) / (1 - chance): 0 for guessing, 1 for perfection."""
    both_right: Estimate
    """Right in both orders: a guesser gets the square of what it gets in one."""
    given: Estimate
    swapped: Estimate
    gap: Tested
    """Accuracy as given minus accuracy swapped, paired by item."""
    consistency: Span
    """Share of items answered alike in substance: the same image, or the same truth value."""
    bias: PositionBias | None
    """Among answers that flip with the order, which place wins; None where the answer is no place."""
    first_wins: Span
    """Share of flips that name the first place both times, with its interval; 50% is no preference."""
    flips: int
    unread: int


@dataclass(frozen=True, slots=True)
class Ablations:
    """Everything that altered runs of a store say."""

    ablations: tuple[Ablation, ...]
    orders: tuple[OrderEffect, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(tables(self))


def tables(found: Ablations) -> list[Table]:
    """One table for shares and one for points of the altered runs, and one for both orders; empty ones are left out."""
    made = []
    kinds: tuple[tuple[ColumnUnit, str], ...] = (("percent", "accuracies"), ("points", "judge scores"))
    for unit, name in kinds:
        rows = [ablation for ablation in found.ablations if ablation.matrix.unit == unit]
        if rows:
            made.append(_altered(rows, unit, name))
    if found.orders:
        made.append(_orders(found.orders))
    return made or [Table("ablations", "Altered runs", (), (), ("no altered run has one beside it as it is",))]


def _altered(rows: list[Ablation], unit: ColumnUnit, name: str) -> Table:
    heads = (
        Head("task", "task"),
        Head("model", "model"),
        Head("judge", "scored by"),
        Head("variant", "altered"),
        Head("metric", "metric"),
        Head("paired", "paired", "count"),
        Head("lost", "lost", "count"),
        Head("base", "as it is", unit),
        Head("altered", "altered", unit),
        Head("difference", "difference [95%]", unit),
        Head("p", "p", "p"),
        Head("test", "test"),
        Head("note", "note"),
    )
    notes = (
        (
            "images=dropped, wrong: what is left is not seeing but guessing from the words; the difference comes from "
            "looking"
        ),
        (
            "images=shuffled: the right images at the wrong places; history=reference: a negative difference is what a "
            "model's own first answer cost its second"
        ),
    )
    return Table(f"ablations-{unit}", f"Altered runs, {name}", heads, tuple(map(_altered_row, rows)), notes)


def _altered_row(row: Ablation) -> tuple[Cell, ...]:
    both = np.flatnonzero(~np.isnan(row.matrix.values).any(axis=1)).tolist()
    means = [row.matrix.value_of(side, both) for side in (0, 1)]
    tested = row.tested
    return (
        row.base.run.task.name,
        row.base.label,
        row.base.judge.name,
        row.altered.variant,
        row.metric,
        tested.n,
        tested.lost,
        means[0],
        means[1],
        Span(tested.difference, tested.low, tested.high),
        tested.p,
        tested.test,
        tested.note,
    )


def _orders(rows: tuple[OrderEffect, ...]) -> Table:
    heads = (
        Head("task", "task"),
        Head("model", "model"),
        Head("items", "items", "count"),
        Head("accuracy", "accuracy [95%]", "percent"),
        Head("corrected", "over chance", "percent"),
        Head("both_right", "right in both", "percent"),
        Head("given", "as given", "percent"),
        Head("swapped", "swapped", "percent"),
        Head("gap", "gap [95%]", "percent"),
        Head("p_gap", "p", "p"),
        Head("consistency", "consistent [95%]", "percent"),
        Head("flips", "flips", "count"),
        Head("first_wins", "first place wins", "percent"),
        Head("p_first", "p", "p"),
        Head("unread", "unread", "count"),
    )
    notes = (
        "over chance: (accuracy - chance) / (1 - chance), 0 for guessing; right in both: a guesser of two gets 25%",
        (
            "consistent: the same image (or truth value) in both orders; of the others, how often the first place won: "
            "50% is no preference; unread: an answer names no option"
        ),
    )
    return Table("orders", "Both image orders", heads, tuple(map(_orders_row, rows)), notes)


def _orders_row(row: OrderEffect) -> tuple[Cell, ...]:
    gap = row.gap
    return (
        row.column.run.task.name,
        row.column.label + ("" if row.column.run.variant == "orders=both" else f" ({row.column.run.variant})"),
        row.both_right.n,
        Span.of(row.accuracy),
        row.corrected,
        Span.of(row.both_right),
        Span.of(row.given),
        Span.of(row.swapped),
        Span(gap.difference, gap.low, gap.high),
        gap.p,
        row.consistency,
        row.flips,
        row.first_wins,
        row.bias.p if row.bias else None,
        row.unread,
    )
