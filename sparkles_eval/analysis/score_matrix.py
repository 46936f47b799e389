"""The score matrix: values of several runs by one metric, rows x runs, for tables, ranks and comparisons."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from sparkles_eval.analysis.metrics import Rows, applied, estimate, find_metric, headline
from sparkles_eval.analysis.run_scores import NOT_ASKED, RunValues, ScoredRun, read_scores
from sparkles_eval.core import Estimate
from sparkles_eval.core.samples import Cluster
from sparkles_eval.stats.arrays import codes, object_labels
from sparkles_eval.stats.estimates import stratified_mean
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.metrics import Metric, Unit


@dataclass(frozen=True, slots=True)
class ScoreMatrix:
    """Values of rows (samples, or groups) in runs (columns). Rows that no run has a value for count as asked."""

    metric: Metric
    columns: tuple[RunValues, ...]
    rows: Rows
    clusters: NDArray[np.generic]
    """The independent unit that each row belongs to: a code, or a set of two units."""
    values: NDArray[np.float64]
    """Rows x columns, NaN where there is no value."""

    @classmethod
    def of(cls, columns: Sequence[RunValues]) -> ScoreMatrix:
        """The matrix of runs by one metric; rows in the order in which the runs ask them."""
        found: dict[str, tuple[str, Cluster, str]] = {}
        for column in columns:
            own = column.rows
            for key, name, cluster, group in zip(own.keys, own.names, own.clusters, own.groups, strict=True):
                found.setdefault(key, (name, cluster, group))
        places = {key: place for place, key in enumerate(found)}
        values = np.full((len(found), len(columns)), np.nan)
        for side, column in enumerate(columns):
            values[[places[key] for key in column.rows.keys], side] = column.values
        names, clusters, groups = zip(*found.values(), strict=True) if found else ((), (), ())
        return cls(
            columns[0].metric,
            tuple(columns),
            Rows(tuple(found), names, clusters, groups),
            _labels(clusters),
            values,
        )

    @property
    def unit(self) -> Unit:
        return self.metric.unit

    @property
    def scale(self) -> tuple[float, float]:
        return self.metric.low, self.metric.high

    @property
    def items(self) -> tuple[str, ...]:
        """Names of the samples (of the groups, for a metric by group)."""
        return self.rows.names

    @property
    def runs(self) -> tuple[ScoredRun, ...]:
        return tuple(column.run for column in self.columns)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(column.run.label for column in self.columns)

    @property
    def units(self) -> int:
        """Independent clusters among all rows."""
        return codes(self.clusters)[1]

    @property
    def independent(self) -> bool:
        """True where every row is a cluster of its own."""
        return self.units == len(self.items)

    @property
    def crossed(self) -> bool:
        """True where rows depend on others through either of two units."""
        return self.clusters.dtype == np.object_

    def missing(self, side: int) -> NDArray[np.bool_]:
        """Rows that a run was asked and has no value for."""
        empty = np.isnan(self.values[:, side])
        if empty.any():
            own = frozenset(self.columns[side].rows.keys)
            for row in np.flatnonzero(empty).tolist():
                empty[row] = self.rows.keys[row] in own
        return np.asarray(empty, dtype=np.bool_)

    def filled(self, sides: tuple[int, int], values: tuple[float, float]) -> ScoreMatrix:
        """The matrix of two runs whose missing rows (`missing`) have the given values."""
        made = self.values[:, list(sides)].copy()
        for column, (side, value) in enumerate(zip(sides, values, strict=True)):
            made[self.missing(side), column] = value
        return replace(self, columns=tuple(self.columns[side] for side in sides), values=made)

    def only(self, keys: Container[str]) -> ScoreMatrix:
        """The matrix on some of the rows: values and estimates of every run are of these alone."""
        columns = []
        for side, column in enumerate(self.columns):
            kept = [at for at, key in enumerate(column.rows.keys) if key in keys]
            rows = Rows(*(tuple(own[at] for at in kept) for own in astuple(column.rows)))
            places = [at for at, key in enumerate(self.rows.keys) if key in keys and key in frozenset(rows.keys)]
            made = replace(column, rows=rows, values=column.values[kept], estimate=self.estimate_of(side, places))
            columns.append(made)
        return ScoreMatrix.of(columns)

    @property
    def binary(self) -> bool:
        """True where every value is right (1) or wrong (0)."""
        known = self.values[~np.isnan(self.values)]
        return self.unit == "percent" and bool(np.all((known == 0) | (known == 1)))

    def estimate_of(self, side: int, places: Sequence[int]) -> Estimate:
        """The metric of one run on some of the rows."""
        values = [None if math.isnan(value) else float(value) for value in self.values[list(places), side]]
        rows = Rows(*(tuple(own[place] for place in places) for own in astuple(self.rows)))
        run = self.runs[side].run
        return estimate(self.metric, values, rows, rows.sizes, len(run.task.options), single=run.epochs == 1)

    def value_of(self, side: int, places: Sequence[int]) -> float | None:
        """The metric of one run on some of the rows, without an interval."""
        values = self.values[list(places), side]
        known = ~np.isnan(values)
        if not known.any():
            return None
        if callable(self.metric.aggregate):
            return applied(self.metric, values[known].tolist())
        if self.metric.aggregate == "group_mean":
            return stratified_mean(values, [self.rows.groups[place] for place in places]).value
        return float(values[known].mean())

    def lost(self, first: int, second: int) -> Counter[str]:
        """Why rows that either of two columns asked cannot be paired: "MODEL: reason" -> rows."""
        gone: Counter[str] = Counter()
        for row in np.flatnonzero(np.isnan(self.values[:, [first, second]]).any(axis=1)).tolist():
            key = self.rows.keys[row]
            why = [
                (side, self.columns[side].reasons.get(key, NOT_ASKED))
                for side in (first, second)
                if np.isnan(self.values[row, side])
            ]
            if len(why) == 2 and all(reason == NOT_ASKED for _, reason in why):
                continue
            gone["; ".join(f"{self.labels[side]}: {reason}" for side, reason in why)] += 1
        return gone


def _labels(clusters: Sequence[Cluster]) -> NDArray[np.generic]:
    """Codes, which are faster than names, where no row has two units."""
    if any(isinstance(cluster, frozenset) for cluster in clusters):
        return object_labels(clusters)
    return codes(clusters)[0]


def score_matrix(
    store: Store, runs: Sequence[ScoredRun], metric: Metric | str | None = None, *, by_name: bool = False
) -> ScoreMatrix:
    """The matrix of a metric, the first run's headline unless named. Rows are paired by the samples' content.

    `by_name` pairs by the samples' names alone (altered tasks show an item differently). Raises errors.UserError for a
    metric that the judge does not give (see `metrics.find_metric`).
    """
    first = runs[0]
    if metric is None:
        metric = headline(first.run, first.judge)
    elif isinstance(metric, str):
        metric = find_metric(metric, first.judge)
    read = (read_scores(store, one.run, one.judge, one.label) for one in runs)
    return ScoreMatrix.of([one.values(metric, by_name=by_name) for one in read])
