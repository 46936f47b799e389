"""Item scores of several runs as one matrix, samples x runs, and why cells of it are empty.

A sample's value is the mean over its epochs and judge repeats, as in every table: repeats make it steadier, never the
number of samples larger. Knows nothing of statistics: it reads.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparkles_eval.errors import UserError
from sparkles_eval.evidence.tables import Unit
from sparkles_eval.store.encode import dump
from sparkles_eval.store.queries import StoredRun
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.store import Store

ACCURACY = "accuracy"
"""The criterion of answer rules, and the metric that they give."""
NOT_ASKED = "not asked in this run"
NOT_ANSWERED = "not answered yet"
NOT_SCORED = "answered, not scored yet"

_CELL = re.compile(r"(?:A(?P<turn>[1-9]\d*))?\.?(?P<criterion>[^.]+)?")


@dataclass(frozen=True, slots=True)
class Column:
    """A run as one judge scored it, under the name that tables give it."""

    run: StoredRun
    judge: JudgeRow
    label: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Scores of items (rows) in runs (columns). Rows that no run has a value for are kept: they count as asked."""

    metric: str
    unit: Unit
    scale: tuple[float, float]
    columns: tuple[Column, ...]
    items: tuple[str, ...]
    """Names of the samples (of the consistency groups, for `consistency`)."""
    clusters: NDArray[np.int64]
    """Code of the independent unit that each row belongs to."""
    values: NDArray[np.float64]
    """Rows x columns, NaN where there is no score."""
    reasons: dict[tuple[int, int], str]
    """Why the cell (row, column) is empty."""
    invalid: tuple[int, ...]
    """Answers of each run that name no option (they count as wrong)."""

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(column.label for column in self.columns)

    @property
    def units(self) -> int:
        """Independent clusters among all rows."""
        return int(np.unique(self.clusters).size)

    @property
    def independent(self) -> bool:
        """True where every row is a cluster of its own."""
        return self.units == len(self.items)

    @property
    def binary(self) -> bool:
        """True where every value is right (1) or wrong (0)."""
        known = self.values[~np.isnan(self.values)]
        return self.unit == "percent" and bool(np.all((known == 0) | (known == 1)))

    def lost(self, first: int, second: int) -> Counter[str]:
        """Why rows that either of two columns asked cannot be paired: "MODEL: reason" -> rows."""
        gone: Counter[str] = Counter()
        for row in np.flatnonzero(np.isnan(self.values[:, [first, second]]).any(axis=1)).tolist():
            why = [(side, self.reasons.get((row, side), NOT_ASKED)) for side in (first, second)]
            told = [(side, reason) for side, reason in why if np.isnan(self.values[row, side])]
            if all(reason == NOT_ASKED for _, reason in told) and len(told) == 2:
                continue
            gone["; ".join(f"{self.labels[side]}: {reason}" for side, reason in told)] += 1
        return gone


def headline(run: StoredRun, judge: JudgeRow) -> str:
    """The metric that a run is compared by unless another is named."""
    if [criterion.id for criterion in judge.criteria] == [ACCURACY]:
        return ACCURACY
    return "sparkles_score" if "sparkles_score" in run.task.metrics else "judge_score"


def frame(store: Store, columns: Sequence[Column], metric: str, *, by_name: bool = False) -> Frame:
    """The matrix of a metric.

    `metric`: accuracy, consistency (rows are groups), sparkles_score, judge_score, or part of a rating: `A2` (a turn),
    `C1` (a criterion), `A2.C1`. Rows are paired by the samples' content; `by_name` pairs by their ids alone (altered
    tasks show an item differently). Raises errors.UserError for a metric that the judge does not give.
    """
    rule = headline(columns[0].run, columns[0].judge) == ACCURACY
    if rule != (metric in (ACCURACY, "consistency")):
        gives = "accuracy, consistency" if rule else "sparkles_score, judge_score, A1, A2, a criterion, A1.CRITERION"
        raise UserError(f"metric {metric!r} is none of {columns[0].judge.name}; it gives {gives}")
    places = _places(store, columns, by_name=by_name, groups=metric == "consistency")
    rows = {key: row for row, key in enumerate(places)}
    values = np.full((len(rows), len(columns)), np.nan)
    reasons: dict[tuple[int, int], str] = {}
    invalid: list[int] = []
    known: dict[str, dict[str, str]] = {}
    for side, column in enumerate(columns):
        data = column.run.data_hash
        if data not in known:
            known[data] = _where(store, column, by_name=by_name, groups=metric == "consistency")
        where = known[data]
        for sample_id, value in _scores(store, column, metric):
            if value is not None and sample_id in where:
                values[rows[where[sample_id]], side] = value
        _explain(store, column, where, rows, values, side, reasons)
        invalid.append(_invalid(store, column) if rule else 0)
    names = {cluster: code for code, cluster in enumerate(dict.fromkeys(cluster for _, cluster in places.values()))}
    judge = columns[0].judge
    return Frame(
        metric=metric,
        unit="percent" if rule else "points",
        scale=(0.0, 1.0) if rule else (judge.low, judge.high),
        columns=tuple(columns),
        items=tuple(name for name, _ in places.values()),
        clusters=np.array([names[cluster] for _, cluster in places.values()], dtype=np.int64),
        values=values,
        reasons=reasons,
        invalid=tuple(invalid),
    )


def _row_key(*, by_name: bool, groups: bool) -> str:
    return "s.consistency_group" if groups else "s.name" if by_name else "s.id"


def _places(
    store: Store, columns: Sequence[Column], *, by_name: bool, groups: bool
) -> dict[str, tuple[str, str]]:  # fmt: skip
    """Every row that any run asks, in order: key -> (name, cluster)."""
    key = _row_key(by_name=by_name, groups=groups)
    name = "s.consistency_group" if groups else "s.name"
    found: dict[str, tuple[str, str]] = {}
    seen: set[str] = set()
    for column in columns:
        if column.run.data_hash in seen:
            continue
        seen.add(column.run.data_hash)
        query = (
            f"SELECT {key}, {name}, s.cluster FROM run_samples p JOIN samples s ON s.id = p.sample_id"  # noqa: S608
            " WHERE p.run_id = ? ORDER BY p.position"
        )
        for row in store.connection.execute(query, (column.run.id,)):
            found.setdefault(row[0], (row[1], row[2]))
    return found


def _where(store: Store, column: Column, *, by_name: bool, groups: bool) -> dict[str, str]:
    """Sample id (group, for groups) -> row key, for everything that the run asks."""
    key = _row_key(by_name=by_name, groups=groups)
    source = "s.consistency_group" if groups else "s.id"
    query = f"SELECT {source}, {key} FROM run_samples p JOIN samples s ON s.id = p.sample_id WHERE p.run_id = ?"  # noqa: S608
    return {row[0]: row[1] for row in store.connection.execute(query, (column.run.id,))}


_PLAIN = (
    "SELECT sample_id, avg(points) FROM (SELECT sample_id, CASE WHEN count(value) = count(*) THEN avg(value) END AS"
    " points FROM scores WHERE run_id = ? AND judge_id = ? AND criterion = 'accuracy'"
    " GROUP BY sample_id, epoch, repeat) GROUP BY sample_id"
)
"""Mean over the scored turns of every epoch that has all of them; then the mean over epochs."""
_CONSISTENCY = (
    "SELECT unit, avg(whole) FROM (SELECT g.unit, s.epoch, CASE WHEN count(s.value) = g.size THEN min(s.value) >= 1 END"
    " AS whole FROM (SELECT sample_id, epoch, CASE WHEN count(value) = count(*) THEN min(value) END AS value"
    " FROM scores WHERE run_id = ? AND judge_id = ? AND criterion = 'accuracy' GROUP BY sample_id, epoch) s"
    " JOIN samples p ON p.id = s.sample_id JOIN (SELECT s.consistency_group AS unit,"
    " count(*) AS size FROM run_samples a JOIN samples s ON s.id = a.sample_id WHERE a.run_id = ? GROUP BY 1) g"
    " ON g.unit = p.consistency_group GROUP BY 1, 2) GROUP BY unit"
)
_BY_TURN = (
    "SELECT sample_id, avg(points) FROM (SELECT sample_id, epoch, repeat,"
    " CASE WHEN count(points) = count(*) THEN avg(points) END AS points FROM"
    " (SELECT sample_id, epoch, repeat, turn, CASE WHEN count(value) = count(*) THEN avg(value) END AS points"
    " FROM scores WHERE run_id = ? AND judge_id = ? GROUP BY 1, 2, 3, 4) GROUP BY 1, 2, 3) GROUP BY sample_id"
)
"""Mean over turns of the mean over criteria of every verdict that rated all; then the mean over verdicts."""
_WEIGHTED = (
    "SELECT sample_id, avg(points) FROM (SELECT s.sample_id, s.epoch, s.repeat, CASE WHEN count(s.value) = count(*)"
    " THEN sum(s.value * w.weight) / sum(w.weight) END AS points FROM scores s"
    " JOIN (SELECT json_extract(value, '$[0]') AS criterion, json_extract(value, '$[1]') AS weight"
    " FROM json_each(?)) w ON w.criterion = s.criterion"
    " WHERE s.run_id = ? AND s.judge_id = ? GROUP BY 1, 2, 3) GROUP BY sample_id"
)
_PART = (
    "SELECT sample_id, avg(points) FROM (SELECT sample_id, epoch, repeat,"
    " CASE WHEN count(value) = count(*) THEN avg(value) END AS points FROM scores"
    " WHERE run_id = ? AND judge_id = ? AND (? IS NULL OR turn = ?) AND (? IS NULL OR criterion = ?)"
    " GROUP BY 1, 2, 3) GROUP BY sample_id"
)


def _scores(store: Store, column: Column, metric: str) -> list[tuple[str, float | None]]:
    """(sample id or group, value) of every scored row of a run."""
    who: tuple[str | int | None, ...] = (column.run.id, column.judge.id)
    if metric == ACCURACY:
        query = _PLAIN
    elif metric == "consistency":
        query, who = _CONSISTENCY, (*who, column.run.id)
    elif metric == "sparkles_score":
        query = _BY_TURN
    elif metric == "judge_score":
        weights = dump([[criterion.id, criterion.weight] for criterion in column.judge.criteria])
        query, who = _WEIGHTED, (weights, *who)
    else:
        turn, criterion = _part(metric, column.judge)
        query, who = _PART, (*who, turn, turn, criterion, criterion)
    return [(row[0], row[1]) for row in store.connection.execute(query, who)]


def _part(metric: str, judge: JudgeRow) -> tuple[int | None, str | None]:
    """Turn and criterion that a metric such as A2.C1 names."""
    criteria = {criterion.id for criterion in judge.criteria}
    if metric in criteria:
        return None, metric
    found = _CELL.fullmatch(metric)
    criterion = found["criterion"] if found else None
    if found is None or found["turn"] is None or (criterion is not None and criterion not in criteria):
        listed = ", ".join(sorted(criteria))
        raise UserError(
            f"metric {metric!r}: {judge.name} gives sparkles_score, judge_score, a turn (A1), a criterion ({listed}), "
            "or both (A1.C1)"
        )
    return int(found["turn"]), criterion


def _explain(
    store: Store,
    column: Column,
    where: dict[str, str],
    rows: dict[str, int],
    values: NDArray[np.float64],
    side: int,
    reasons: dict[tuple[int, int], str],
) -> None:
    """Write down why the column's asked rows have no value."""
    asked = [rows[key] for key in where.values()]
    empty = {row for row in asked if np.isnan(values[row, side])}
    if not empty:
        return
    told = store.connection.execute(
        "SELECT sample_id, min(reason) FROM scores WHERE run_id = ? AND judge_id = ? AND value IS NULL"
        " GROUP BY sample_id",
        (column.run.id, column.judge.id),
    )
    known = {row[0]: str(row[1]) for row in told}
    answered = {
        row[0]
        for row in store.connection.execute("SELECT DISTINCT sample_id FROM answers WHERE run_id = ?", (column.run.id,))
    }
    for sample_id, key in where.items():
        if rows[key] in empty:
            reason = known.get(sample_id) or (NOT_SCORED if sample_id in answered else NOT_ANSWERED)
            reasons[rows[key], side] = reason


def _invalid(store: Store, column: Column) -> int:
    row = store.connection.execute(
        "SELECT count(*) FROM scores WHERE run_id = ? AND judge_id = ? AND invalid", (column.run.id, column.judge.id)
    ).fetchone()
    return int(row[0])
