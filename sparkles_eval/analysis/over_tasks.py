"""One decision over several tasks: the mean of the standardised differences of two models, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from sparkles_eval.analysis.comparison import Comparison
from sparkles_eval.analysis.pair_tests import ALPHA, Tested
from sparkles_eval.analysis.tables import Head, Span, Table
from sparkles_eval.analysis.verdicts import above
from sparkles_eval.stats.distributions import t_critical, t_two_sided
from sparkles_eval.stats.multiplicity import holm


@dataclass(frozen=True, slots=True)
class OverTasks:
    """Two models on all tasks: the mean over tasks of their differences in shares of each task's scale."""

    first: str
    second: str
    tasks: int
    difference: float
    low: float
    high: float
    p: float


def over_tasks(comparisons: Sequence[Comparison]) -> list[OverTasks]:
    """Every pair of models that stands in all comparisons, each task with the same weight.

    D = mean of d_t / scale_t, SE^2 = sum se_t^2 / (T scale_t)^2 with Satterthwaite's degrees of freedom; tasks must
    not share samples. Nothing for a pair with fewer than 30 independent units, or no standard error, in some task.
    """
    pairs: dict[tuple[str, str], list[tuple[Tested, float, int]]] = {}
    for comparison in comparisons:
        low, high = comparison.matrix.scale
        for pair in comparison.pairs:
            names = comparison.matrix.labels[pair.first], comparison.matrix.labels[pair.second]
            turned = names not in pairs and names[::-1] in pairs
            key = names[::-1] if turned else names
            pairs.setdefault(key, []).append((pair, high - low, -1 if turned else 1))
    found = []
    for (first, second), own in pairs.items():
        made = _joined(first, second, own) if len(own) == len(comparisons) else None
        found += [made] if made else []
    return found


def _joined(first: str, second: str, own: Sequence[tuple[Tested, float, int]]) -> OverTasks | None:
    differences, variances, freedoms = [], [], []
    for pair, scale, sign in own:
        if pair.difference is None or pair.se is None or not pair.ranked:
            return None
        differences.append(sign * pair.difference / scale)
        variances.append((pair.se / scale) ** 2)
        freedoms.append(max(1.0, pair.effective - 1))
    tasks, total = len(own), sum(variances)
    if not total:
        return None
    freedom = total**2 / sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    mean, se = sum(differences) / tasks, math.sqrt(total) / tasks
    half = t_critical(ALPHA, freedom) * se
    return OverTasks(first, second, tasks, mean, mean - half, mean + half, t_two_sided(mean / se, freedom))


def tasks_table(comparisons: Sequence[Comparison]) -> list[Table]:
    """The table of `over_tasks`; none for one task, for parts of a task, or where no pair stands in all of them."""
    names = [comparison.matrix.runs[0].run.task.name for comparison in comparisons]
    if len(set(names)) < 2 or len(set(names)) < len(names):
        return []
    found = over_tasks(comparisons)
    if not found:
        return []
    adjusted = holm([one.p for one in found]).tolist()
    heads = (
        Head("a", "A"),
        Head("b", "B"),
        Head("tasks", "tasks", "count"),
        Head("difference", "A - B, % of\nthe scale [95%]", "percent"),
        Head("p", "p", "p"),
        Head("p_holm", "Holm", "p"),
        Head("verdict", "difference"),
    )
    rows = tuple(
        (
            one.first,
            one.second,
            one.tasks,
            Span(one.difference, one.low, one.high),
            one.p,
            p,
            "shown"
            if p <= ALPHA and "shown" in (above(one.low, one.high), above(-one.high, -one.low))
            else "not shown",
        )
        for one, p in zip(found, adjusted, strict=True)
    )
    notes = (
        f"the mean over {', '.join(names)}, all of one weight, of differences in shares of each metric's scale",
        "Holm counts the pairs of this table; decide before looking whether this or the single tasks are the claim",
    )
    return [Table("over-tasks", "All tasks together", heads, rows, notes)]
