"""Compares altered runs with the same model's plain run: without images, with wrong images, with swapped order.

Pairs are made item by item. How a task is altered is in `tasks.variants`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sparkles_eval.analysis.ablation_tables import Ablation, Ablations, OrderEffect
from sparkles_eval.analysis.compare import opened
from sparkles_eval.analysis.metrics import Rows, extracts, find_metric, headline
from sparkles_eval.analysis.pair_tests import Tested, all_pairs
from sparkles_eval.analysis.run_scores import ScoredRun, read_scores
from sparkles_eval.analysis.score_matrix import ScoreMatrix, score_matrix
from sparkles_eval.analysis.tables import Span
from sparkles_eval.core import Estimate
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.samples import Cluster, read_cluster
from sparkles_eval.stats.arrays import codes
from sparkles_eval.stats.estimates import accuracy_estimate, mean_estimate
from sparkles_eval.stats.judge_bias import position_bias
from sparkles_eval.stats.signflip import sign_flip_test
from sparkles_eval.store import read_runs
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.scorers import CRITERION
from sparkles_eval.tasks.variants import SWAPPED


def ablations(
    store: Store | Path | str, *models: str, task: str | None = None, judge: str | None = None
) -> Ablations:  # fmt: skip
    """Every altered run of the named models (of all), beside the run as it is, and every run in both orders.

    Raises errors.UserError where there is no altered run, with how to make one.
    """
    with opened(store) as db:
        runs = [
            run
            for run in read_runs.runs(db)
            if (not models or run.model.name in models or run.id in models) and task in (None, run.task.name)
        ]
        altered = [run for run in runs if run.variant]
        if not altered:
            raise UserError(
                f"{db.path}: no altered run; `run` makes them with --orders both, --images dropped, --images wrong, "
                "--images shuffled, --history reference"
            )
        found = [made for run in altered if "orders=both" not in run.variant for made in _beside(db, run, runs, judge)]
        orders = [
            made
            for run in altered
            if "orders=both" in run.variant and run.answer_rule
            for by in read_runs.judges(db, run.id)
            if (made := _orders(db, ScoredRun(run, by, run.model.name))) is not None
        ]
    return Ablations(tuple(found), tuple(orders))


def _beside(store: Store, run: StoredRun, runs: Sequence[StoredRun], judge: str | None) -> list[Ablation]:
    """The altered run against the newest run as it is that is equal in all else, by each judge of both."""
    bases = [other for other in runs if not other.variant and _same(other, run)]
    if not bases:
        return []
    base, made = bases[-1], []
    theirs = {by.id for by in read_runs.judges(store, run.id)}
    for by in read_runs.judges(store, base.id):
        if by.id not in theirs or not (judge is None or by.name == judge or by.id.startswith(judge)):
            continue
        columns = (ScoredRun(base, by, "as it is"), ScoredRun(run, by, run.variant))
        metrics = [headline(base, by).name]
        if run.variant == "history=reference":
            metrics.append("A2")  # where the history differs
        for metric in metrics:
            both = score_matrix(store, columns, metric, by_name=True)
            if not np.isnan(both.values).any(axis=1).all():
                made.append(Ablation(ScoredRun(base, by, base.model.name), run, metric, both, all_pairs(both)[0]))
    return made


def _same(one: StoredRun, other: StoredRun) -> bool:
    def rest(run: StoredRun) -> tuple[object, ...]:
        model = (run.model.name, run.model.identity, tuple(sorted(run.generation.items())))
        asked = (run.task.name, run.task.version, run.data_hash, run.prompt_hash, run.epochs)
        return (*model, *asked, run.protocol, run.protocol_version, run.answer_rule, run.draws)

    return rest(one) == rest(other)


# --- both orders --------------------------------------------------------------------------------------------------

_ANSWERS = (
    "SELECT s.name, s.cluster, s.target, x.answer, x.value FROM scores x JOIN samples s ON s.id = x.sample_id"
    " WHERE x.run_id = ? AND x.judge_id = ? AND x.criterion = 'accuracy' AND x.epoch = 0 AND x.repeat = 0"
    " AND x.value IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class _Answer:
    cluster: Cluster
    target: str
    answer: str | None
    value: float


def _orders(store: Store, column: ScoredRun) -> OrderEffect | None:
    """None where no item was scored in both orders. Of several epochs the first counts."""
    if not extracts(column.judge):
        return None
    rows = store.connection.execute(_ANSWERS, (column.run.id, column.judge.id))
    answers = {row[0]: _Answer(read_cluster(row[1]), row[2], row[3], row[4]) for row in rows}
    whole = [name for name in answers if not name.endswith(SWAPPED) and name + SWAPPED in answers]
    if not whole:
        return None
    pairs = [(answers[name], answers[name + SWAPPED]) for name in whole]
    clusters = [one.cluster for one, _ in pairs]
    given, swapped = [one.value for one, _ in pairs], [two.value for _, two in pairs]
    accuracy = mean_estimate([*given, *swapped], [*clusters, *clusters])
    options = column.run.task.options
    chance = 1 / len(options) if options else 0.5
    read = [(one, two) for one, two in pairs if one.answer is not None and two.answer is not None]
    places = read and all(one.target != two.target for one, two in pairs)
    alike = [(one.answer != two.answer) if places else (one.answer == two.answer) for one, two in read]
    bias = first = None
    flips = [one for one, two in read if one.answer == two.answer]
    if places and options:
        first = [one.answer == options[0] for one in flips]
        bias = position_bias(sum(first), len(flips) - sum(first), len(read) - len(flips))
        bias = replace(bias, p=_p_of_first(first, flips))
    return OrderEffect(
        column=column,
        accuracy=accuracy,
        corrected=_corrected(accuracy, chance),
        both_right=accuracy_estimate([min(one, two) for one, two in zip(given, swapped, strict=True)], clusters),
        given=accuracy_estimate(given, clusters),
        swapped=accuracy_estimate(swapped, clusters),
        gap=_gap(store, column, whole, pairs),
        consistency=_share(alike, [one.cluster for one, _ in read]),
        bias=bias,
        first_wins=Span(None) if first is None else _share(first, [one.cluster for one in flips]),
        flips=len(read) - sum(alike),
        unread=len(pairs) - len(read),
    )


def _share(true: Sequence[bool], clusters: Sequence[Cluster]) -> Span:
    return Span.of(accuracy_estimate([float(one) for one in true], clusters))


def _p_of_first(first: Sequence[bool], flips: Sequence[_Answer]) -> float:
    """Whether flips favour the first place: the signs of whole clusters flipped, which for single items is binomial."""
    if not flips:
        return 1.0
    group, count = codes([one.cluster for one in flips])
    sums = np.bincount(group, weights=2.0 * np.array(first, dtype=np.float64) - 1, minlength=count)
    return sign_flip_test(sums).p_two_sided


def _corrected(accuracy: Estimate, chance: float) -> Span:
    def scaled(value: float | None) -> float | None:
        return None if value is None else (value - chance) / (1 - chance)

    return Span(scaled(accuracy.value), scaled(accuracy.low), scaled(accuracy.high))


def _gap(store: Store, column: ScoredRun, names: Sequence[str], pairs: Sequence[tuple[_Answer, _Answer]]) -> Tested:
    """As given against swapped, tested like any pair of runs."""
    whole = read_scores(store, column.run, column.judge).values(find_metric(CRITERION, column.judge))
    rows = Rows(tuple(names), tuple(names), tuple(one.cluster for one, _ in pairs), tuple(names))
    sides = [
        replace(whole, run=replace(column, label=label), rows=rows, values=np.array(values), reasons={}, invalid=0)
        for label, values in (
            ("as given", [one.value for one, _ in pairs]),
            ("swapped", [two.value for _, two in pairs]),
        )
    ]
    return all_pairs(ScoreMatrix.of(sides))[0]
