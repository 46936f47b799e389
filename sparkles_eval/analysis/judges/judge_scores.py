"""The marks that several judges and people gave to the same answers, as one table read from a store.

A mark is a judge's number for one criterion of one answer (run, sample, epoch, turn), averaged over its repeats; the
repeats themselves are kept beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparkles_eval.analysis.humans.annotation_sampling import labelling_runs
from sparkles_eval.core import Criterion
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.names import judge_label
from sparkles_eval.core.samples import Cluster
from sparkles_eval.store import read_runs, read_samples
from sparkles_eval.store.ratings import ratings, sheets
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.store import Store

HUMAN = "human"
"""Names all raters together (their mean); `human:RATER` names one."""
WHOLE = "all"
"""The measure that is the mean over criteria."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One judged answer. `words`: length of its text; `id`: the sample's own."""

    run: StoredRun
    sample_id: str
    id: str
    epoch: int
    turn: int
    cluster: Cluster
    words: int


@dataclass(frozen=True, slots=True)
class Marker:
    """A judge or people. `row` is None for people; `model` is the model that a judge asks."""

    name: str
    row: JudgeRow | None

    @property
    def model(self) -> str | None:
        return self.row.model if self.row else None


@dataclass(frozen=True, slots=True)
class Marks:
    """Every answer that two of the markers or more could have marked."""

    task: str
    runs: tuple[StoredRun, ...]
    markers: tuple[Marker, ...]
    criteria: tuple[Criterion, ...]
    low: float
    high: float
    answers: tuple[Answer, ...]
    values: NDArray[np.float64]
    """Markers x criteria x answers, NaN where there is no mark."""
    repeats: tuple[NDArray[np.float64], ...]
    """For each marker answers x repeats of the weighted mean over criteria, NaN where a repeat has none."""

    @property
    def measures(self) -> tuple[str, ...]:
        """The weighted mean over criteria, then the criteria."""
        return (WHOLE, *(criterion.id for criterion in self.criteria))

    def of(self, marker: int, measure: str) -> NDArray[np.float64]:
        """A marker's marks by one measure, one an answer; the mean is there only where every criterion is."""
        if measure == WHOLE:
            return _weighted(self.values[marker], self.criteria)
        place = [criterion.id for criterion in self.criteria].index(measure)
        return np.asarray(self.values[marker, place], dtype=np.float64)

    @property
    def models(self) -> list[str]:
        """The run that each answer is of."""
        return [answer.run.id for answer in self.answers]

    @property
    def clusters(self) -> list[Cluster]:
        """The independent unit that each answer belongs to: a dialogue, whoever answered it."""
        return [answer.cluster for answer in self.answers]


def find_judge(store: Store, selector: str, runs: Sequence[StoredRun]) -> JudgeRow:
    """The judge that a name means among those that scored the runs: NAME, NAME@MODEL, or the start of a fingerprint.

    Raises errors.UserError where none or several are meant, with their names.
    """
    known = {judge.id: judge for run in runs for judge in read_runs.judges(store, run.id)}
    name, _, model = selector.partition("@")
    if selector in {judge.name for judge in known.values()}:
        name, model = selector, ""  # a panel's name holds its members', models and all
    found = [j for j in known.values() if j.name == name and model in ("", j.model)]
    found = found or [j for j in known.values() if len(selector) >= 6 and j.id.startswith(selector)]
    if len(found) == 1:
        return found[0]
    named = ", ".join(f"{judge_label(judge)} ({judge.id[:12]})" for judge in found or known.values())
    if found:
        raise UserError(f"judge {selector}: several are called so; name one by its model or fingerprint: {named}")
    raise UserError(f"judge {selector}: has scored none of these runs; there are {named or 'none yet'}")


def read_marks(
    store: Store, selectors: Sequence[str], task: str | None = None, run_ids: Sequence[str] | None = None
) -> Marks:
    """The marks of two judges or more on the runs of one task, or on some of them. `human`, `human:RATER` are people.

    Raises errors.UserError for fewer than two, for judges that rate nothing in common or on different scales.
    """
    names = list(dict.fromkeys(selectors))
    if len(names) < 2:
        raise UserError(f"judges compare: {', '.join(names) or 'nobody'}; name two judges or more, or `human`")
    runs = labelling_runs(store, task, run_ids)
    markers = [Marker(name, None if _person(name) else find_judge(store, name, runs)) for name in names]
    scales = [_scale(store, marker, runs) for marker in markers]
    _same_scale(markers, scales)
    shared = set.intersection(*({criterion.id for criterion in criteria} for criteria, _, _ in scales))
    criteria = tuple(criterion for criterion in scales[0][0] if criterion.id in shared)
    if not criteria:
        raise UserError(f"judges compare: {', '.join(names)} rate no criterion in common; nothing can be compared")
    answers = _answers(store, runs)
    values = np.full((len(markers), len(criteria), len(answers)), np.nan)
    repeats = []
    for number, marker in enumerate(markers):
        given = _people(store, marker, runs) if marker.row is None else _scores(store, marker.row, runs)
        values[number], each = _filled(given, answers, criteria)
        repeats.append(each)
    low, high = scales[0][1:]
    labels = [m if m.row is None else Marker(judge_label(m.row), m.row) for m in markers]
    return Marks(runs[0].task.name, tuple(runs), tuple(labels), criteria, low, high, answers, values, tuple(repeats))


def _person(name: str) -> bool:
    return name == HUMAN or name.startswith(f"{HUMAN}:")


def _scale(store: Store, marker: Marker, runs: Sequence[StoredRun]) -> tuple[tuple[Criterion, ...], float, float]:
    if marker.row is not None:
        return marker.row.criteria, marker.row.low, marker.row.high
    own = sheets(store, runs[0].task.name)
    if not own:
        raise UserError(f"{store.path}: nobody has rated {runs[0].task.name}; see `sparkles-eval human export`")
    return own[-1].criteria, own[-1].low, own[-1].high


def _same_scale(markers: Sequence[Marker], scales: Sequence[tuple[tuple[Criterion, ...], float, float]]) -> None:
    ends = {(low, high) for _, low, high in scales}
    if len(ends) > 1:
        named = ", ".join(f"{m.name} {low:g} to {high:g}" for m, (_, low, high) in zip(markers, scales, strict=True))
        raise UserError(f"judges compare: the scales differ ({named}); only marks on one scale can be compared")


_Key = tuple[str, str, int, int]
"""Run, sample, epoch, turn."""
_Given = Mapping[tuple[_Key, str], Mapping[object, float]]
"""Marks by answer and criterion, and within by repeat (or rater)."""


def _scores(store: Store, judge: JudgeRow, runs: Sequence[StoredRun]) -> _Given:
    found: dict[tuple[_Key, str], dict[object, float]] = {}
    for run in runs:
        for line in read_runs.scores(store, run.id, judge.id):
            if line.value is not None:
                key = (run.id, line.sample_id, line.epoch, line.turn)
                found.setdefault((key, line.criterion), {})[line.repeat] = line.value
    return found


def _people(store: Store, marker: Marker, runs: Sequence[StoredRun]) -> _Given:
    only = marker.name.partition(":")[2]
    found: dict[tuple[_Key, str], dict[object, float]] = {}
    for rating in ratings(store, [run.id for run in runs]):
        if only in ("", rating.rater):
            key = (rating.run_id, rating.sample_id, rating.epoch, rating.turn)
            found.setdefault((key, rating.criterion), {})[rating.rater] = rating.value
    if not found:
        raise UserError(f"{store.path}: no ratings by {only or 'people'}; see `sparkles-eval human import`")
    return found


def _answers(store: Store, runs: Sequence[StoredRun]) -> tuple[Answer, ...]:
    found = []
    samples = {s.id: s for s in read_samples.samples(store, runs[0].id, limit=runs[0].total)}
    clusters = {place.sample_id: place.cluster for place in read_runs.places(store, runs[0].id)}
    for run in runs:
        for row in store.answers(run.id):
            name = samples[row.sample_id].sample.id
            words = len(row.text.split())
            cluster = clusters[row.sample_id]
            found.append(Answer(run, row.sample_id, name, row.epoch, row.turn, cluster, words))
    return tuple(found)


def _filled(
    given: _Given, answers: Sequence[Answer], criteria: Sequence[Criterion]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Criteria x answers of means over repeats, and answers x repeats of means over criteria."""
    tries = sorted({name for own in given.values() for name in own}, key=str)
    cube = np.full((len(criteria), len(answers), len(tries)), np.nan)
    at = {name: place for place, name in enumerate(tries)}
    for place, answer in enumerate(answers):
        key = (answer.run.id, answer.sample_id, answer.epoch, answer.turn)
        for number, criterion in enumerate(criteria):
            for name, value in given.get((key, criterion.id), {}).items():
                cube[number, place, at[name]] = value
    known = ~np.isnan(cube)
    counts = known.sum(axis=2)
    with np.errstate(invalid="ignore"):
        means = np.where(counts > 0, np.nansum(cube, axis=2) / np.maximum(counts, 1), np.nan)
    return means, _weighted(cube, criteria)


def _weighted(values: NDArray[np.float64], criteria: Sequence[Criterion]) -> NDArray[np.float64]:
    """The mean over criteria (the first axis) by their weights; NaN where a criterion has no value."""
    weights = np.array([criterion.weight for criterion in criteria])
    if np.all(weights == weights[0]):
        return np.asarray(values.mean(axis=0), dtype=np.float64)
    return np.asarray(np.tensordot(weights, values, axes=1) / weights.sum(), dtype=np.float64)
