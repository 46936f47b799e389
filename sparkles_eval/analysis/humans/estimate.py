"""Scores on the human scale from few human labels and many judge labels, and what to label next.

The unit is a dialogue (epoch 0): what the task's metric makes of a rater's points, averaged over raters, beside what it
makes of the judge's; a verdict or rating that lacks a criterion does not count.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sparkles_eval.analysis.humans.annotation_sampling import labelling_order, labelling_runs
from sparkles_eval.analysis.metrics import rating_metric
from sparkles_eval.analysis.run_scores import ScoredAttempt, read_scores, sample_value
from sparkles_eval.core import Estimate
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.samples import Cluster
from sparkles_eval.stats.agreement import Alpha, krippendorff
from sparkles_eval.stats.estimates import mean_estimate
from sparkles_eval.stats.human import (
    FEW_LABELS,
    LabelPlan,
    PairScores,
    PredictionPowered,
    Stratum,
    effective_labels,
    labels_needed,
    ppi_difference,
    ppi_mean,
    stratified_ppi,
)
from sparkles_eval.store import read_runs, read_samples
from sparkles_eval.store.ratings import HumanRating, Sheet, ratings, sheets
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.metrics import Metric, SampleScores


@dataclass(frozen=True, slots=True)
class OneModel:
    """A model on the human scale. `joined` is None with fewer than two labels that the judge has scored too."""

    run: StoredRun
    joined: PredictionPowered | None
    humans: Estimate
    judge: Estimate
    worth: float | None
    """Labels without a judge that would be worth as much; None below 20 labels, where it is overstated."""
    plan: LabelPlan | None
    """Labels needed for the half-width asked for."""
    drawn: int
    """Answers on sheets; those not rated must be missing by chance."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A difference on the human scale, over dialogues on which both models are labelled and judged."""

    first: StoredRun
    second: StoredRun
    joined: PredictionPowered | None
    unequal: int = 0
    """Dialogues left out, as other people rated the one model than the other: a lenient rater would pass for a better
    model."""


@dataclass(frozen=True, slots=True)
class HumanReport:
    """What labels and judge say together."""

    judge: JudgeRow
    task: str
    half_width: float
    models: tuple[OneModel, ...]
    pairs: tuple[Pair, ...]
    overall: Estimate
    """Mean over the models, each with the same weight and its own trust in the judge."""
    raters: tuple[str, ...]
    agreement: Alpha | None
    """Among raters, ordinal, of dialogue scores; None with one rater."""
    next: tuple[str, ...]
    """Names of the dialogues to label next, in the random order of the sheets."""
    left: int
    """Dialogues that are not labelled yet for every model."""


Scores = Mapping[str, float]
"""Sample id -> points."""


def human_report(
    store: Store,
    judge: JudgeRow,
    *,
    task: str | None = None,
    run_ids: Sequence[str] | None = None,
    half_width: float = 0.3,
    following: int = 10,
    raters: Sequence[str] = (),
) -> HumanReport:
    """Join the labels of a task with the scores of a judge; `run_ids` are the runs that count, by default all of it.

    Raises errors.UserError where there are no labels, or the judge has scored none of the runs.
    """
    runs = labelling_runs(store, task, run_ids)
    found = [r for r in ratings(store, [run.id for run in runs]) if r.epoch == 0 and (not raters or r.rater in raters)]
    if not found:
        raise UserError(
            f"{store.path}: no human labels of {runs[0].task.name}; make sheets with `sparkles-eval human export`, "
            "and bring them back with `sparkles-eval human import`"
        )
    metric = rating_metric(runs[0], judge)
    labels = {run.id: _by_people(store, run, found, metric, judge) for run in runs}
    scores = {run.id: judge_scores(store, run, judge) for run in runs}
    if not any(scores.values()):
        raise UserError(f"{judge.name} has scored none of these runs; `sparkles-eval judge --judge {judge.name}` does")
    own = sheets(store, runs[0].task.name)
    means = {run.id: _mean_over(labels[run.id]) for run in runs}
    left = _left(store, runs, means, own)
    names = tuple(sorted({rating.rater for rating in found}))
    return HumanReport(
        judge=judge,
        task=runs[0].task.name,
        half_width=half_width,
        models=tuple(_model(store, run, means[run.id], scores[run.id], half_width, own) for run in runs),
        pairs=tuple(_pair(a, b, labels, means, scores) for a, b in itertools.combinations(runs, 2)),
        overall=_overall(runs, means, scores),
        raters=names,
        agreement=_agreement(labels, names) if len(names) > 1 else None,
        next=tuple(left[:following]),
        left=len(left),
    )


def _by_people(
    store: Store, run: StoredRun, found: Sequence[HumanRating], metric: Metric, judge: JudgeRow
) -> dict[str, Scores]:
    """Rater -> sample -> what the metric makes of the ratings; complete ratings of every turn only."""
    turns = {s.id: len(s.sample.turns) for s in read_samples.samples(store, run.id, limit=run.total)}
    criteria = {rating.criterion for rating in found}
    weights = {criterion.id: criterion.weight for criterion in judge.criteria}
    given: dict[tuple[str, str], dict[tuple[int, str], float | None]] = {}
    for rating in found:
        if rating.run_id == run.id and rating.epoch == 0:
            own = given.setdefault((rating.rater, rating.sample_id), {})
            for criterion in criteria:
                own.setdefault((rating.turn, criterion), None)
            own[rating.turn, rating.criterion] = rating.value
    points: dict[str, dict[str, float]] = {}
    for (rater, sample), values in given.items():
        scores = SampleScores(values, weights)
        value = (
            sample_value(metric, ScoredAttempt(sample, 0, 0, scores))
            if len(scores.turns) == turns.get(sample)
            else None
        )
        if value is not None:
            points.setdefault(rater, {})[sample] = value
    return {rater: dict(own) for rater, own in points.items()}


def _mean_over(people: Mapping[str, Scores]) -> Scores:
    each: dict[str, list[float]] = {}
    for own in people.values():
        for sample, value in own.items():
            each.setdefault(sample, []).append(value)
    return {sample: sum(values) / len(values) for sample, values in each.items()}


def judge_scores(store: Store, run: StoredRun, judge: JudgeRow) -> dict[str, float]:
    """Sample -> what the run's metric makes of a judge's scores in epoch 0: the mean over repeats that rated it."""
    return read_scores(store, run, judge).sample_values(rating_metric(run, judge), epoch=0)


def _split(labels: Scores, scores: Scores) -> tuple[list[str], list[str]]:
    """Labelled and judged; judged only."""
    return [s for s in labels if s in scores], [s for s in scores if s not in labels]


def _model(
    store: Store, run: StoredRun, labels: Scores, scores: Scores, half_width: float, own: Sequence[Sheet]
) -> OneModel:
    both, rest = _split(labels, scores)
    clusters = {place.sample_id: place.cluster for place in read_runs.places(store, run.id)}
    joined = worth = plan = None
    if len(both) > 1:
        y, f = [labels[s] for s in both], [scores[s] for s in both]
        joined = ppi_mean(y, f, [scores[s] for s in rest])
        rho = max(0.0, joined.correlation or 0.0)
        pool = len(both) + len(rest)
        mean = sum(y) / len(y)
        sd = (sum((value - mean) ** 2 for value in y) / (len(y) - 1)) ** 0.5
        worth = effective_labels(len(both), pool, min(rho, 1.0)) if len(both) >= FEW_LABELS else None
        plan = labels_needed(sd, half_width, min(rho, 1.0), pool=pool)
    return OneModel(
        run=run,
        joined=joined,
        humans=_estimate(labels, clusters, run.total),
        judge=_estimate(scores, clusters, run.total),
        worth=worth,
        plan=plan,
        drawn=len({row.sample_id for made in own for row in made.rows if row.run_id == run.id}),
    )


def _estimate(values: Scores, clusters: Mapping[str, Cluster], total: int) -> Estimate:
    return mean_estimate(list(values.values()), [clusters[sample] for sample in values], total)


def _pair(
    a: StoredRun,
    b: StoredRun,
    people: Mapping[str, Mapping[str, Scores]],
    labels: Mapping[str, Scores],
    scores: Mapping[str, Scores],
) -> Pair:
    """On the dialogues that the same people rated for both models: their severity then cancels."""
    judged = [sample for sample in scores[a.id] if sample in scores[b.id]]
    twice = [sample for sample in judged if sample in labels[a.id] and sample in labels[b.id]]
    both = [sample for sample in twice if _raters(people[a.id], sample) == _raters(people[b.id], sample)]
    unequal = len(twice) - len(both)
    rest = [sample for sample in judged if sample not in labels[a.id] and sample not in labels[b.id]]
    if len(both) < 2:
        return Pair(a, b, None, unequal)

    def on(values: Mapping[str, Scores], samples: Sequence[str]) -> PairScores:
        return PairScores([values[a.id][s] for s in samples], [values[b.id][s] for s in samples])

    return Pair(a, b, ppi_difference(on(labels, both), on(scores, both), on(scores, rest)), unequal)


def _raters(people: Mapping[str, Scores], sample: str) -> frozenset[str]:
    return frozenset(rater for rater, own in people.items() if sample in own)


def _overall(runs: Sequence[StoredRun], labels: Mapping[str, Scores], scores: Mapping[str, Scores]) -> Estimate:
    """Where all models are labelled on the same dialogues these are the units (the models then share their luck);
    else models are strata, which must not share any."""
    splits = {run.id: _split(labels[run.id], scores[run.id]) for run in runs}
    counts = [len(both) for both, _ in splits.values()]
    total = sum(run.total for run in runs)
    if min(counts) < 2:
        return Estimate(None, None, None, sum(counts), total, note="a model has fewer than two labels")
    same = sorted(set.intersection(*(set(both) for both, _ in splits.values())))
    if len(same) == max(counts):
        pool = sorted(set.intersection(*(set(rest) for _, rest in splits.values())))
        lam = {run.id: _trust(labels[run.id], scores[run.id], same, pool) for run in runs}

        def mean(sample: str, values: Mapping[str, Scores], weights: Mapping[str, float] | None = None) -> float:
            return sum((weights[r.id] if weights else 1.0) * values[r.id][sample] for r in runs) / len(runs)

        joined = ppi_mean(
            [mean(s, labels) for s in same],
            [mean(s, scores, lam) for s in same],
            [mean(s, scores, lam) for s in pool],
            lam=1.0,
        )
        return Estimate(joined.estimate, joined.low, joined.high, sum(counts), total, len(same), "PPI++ by dialogue")
    strata = [
        Stratum(
            1.0,
            [labels[r.id][s] for s in splits[r.id][0]],
            [scores[r.id][s] for s in splits[r.id][0]],
            [scores[r.id][s] for s in splits[r.id][1]],
        )
        for r in runs
    ]
    found = stratified_ppi(strata)
    shared = sum(counts) > len({sample for both, _ in splits.values() for sample in both})
    independent = "models as independent strata, though some share labelled dialogues" if shared else "models as strata"
    note = "; ".join(part for part in (found.note, independent) if part)
    return Estimate(found.estimate, found.low, found.high, sum(counts), total, None, "stratified PPI++", note)


def _trust(labels: Scores, scores: Scores, same: Sequence[str], pool: Sequence[str]) -> float:
    return ppi_mean([labels[s] for s in same], [scores[s] for s in same], [scores[s] for s in pool]).lam


def _agreement(labels: Mapping[str, Mapping[str, Scores]], raters: Sequence[str]) -> Alpha:
    places = sorted({(run, sample) for run, people in labels.items() for own in people.values() for sample in own})
    return krippendorff([[labels[run].get(rater, {}).get(sample) for run, sample in places] for rater in raters])


def _left(store: Store, runs: Sequence[StoredRun], labels: Mapping[str, Scores], own: Sequence[Sheet]) -> list[str]:
    """Names of the dialogues that some model's answer is not labelled on, in the order of the sheets."""
    order = labelling_order(store, runs, own[-1].seed if own else 0)
    names = {s.id: s.sample.id for s in read_samples.samples(store, runs[0].id, limit=runs[0].total)}
    return [names[sample] for sample in order if not all(sample in labels[run.id] for run in runs)]
