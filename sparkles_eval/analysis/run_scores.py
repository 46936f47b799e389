"""One run's scores, read from the store once, and the values that a metric makes of them, row by row.

Everything that shows or compares a number starts here. A sample's value is the mean over its epochs and judge repeats.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sparkles_eval.analysis.metrics import Measure, Rows, chance_level, estimate, headline, metrics_of
from sparkles_eval.core import Estimate
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.plugins import own_place
from sparkles_eval.store import read_runs
from sparkles_eval.store.read_runs import RunSample, ScoreLine, StoredRun
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.metrics import Metric, SampleScores

NOT_ASKED = "not asked in this run"
NOT_ANSWERED = "not answered yet"
NOT_SCORED = "answered, not scored yet"


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """A run as one judge scored it, under the name that tables give it."""

    run: StoredRun
    judge: JudgeRow
    label: str


@dataclass(frozen=True, slots=True)
class ScoredAttempt:
    """The scores of a sample from one epoch and repeat."""

    sample_id: str
    epoch: int
    repeat: int
    scores: SampleScores


@dataclass(frozen=True, slots=True)
class RunValues:
    """One run's values by one metric: what it was asked, row by row, and what it came to."""

    run: ScoredRun
    metric: Metric
    rows: Rows
    values: NDArray[np.float64]
    """One a row, NaN where there is none."""
    estimate: Estimate
    chance: float | None
    reasons: Mapping[str, str]
    """Why rows have no value, by their key."""
    invalid: int
    """Answers that name no option; they count as wrong."""


@dataclass(frozen=True, slots=True)
class RunScores:
    """Every score of a run by a judge, as read from the store once."""

    run: ScoredRun
    places: tuple[RunSample, ...]
    lines: tuple[ScoreLine, ...]
    answered: frozenset[str]
    """Samples that the run has an answer to at least one turn of."""
    attempts: tuple[ScoredAttempt, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "attempts", tuple(_attempts(self.lines, self.run.judge)))

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Every metric that a table of the run shows, headline first."""
        return metrics_of(self.run.run, self.run.judge, sorted({line.turn for line in self.lines}))

    def measure(self, metric: Metric) -> Measure:
        """A metric with its interval."""
        found = self.values(metric)
        return Measure(metric, found.estimate, found.chance)

    def values(self, metric: Metric | None = None, *, by_name: bool = False) -> RunValues:
        """The values of the run by a metric, its headline unless named. `by_name`: rows are paired by sample names.

        Raises errors.UserError where the metric's function fails or gives what it must not.
        """
        metric = metric or headline(self.run.run, self.run.judge)
        samples = _sample_rows(self.places, by_name=by_name)
        if metric.by_group:
            rows, values = _group_rows(self.places), self._by_group(metric)
        else:
            rows, values = samples, self._by_sample(metric, self.attempts)
        options = len(self.run.run.task.options)
        sizes = samples.sizes
        found = estimate(metric, values, rows, sizes, options, single=self.run.run.epochs == 1)
        return RunValues(
            self.run,
            metric,
            rows,
            np.array([math.nan if value is None else value for value in values], dtype=np.float64),
            found,
            chance_level(metric, options, sizes),
            self._group_reasons(rows, values) if metric.by_group else self._reasons(rows, values),
            sum(line.invalid for line in self.lines),
        )

    def sample_values(self, metric: Metric, epoch: int | None = None) -> dict[str, float]:
        """The value of every sample that has one (in one epoch), by sample id, before the metric joins samples."""
        found = self._by_sample(metric, [one for one in self.attempts if epoch in (None, one.epoch)])
        return {p.sample_id: value for p, value in zip(self.places, found, strict=True) if value is not None}

    def _by_sample(self, metric: Metric, attempts: Sequence[ScoredAttempt]) -> list[float | None]:
        """One number a sample: the mean over its attempts that have one."""
        found: dict[str, list[float]] = {}
        names = {place.sample_id: place.name for place in self.places}
        for attempt in attempts:
            value = sample_value(metric, attempt, names.get(attempt.sample_id))
            if value is not None:
                found.setdefault(attempt.sample_id, []).append(value)
        means = {sample: sum(values) / len(values) for sample, values in found.items()}
        return [means.get(place.sample_id, metric.missing) for place in self.places]

    def _by_group(self, metric: Metric) -> list[float | None]:
        """One number a group: the share of epochs in which every sample of it is right, one without a value being not.

        All None where nothing at all is graded.
        """
        epochs: dict[int, list[ScoredAttempt]] = {}
        for attempt in self.attempts:
            epochs.setdefault(attempt.epoch, []).append(attempt)
        whole: dict[str, list[float]] = {place.group: [] for place in self.places}
        graded = False
        for attempts in epochs.values():
            values = self._by_sample(metric, attempts)
            graded = graded or any(value is not None for value in values)
            right = dict.fromkeys(whole, True)
            for place, value in zip(self.places, values, strict=True):
                right[place.group] = right[place.group] and value == 1
            for group, all_right in right.items():
                whole[group].append(float(all_right))
        if not graded:
            return [None] * len(whole)
        return [sum(shares) / len(shares) for shares in whole.values()]

    def _group_reasons(self, rows: Rows, values: Sequence[float | None]) -> dict[str, str]:
        """Groups have no value only where nothing at all is graded."""
        why = NOT_SCORED if self.answered else NOT_ANSWERED
        return {key: why for key, value in zip(rows.keys, values, strict=True) if value is None}

    def _reasons(self, rows: Rows, values: Sequence[float | None]) -> dict[str, str]:
        empty = {place.sample_id for place, value in zip(self.places, values, strict=True) if value is None}
        if not empty:
            return {}
        said: dict[str, str] = {}
        for line in self.lines:
            if line.value is None and line.sample_id in empty and line.reason is not None:
                said[line.sample_id] = min(said.get(line.sample_id, line.reason), line.reason)
        return {
            key: said.get(p.sample_id) or (NOT_SCORED if p.sample_id in self.answered else NOT_ANSWERED)
            for key, p in zip(rows.keys, self.places, strict=True)
            if p.sample_id in empty
        }


def read_scores(store: Store, run: StoredRun, judge: JudgeRow, label: str = "") -> RunScores:
    """Every score of a run by a judge."""
    return RunScores(
        ScoredRun(run, judge, label or run.model.name),
        tuple(read_runs.places(store, run.id)),
        tuple(read_runs.scores(store, run.id, judge.id)),
        frozenset(sample for sample, _ in read_runs.answered(store, run.id)),
    )


def sample_value(metric: Metric, attempt: ScoredAttempt, name: str | None = None) -> float | None:
    """What a metric makes of one attempt; None where it has no value, or a score is missing that the metric needs.

    `name` is what errors call the sample (its id in the data). Raises errors.UserError where the function fails, or
    gives a number that is not on its scale.
    """
    if not metric.partial and not attempt.scores.complete:
        return None
    where = f"metric {metric.name!r}, sample {name or attempt.sample_id}"
    try:
        value = metric.per_sample(attempt.scores)
        number = None if value is None else float(value)
    except Exception as error:
        place = own_place(error, metric.per_sample)
        raise UserError(f"{where}: its function failed{place}: {type(error).__name__}: {error}") from error
    if number is None or metric.low <= number <= metric.high:
        return number
    slack = 1e-9 * (metric.high - metric.low)  # a mean of numbers at the end of the scale may be rounded past it
    if metric.low - slack <= number <= metric.high + slack:
        return number
    raise UserError(f"{where}: it gave {number:g}, which is not between {metric.low:g} and {metric.high:g} (its scale)")


def _attempts(lines: Sequence[ScoreLine], judge: JudgeRow) -> Iterator[ScoredAttempt]:
    weights = {criterion.id: criterion.weight for criterion in judge.criteria}
    found: dict[tuple[str, int, int], list[ScoreLine]] = {}
    for line in lines:
        found.setdefault((line.sample_id, line.epoch, line.repeat), []).append(line)
    for key, own in found.items():
        values = {(line.turn, line.criterion): line.value for line in own}
        invalid = frozenset(line.turn for line in own if line.invalid)
        draws = {line.turn: line.draws for line in own if line.draws is not None}
        yield ScoredAttempt(*key, SampleScores(values, weights, invalid, draws))


def _sample_rows(places: Sequence[RunSample], *, by_name: bool) -> Rows:
    return Rows(
        tuple(place.name if by_name else place.sample_id for place in places),
        tuple(place.name for place in places),
        tuple(place.cluster for place in places),
        tuple(place.group for place in places),
    )


def _group_rows(places: Sequence[RunSample]) -> Rows:
    clusters = {place.group: place.cluster for place in reversed(places)}
    names = tuple(dict.fromkeys(place.group for place in places))
    return Rows(names, names, tuple(clusters[name] for name in names), names)
