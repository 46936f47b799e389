"""Items of a task over many models: how hard each is, how well it tells models apart, and which look mislabelled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sparkles_eval.analysis.compare import opened
from sparkles_eval.analysis.config import CompareConfig
from sparkles_eval.analysis.run_selection import match
from sparkles_eval.analysis.score_matrix import ScoreMatrix, score_matrix
from sparkles_eval.analysis.tables import Head, Table
from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.correlation import kendall_test, pearson
from sparkles_eval.stats.multiplicity import benjamini_hochberg
from sparkles_eval.store.store import Store

FEWEST = 5
"""Models below which an item's discrimination says nothing."""
TESTED = 9
"""Models below which no test of a single item survives the adjustment over all items."""


@dataclass(frozen=True, slots=True)
class ItemStatistics:
    """One item. `difficulty` is one minus its mean in shares of the scale."""

    name: str
    models: int
    difficulty: float
    discrimination: float | None
    """Correlation over models with their mean on the other items; None where all models got the same."""
    p: float | None
    """One-sided, by Kendall's tau: models that are better elsewhere are worse here; adjusted (Benjamini-Hochberg)."""

    @property
    def suspicious(self) -> bool:
        """True where better models are shown to do worse: the label may be wrong, or the question ambiguous."""
        return self.p is not None and self.p <= 0.05 and (self.discrimination or 0.0) < 0


@dataclass(frozen=True, slots=True)
class Items:
    """The items of one task that several models were asked."""

    task: str
    models: int
    items: tuple[ItemStatistics, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        return (_table(self),)


def items(
    store: Store | Path | str,
    *models: str,
    task: str | None = None,
    judge: str | None = None,
    metric: str | None = None,
) -> tuple[Items, ...]:
    """Difficulty and discrimination of every item, for each task with five comparable models or more.

    Raises errors.UserError where no task has so many, and as `compare` does.
    """
    with opened(store) as db:
        groups = match(db, CompareConfig(models, task, judge, metric=metric))
        matrices = [score_matrix(db, group.columns, metric) for group in groups if len(group.columns) >= FEWEST]
        if not matrices:
            raise UserError(f"{db.path}: an item is described by {FEWEST} comparable models or more")
        return tuple(items_of(matrix) for matrix in matrices)


def items_of(matrix: ScoreMatrix) -> Items:
    """The items of one matrix; the hardest first."""
    low, high = matrix.scale
    values = (matrix.values - low) / (high - low)
    known = ~np.isnan(values)
    total, count = np.nansum(values, axis=0), known.sum(axis=0)
    found, tests = [], []
    for row, name in enumerate(matrix.items):
        here = known[row] & (count > known[row])
        own = values[row, here]
        if not own.size:
            continue
        rest = (total[here] - own) / (count[here] - 1)
        discrimination, p = _against(own, rest) if own.size >= FEWEST else (None, None)
        found.append(ItemStatistics(name, int(own.size), 1 - float(own.mean()), discrimination, p))
        tests.append(np.nan if p is None else p)
    adjusted = benjamini_hochberg(np.array(tests)).tolist() if tests else []
    made = [
        ItemStatistics(one.name, one.models, one.difficulty, one.discrimination, None if np.isnan(p) else p)
        for one, p in zip(found, adjusted, strict=True)
    ]
    made.sort(key=lambda one: (-one.difficulty, one.name))
    return Items(matrix.runs[0].run.task.name, int(known.any(axis=0).sum()), tuple(made))


def _against(own: NDArray[np.float64], rest: NDArray[np.float64]) -> tuple[float | None, float | None]:
    """Discrimination, and the one-sided p of a negative one."""
    discrimination = pearson(own, rest)
    if discrimination is None:
        return None, None
    test = kendall_test(own, rest) if own.size >= TESTED else None
    if test is None or test.tau is None or test.p is None:
        return discrimination, None
    return discrimination, test.p / 2 if test.tau < 0 else 1 - test.p / 2


def _table(found: Items) -> Table:
    heads = (
        Head("item", "item"),
        Head("models", "models", "count"),
        Head("difficulty", "difficulty", "percent"),
        Head("discrimination", "discrimination", "number"),
        Head("p", "p, negative", "p"),
        Head("look", "look at it"),
    )
    rows = tuple(
        (
            one.name,
            one.models,
            one.difficulty,
            one.discrimination,
            one.p,
            "better models do worse" if one.suspicious else "",
        )
        for one in found.items
    )
    same = sum(one.discrimination is None for one in found.items)
    notes = (
        "difficulty: what models lack of full marks; discrimination: correlation over models with their other items",
        "p: better models do worse, one-sided, adjusted over all items (BH), from 9 models on: perhaps a wrong label",
        f"{same:,} of {len(found.items):,} items tell no two models apart",
    )
    return Table("items", f"Items of {found.task}, by {found.models} models", heads, rows, notes)
