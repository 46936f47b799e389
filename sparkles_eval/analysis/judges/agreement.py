"""Agreement of judges: on the order of answers, on the order of models, and on the marks themselves."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparkles_eval.analysis.judges import intervals as judges_intervals
from sparkles_eval.analysis.judges.judge_scores import WHOLE, Answer, Marks
from sparkles_eval.analysis.tables import Span
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.samples import Cluster
from sparkles_eval.stats.agreement import (
    Alpha,
    BlandAltman,
    Icc,
    Kappa,
    bland_altman,
    icc,
    krippendorff,
    weighted_kappa,
)
from sparkles_eval.stats.clusters import clustered_mean
from sparkles_eval.stats.correlation import JudgeCorrelations, judge_correlations
from sparkles_eval.stats.judge_quality import AltTest, alt_test
from sparkles_eval.stats.severity import leniency, severity


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Two judges by one measure, on the answers that both marked. None where there are too few of them."""

    first: str
    second: str
    measure: str
    n: int
    order: JudgeCorrelations
    within: Span
    """Spearman within models with its interval (only for the mean over criteria)."""
    alpha: Alpha
    alpha_span: Span
    kappa: Kappa
    icc: Icc | None
    marks: BlandAltman | None
    bias: Span
    """First minus second, with an interval over dialogues: an answer's turns and its models share one."""


@dataclass(frozen=True, slots=True)
class Joint:
    """All judges together, by one measure."""

    measure: str
    alpha: Alpha
    icc: Icc | None


@dataclass(frozen=True, slots=True)
class Lenient:
    """Points above the average judge, or why they cannot be estimated."""

    points: dict[str, float]
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """An answer on which the judges are far apart; `marks` go with the judges."""

    answer: Answer
    marks: tuple[float | None, ...]
    gap: float


def agreements(marks: Marks) -> list[PairAgreement]:
    """Every pair of judges by every measure."""
    pairs = itertools.combinations(range(len(marks.markers)), 2)
    return [_agreement(marks, i, j, measure) for i, j in pairs for measure in marks.measures]


def _agreement(marks: Marks, i: int, j: int, measure: str) -> PairAgreement:
    a, b = marks.of(i, measure), marks.of(j, measure)
    both = np.flatnonzero(~np.isnan(a) & ~np.isnan(b))
    a, b = a[both], b[both]
    shared = [marks.answers[k] for k in both.tolist()]
    models, clusters = [answer.run.id for answer in shared], [answer.cluster for answer in shared]
    alpha = krippendorff(np.stack([a, b]))
    order = judge_correlations(a, b, models)
    within, spread = Span(order.within_model.spearman), Span(alpha.value)
    if measure == WHOLE:
        within = judges_intervals.within_models(within, a, b, models, clusters)
        spread = judges_intervals.ordinal_alpha(spread, a, b, clusters)
    return PairAgreement(
        marks.markers[i].name,
        marks.markers[j].name,
        measure,
        int(both.size),
        order,
        within,
        alpha,
        spread,
        weighted_kappa(a, b),
        _icc(np.stack([a, b], axis=1)),
        bland_altman(a, b) if both.size >= 3 else None,
        _bias(a - b, clusters),
    )


def _bias(gaps: NDArray[np.float64], clusters: Sequence[Cluster]) -> Span:
    if not gaps.size:
        return Span(None)
    found = clustered_mean(gaps, clusters)
    return Span(found.mean, found.low, found.high)


def _icc(table: NDArray[np.float64]) -> Icc | None:
    whole = int(np.sum(~np.isnan(table).any(axis=1)))
    return icc(table) if whole >= 2 else None


def joint(marks: Marks) -> list[Joint]:
    """Agreement of all judges at once; nothing for two, whom `agreements` has."""
    if len(marks.markers) < 3:
        return []
    found = []
    for measure in marks.measures:
        table = np.stack([marks.of(number, measure) for number in range(len(marks.markers))])
        found.append(Joint(measure, krippendorff(table), _icc(table.T)))
    return found


def lenient(marks: Marks) -> Lenient:
    """How kind each judge is, by the mean over criteria: on answers in common, else on models in common."""
    places, judges, models, points = [], [], [], []
    for number, marker in enumerate(marks.markers):
        for place, value in enumerate(marks.of(number, WHOLE).tolist()):
            if not np.isnan(value):
                places.append(place)
                judges.append(marker.name)
                models.append(marks.answers[place].run.id)
                points.append(value)
    if len(set(judges)) < len(marks.markers):
        silent = [marker.name for marker in marks.markers if marker.name not in judges]
        return Lenient({}, f"{', '.join(silent)} marked no answer whole")
    try:
        return Lenient({str(name): value for name, value in leniency(places, judges, points).items()})
    except UserError:
        pass
    try:
        return Lenient({str(name): value for name, value in severity(models, judges, points).leniency.items()})
    except UserError as error:
        return Lenient({}, str(error))


def largest_gaps(marks: Marks, count: int) -> list[Gap]:
    """The answers with the largest difference between two judges, largest first; equal ones in the store's order."""
    table = np.stack([marks.of(number, WHOLE) for number in range(len(marks.markers))])
    shared = np.flatnonzero((~np.isnan(table)).sum(axis=0) >= 2)
    gaps = np.nanmax(table[:, shared], axis=0) - np.nanmin(table[:, shared], axis=0) if shared.size else np.zeros(0)
    found = []
    for at in np.argsort(-gaps, kind="stable")[:count].tolist():
        place = int(shared[at])
        given = tuple(None if np.isnan(value) else float(value) for value in table[:, place])
        found.append(Gap(marks.answers[place], given, float(gaps[at])))
    return found


def replacing(marks: Marks, people: int, judge: int, *, epsilon: float) -> AltTest | str:
    """May the judge stand in for a rater (alternative annotator test)? The reason where that cannot be tried."""
    try:
        return alt_test(marks.repeats[people], marks.of(judge, WHOLE), epsilon=epsilon)
    except UserError as error:
        return str(error)
