"""Published totals as reference rows, and what can be concluded from totals without items.

They are read from `published.yaml` beside a task's task.yaml.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field

from sparkles_eval.analysis.score_matrix import ScoreMatrix
from sparkles_eval.analysis.tables import Span
from sparkles_eval.core.content import find_file
from sparkles_eval.core.strict_record import Strict
from sparkles_eval.stats.intervals import wilson
from sparkles_eval.stats.margins import mcnemar_range, worst_case_difference
from sparkles_eval.stats.mcnemar import independent_difference
from sparkles_eval.tasks.spec import valid_name
from sparkles_eval.tasks.validation import Name, read_yaml

FILE = "published.yaml"


class PublishedRow(Strict):
    """One number of a publication. `right` counts right answers, for accuracies."""

    model: str
    value: float
    right: int | None = None
    note: str = ""


class Published(Strict):
    """A publication's numbers for one metric of a task."""

    source: str
    metric: str
    items: int = Field(ge=2)
    args: dict[str, Name] = Field(default_factory=dict)
    """The `--task-arg` values that give the same items; numbers for other items are not set beside these."""
    conditions: str
    """How they were got, where that differs from us."""
    rows: tuple[PublishedRow, ...]


def published(task: str, content: Sequence[Path] = ()) -> Published | None:
    """The published numbers that ship with a task, or None. Raises errors.ContentError for a file that is wrong."""
    # Task names come from stores, which come from anybody: only a plain name is looked up.
    file = find_file("tasks", f"{task}/{FILE}", content) if valid_name(task) else None
    return read_yaml(file, Published) if file else None


@dataclass(frozen=True, slots=True)
class TotalsOnly:
    """A run beside a published total. `p_low` and `p_high` bound the p-value over every data set that fits."""

    model: str
    reference: str
    value: float
    published: Span
    difference: float
    p_low: float | None
    p_high: float | None
    said: str


def beside(matrix: ScoreMatrix, numbers: Published) -> list[TotalsOnly]:
    """Every run of the frame against every published row, by what totals alone allow; [] where the items differ."""
    run = matrix.runs[0].run
    fits = matrix.metric.name == numbers.metric and run.total == numbers.items
    if not fits or any(run.task.args.get(name) != value for name, value in numbers.args.items()):
        return []
    found = []
    for side, label in enumerate(matrix.labels):
        known = matrix.values[~np.isnan(matrix.values[:, side]), side]
        if known.size:
            found += [_one(label, known.tolist(), row, matrix, numbers) for row in numbers.rows]
    return found


def _one(label: str, scores: list[float], row: PublishedRow, matrix: ScoreMatrix, numbers: Published) -> TotalsOnly:
    n, value = len(scores), sum(scores) / len(scores)
    if row.right is None:
        return _scores(label, value, n, row, matrix, numbers)
    interval = wilson(row.right, numbers.items)
    span = Span(row.right / numbers.items, interval.low, interval.high)
    right = round(sum(scores))
    if matrix.binary and n == numbers.items:
        bounds = mcnemar_range(right, row.right, n)
        said = (
            f"exact McNemar p between {bounds.min_p:.2g} and {bounds.max_p:.2g}, depending on the items that were "
            f"not published{'' if matrix.independent else ' (items taken as independent)'}; "
            f"{_verdict(bounds.min_p, bounds.max_p)}"
        )
        return TotalsOnly(
            label, row.model, value, span, value - row.value, bounds.min_p, bounds.max_p, said
        )  # fmt: skip
    loose = independent_difference(right, n, row.right, numbers.items)
    said = f"not paired (items are missing or repeated): Fisher p {loose.p_fisher:.2g}"
    return TotalsOnly(label, row.model, value, span, value - row.value, loose.p_fisher, loose.p_fisher, said)


def _verdict(low: float, high: float) -> str:
    if high < 0.05:
        return "different whatever they were"
    return "not shown to differ, whatever they were" if low >= 0.05 else "totals cannot decide it"


def _scores(label: str, value: float, n: int, row: PublishedRow, matrix: ScoreMatrix, numbers: Published) -> TotalsOnly:
    difference = value - row.value
    if n != numbers.items:
        said = f"{n} of {numbers.items} items graded here: only the means can be set side by side"
        return TotalsOnly(label, row.model, value, Span(row.value), difference, None, None, said)
    worst = worst_case_difference(value, row.value, n, matrix.scale)
    said = (
        "significant as a difference of means whatever the items were"
        if worst.significant
        else f"significant only if the SD of differences is below {worst.breakeven_sd:.2f} "
        f"(it can be up to {worst.max_sd_difference:.2f})"
    )
    judge = matrix.runs[0].judge
    return TotalsOnly(
        label,
        row.model,
        value,
        Span(row.value),
        difference,
        None,
        None,
        f"{said}; another judge ({judge.model or judge.name} here)",
    )  # fmt: skip
