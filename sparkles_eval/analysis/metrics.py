"""Chooses a run's metrics for a judge and the one that leads, and computes a metric with its interval.

The metrics themselves are in `tasks.metrics`. Repeats and epochs are averaged within a sample (`score_matrix`): they
make a sample's value steadier and never the number of samples larger.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sparkles_eval.core import Estimate
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.samples import Cluster
from sparkles_eval.stats.bootstrap import bootstrap
from sparkles_eval.stats.consistency import chance_consistency
from sparkles_eval.stats.estimates import (
    FEW,
    accuracy_estimate,
    groups_estimate,
    mean_estimate,
    share_estimate,
    stratified_estimate,
)
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.tasks.metrics import METRICS, Level, Metric, SampleScores
from sparkles_eval.tasks.scorers import CRITERION

_PART = re.compile(r"(?:A(?P<turn>[1-9]\d*))?\.?(?P<criterion>[^.]+)?")
_ORDER: tuple[Level, ...] = ("headline", "main", "bounds", "detail")


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric of one run by one judge. `chance` is what guessing gets, where that is known."""

    column: Metric
    estimate: Estimate
    chance: float | None = None


def extracts(judge: JudgeRow) -> bool:
    """True for a protocol's answer rule, False for a judge that rates."""
    return tuple(criterion.id for criterion in judge.criteria) == (CRITERION,)


# --- which metrics ------------------------------------------------------------------------------------------------


def headline(run: StoredRun, judge: JudgeRow) -> Metric:
    """The metric that a run's table is sorted and ranked by: the first of its task's list that may lead and fits."""
    return _leading(run.task.metrics, judge)[0]


def rating_metric(run: StoredRun, judge: JudgeRow) -> Metric:
    """The headline where it is a mean over samples, else the plain mean of what the judge or rule gave.

    For what works on single samples: controls, people's labels, components of variance.
    """
    first = headline(run, judge)
    if first.aggregate == "mean":
        return first
    return find_metric(CRITERION if extracts(judge) else "judge_score", judge)


def metrics_of(run: StoredRun, judge: JudgeRow, turns: Sequence[int]) -> tuple[Metric, ...]:
    """Every metric of a run by a judge, headline first. `turns` are the turns that the judge has scored."""
    first, *others = _leading(run.task.metrics, judge)
    found = [first, *(replace(one, level="main") for one in others)]
    listed = [_known(name, judge) for name in run.task.metrics]
    found += [one for one in listed if one.level == "main" and _fits(one, judge)]
    if extracts(judge):
        names = [CRITERION, "validity", *(["final_validity"] if run.draws > 1 else [])]
        found += [replace(_known(name, judge), level="main") for name in names]
        found += [_known(name, judge) for name in ("accuracy_worst", "accuracy_best")]
    else:
        found += bounds_of(first)
        found += [_part(turn, None, judge) for turn in turns]
        found += [_part(turn, criterion.id, judge) for turn in turns for criterion in judge.criteria]
    each = {one.name: one for one in reversed(found)}
    unique = [each[name] for name in dict.fromkeys(one.name for one in found)]
    return tuple(sorted(unique, key=_place))


def find_metric(name: str, judge: JudgeRow) -> Metric:
    """The metric of that name that a judge gives: a registered one, a turn (A2), a criterion (C1) or both (A2.C1).

    Raises errors.UserError for any other name, with those that there are.
    """
    known = METRICS.get(name)
    if known is not None and _fits(known, judge):
        return _scaled(known, judge)
    base = METRICS.get(name.removesuffix("_worst").removesuffix("_best"))
    if base is not None and base.name != name and _fits(base, judge):
        return next((one for one in bounds_of(_scaled(base, judge)) if one.name == name), _scaled(base, judge))
    rule = extracts(judge)
    criteria = {criterion.id for criterion in judge.criteria}
    if not rule and name in criteria:
        return _part(None, name, judge)
    found = _PART.fullmatch(name)
    if not rule and found and found["turn"] and found["criterion"] in (None, *criteria):
        return _part(int(found["turn"]), found["criterion"], judge)
    own = [other for other in METRICS if (metric := METRICS.get(other)) and _fits(metric, judge)]
    parts = "" if rule else f", a turn (A1), a criterion ({', '.join(sorted(criteria))}), or both (A1.C1)"
    raise UserError(f"metric {name!r}: {judge.name} gives {', '.join(own)}{parts}")


def bounds_of(metric: Metric) -> list[Metric]:
    """The metric if every sample without a score were at the worst and at the best end of its scale.

    None for a metric by group, which counts such samples as wrong. What is missing is rarely missing by chance: a judge
    breaks on bad answers (Manski 2003).
    """
    if metric.by_group:
        return []
    ends = (("worst", metric.low), ("best", metric.high))
    return [
        replace(
            metric,
            name=f"{metric.name}_{which}",
            title=f"{which.capitalize()} case",
            description=f"{metric.title} if every sample without a score had {end:g}.",
            level="bounds",
            missing=end,
            chance=None,
        )
        for which, end in ends
    ]


def _leading(names: Sequence[str], judge: JudgeRow) -> list[Metric]:
    """The listed metrics that may lead, in the order of the list; one that always can where none is listed."""
    listed = [_known(name, judge) for name in names]
    leading = [one for one in listed if one.level == "headline" and _fits(one, judge)]
    return leading or [_known(CRITERION if extracts(judge) else "judge_score", judge)]


def _known(name: str, judge: JudgeRow) -> Metric:
    known = METRICS.get(name)
    if known is None:
        return _missing(name, judge)
    if name == CRITERION and extracts(judge):  # a scorer may call its column otherwise
        known = replace(known, title=judge.criteria[0].name or known.title)
    return _scaled(known, judge)


def _missing(name: str, judge: JudgeRow) -> Metric:
    """Stands for a metric that a stored task lists and this program does not have: it has no value, and says why."""

    why = f"The task lists {name!r}, which is unknown here: name the file that defines it with --plugin."
    return Metric(name, name, why, _nothing, low=judge.low, high=judge.high, unit="points")


def unknown(metric: Metric) -> bool:
    """True for what stands for a metric that a stored task lists and this program does not have."""
    return metric.per_sample is _nothing


def _nothing(scores: SampleScores) -> float | None:  # noqa: ARG001
    return None


def _fits(metric: Metric, judge: JudgeRow) -> bool:
    return "judge" not in metric.needs if extracts(judge) else "options" not in metric.needs


def _scaled(metric: Metric, judge: JudgeRow) -> Metric:
    return metric.on_scale(judge.low, judge.high)


def _place(metric: Metric) -> int:
    return _ORDER.index(metric.level)


def _part(turn: int | None, criterion: str | None, judge: JudgeRow) -> Metric:
    """The metric of a turn, of a criterion, or of one criterion in one turn."""
    named = {one.id: one for one in judge.criteria}

    def rating(scores: SampleScores) -> float | None:
        if criterion is None:
            assert turn is not None
            return scores.turn(turn)
        return scores.criterion(criterion) if turn is None else scores.values.get((turn, criterion))

    if criterion is None:
        name = title = f"A{turn}"
        text, level = f"Mean over samples of the criterion means of answer {turn}.", "main"
    else:
        place = "" if turn is None else f"A{turn}"
        name = f"{place}.{criterion}".lstrip(".")
        title = f"{place} · {named[criterion].name}" if place else named[criterion].name
        text, level = named[criterion].description, "detail"
    return Metric(
        name, title, text, rating, ("judge",), "points", judge.low, judge.high,
        "main" if level == "main" else "detail", partial=True,
    )  # fmt: skip


# --- what a metric amounts to -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rows:
    """What the values of a run are of: samples, or groups for a metric by group."""

    keys: tuple[str, ...]
    """What pairs a row with the same row of another run."""
    names: tuple[str, ...]
    clusters: tuple[Cluster, ...]
    """The independent unit that each row belongs to."""
    groups: tuple[str, ...]

    @property
    def sizes(self) -> dict[int, int]:
        """Groups by their number of samples (of rows that are samples)."""
        return dict(Counter(Counter(self.groups).values()))


def estimate(
    metric: Metric, values: Sequence[float | None], rows: Rows, sizes: Mapping[int, int], options: int, *, single: bool
) -> Estimate:
    """The metric over the rows that a run was asked; None where a row has no value.

    `sizes`: groups by their number of samples; `options`: of each sample, 0 where unknown; `single`: asked once, in one
    epoch. Intervals: Wilson's for shares where every row is 0 or 1 (or the mean of several epochs), Student's t for
    other means, stratified t for the mean of group means, resampled clusters for an aggregate of one's own.
    """
    if unknown(metric):
        return Estimate(None, None, None, 0, len(values), note=metric.description)
    if metric.by_group and not any(value is not None for value in values):
        return Estimate(None, None, None, 0, len(values), note="nothing graded")
    if metric.aggregate == "mean":
        found = (
            _share(values, rows.clusters, single) if metric.unit == "percent" else mean_estimate(values, rows.clusters)
        )
    elif metric.aggregate == "group_mean":
        found = stratified_estimate(values, rows.groups, rows.clusters)
    elif metric.aggregate == "group_all":
        level = chance_consistency(sizes, metric.chance(options) if metric.chance and options else 0.5)
        found = groups_estimate(values, sizes, rows.clusters, level)
    else:
        found = _resampled(metric, values, rows.clusters)
    return _cut(found, metric)


def _share(values: Sequence[float | None], clusters: Sequence[Cluster], single: bool) -> Estimate:
    if all(value in (0.0, 1.0, None) for value in values):
        return accuracy_estimate(values, clusters)
    return mean_estimate(values, clusters) if single else share_estimate(values, clusters)


def _resampled(metric: Metric, values: Sequence[float | None], clusters: Sequence[Cluster]) -> Estimate:
    known = [(value, cluster) for value, cluster in zip(values, clusters, strict=True) if value is not None]
    if not known:
        return Estimate(None, None, None, 0, len(values), 0, note=f"none of {len(values)} items graded")
    numbers = np.array([value for value, _ in known])
    units = len({cluster for _, cluster in known})
    function = metric.aggregate
    assert callable(function)
    found = bootstrap(lambda rows: applied(metric, numbers[rows].tolist()), [cluster for _, cluster in known])
    low, high = found.percentile or (None, None)
    few = f"fewer than {FEW} independent units ({units}): not for ranking" if units < FEW else ""
    note = "; ".join(part for part in (found.note, few) if part)
    return Estimate(
        found.value, low, high, len(known), len(values), units, "bootstrap" if found.percentile else "", note
    )


def applied(metric: Metric, values: Sequence[float]) -> float:
    """A metric's own aggregate of sample values. Raises errors.UserError where it fails or gives no finite number."""
    assert callable(metric.aggregate)
    try:
        found = float(metric.aggregate(values))
    except Exception as error:
        raise UserError(f"metric {metric.name!r}: its aggregate failed: {type(error).__name__}: {error}") from error
    if not np.isfinite(found):
        raise UserError(f"metric {metric.name!r}: its aggregate gave {found} for {len(values)} samples")
    return found


def chance_level(metric: Metric, options: int, sizes: Mapping[int, int]) -> float | None:
    """What guessing gets: on a sample with that many options (0: unknown), or on groups of these sizes."""
    if metric.chance is None or (not options and "options" in metric.needs):
        return None
    single = metric.chance(options)
    return chance_consistency(sizes, single) if metric.by_group else single


def _cut(found: Estimate, metric: Metric) -> Estimate:
    """An interval that reaches past what the metric can be is cut there, and says so."""
    low, high = found.low, found.high
    if low is None or high is None or (low >= metric.low and high <= metric.high):
        return found
    note = "; ".join(part for part in (found.note, "interval cut at the end of the scale") if part)
    return replace(found, low=max(low, metric.low), high=min(high, metric.high), note=note)
