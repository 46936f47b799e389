"""What several epochs say of one model: how often it agrees with itself, its consensus, and its best of k."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sparkles_eval.analysis.metrics import extracts
from sparkles_eval.analysis.run_scores import ScoredRun
from sparkles_eval.analysis.tables import Cell, Head, Span, Table
from sparkles_eval.core import Estimate
from sparkles_eval.core.samples import Cluster
from sparkles_eval.stats.estimates import share_estimate
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store


@dataclass(frozen=True, slots=True)
class Epochs:
    """One run with several epochs, over the samples that have an answer in each of them."""

    column: ScoredRun
    same: Estimate
    """Share of samples with the same answer in every epoch, right or wrong."""
    consensus: Estimate
    """Accuracy of the most frequent answer; of several that are as frequent, the share that is right."""
    single: Estimate
    """Accuracy of one epoch."""
    best: Estimate
    """Share of samples that are right at least once (pass@k)."""
    always: Estimate
    """Share of samples that are right in every epoch."""


def epochs_of(store: Store, column: ScoredRun) -> Epochs | None:
    """The epochs of a run that a rule reads; None for one epoch, a judge's ratings, or no sample with all epochs."""
    run = column.run
    if run.epochs < 2 or not extracts(column.judge):
        return None
    answers: dict[str, list[tuple[str | None, float]]] = {}
    rows = store.connection.execute(
        "SELECT sample_id, answer, value FROM scores WHERE run_id = ? AND judge_id = ? AND repeat = 0"
        " AND value IN (0, 1)",
        (run.id, column.judge.id),
    )
    for sample, answer, value in rows:
        answers.setdefault(sample, []).append((answer, float(value)))
    places = read_runs.places(store, run.id)
    whole = [(answers[p.sample_id], p.cluster) for p in places if len(answers.get(p.sample_id, ())) == run.epochs]
    if not whole:
        return None
    given, clusters = [own for own, _ in whole], [cluster for _, cluster in whole]

    def estimate(values: Sequence[float]) -> Estimate:
        return _estimate(values, clusters, run.total)

    return Epochs(
        column,
        estimate([float(len({answer for answer, _ in own}) == 1 and own[0][0] is not None) for own in given]),
        estimate([_consensus(own) for own in given]),
        estimate([sum(value for _, value in own) / len(own) for own in given]),
        estimate([pass_at_k(sum(value > 0 for _, value in own), len(own), len(own)) for own in given]),
        estimate([float(all(value > 0 for _, value in own)) for own in given]),
    )


def _estimate(values: Sequence[float], clusters: Sequence[Cluster], total: int) -> Estimate:
    return share_estimate(values, clusters, total)


def _consensus(own: Sequence[tuple[str | None, float]]) -> float:
    counts = Counter(answer for answer, _ in own if answer is not None)
    if not counts:
        return 0.0
    most = max(counts.values())
    first = {answer for answer, count in counts.items() if count == most}
    right = {answer for answer, value in own if value > 0}
    return len(first & right) / len(first)


def pass_at_k(right: int, tries: int, k: int) -> float:
    """Probability that one of k answers, drawn from `tries` of which `right` are right, is right (Chen et al. 2021)."""
    return 1.0 - math.comb(tries - right, k) / math.comb(tries, k)


def epochs_table(found: Sequence[Epochs]) -> list[Table]:
    """One row a run, or no table."""
    heads = (
        Head("task", "task"),
        Head("model", "model"),
        Head("epochs", "epochs", "count"),
        Head("n", "samples", "count"),
        Head("single", "one answer", "percent"),
        Head("consensus", "consensus", "percent"),
        Head("best", "right once\n(pass@k)", "percent"),
        Head("always", "right always", "percent"),
        Head("same", "same answer\nalways", "percent"),
    )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            one.column.run.task.name,
            one.column.label,
            one.column.run.epochs,
            one.single.n,
            *(Span.of(each) for each in (one.single, one.consensus, one.best, one.always, one.same)),
        )
        for one in found
    )
    notes = ("over samples with an answer in every epoch; pass@k takes somebody who knows the right one of k answers",)
    return [Table("epochs", "Does it agree with itself?", heads, rows, notes)] if rows else []
