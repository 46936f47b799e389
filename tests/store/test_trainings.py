"""Trainings in the store: steps measured again replace the old ones, and a score belongs to the weights it was of."""

from __future__ import annotations

import math

from sparkles_eval.core import Estimate
from sparkles_eval.store import read_runs, trainings
from sparkles_eval.store.rows import EstimateRow
from sparkles_eval.store.store import Store
from sparkles_eval.store.trainings import MeasuredStep, Training
from tests.store.making import ENVIRONMENT, RULE, Made

TRAINING = Training("abc", "run-7b", "As published", '{"kind":"projection"}', "r1", "d1", 10)


def begin(store: Store, first: int = 0) -> None:
    trainings.begin(store, TRAINING, store.add_environment(ENVIRONMENT), first)


def measured(step: int, loss: float) -> MeasuredStep:
    return MeasuredStep(step, "projection", loss, 1e-5, 100, 40, 0.5)


def test_steps_are_kept_in_order_and_forgotten_from_where_a_training_is_resumed(store: Store) -> None:
    begin(store)
    trainings.add_steps(store, "abc", [measured(step, 2.0) for step in (0, 1, 2, 3)])
    begin(store, first=2)
    assert [one.step for one in trainings.steps(store, "abc")] == [0, 1]
    trainings.add_steps(store, "abc", [measured(1, 1.5), measured(2, math.nan)])
    kept = trainings.steps(store, "abc")
    assert [one.loss for one in kept[:2]] == [2.0, 1.5] and math.isnan(kept[2].loss)
    count = store.connection.execute("SELECT count(*) FROM training_environments").fetchone()[0]
    assert count == 2, "both invocations worked on it"


def test_a_training_is_found_with_how_far_it_is(store: Store) -> None:
    begin(store)
    assert trainings.find(store, "abc") == TRAINING and trainings.find(store, "other") is None
    trainings.add_steps(store, "abc", [measured(0, 2.0), measured(1, 1.25)])
    trainings.add_checkpoint(store, "abc", 2, "w1", "checkpoints/00000002")
    (found,) = trainings.trainings(store)
    assert (found.training, found.done, found.loss, found.checkpoints) == (TRAINING, 2, 1.25, (2,))


def test_a_checkpoint_has_the_scores_of_its_runs_while_its_weights_are_those(store: Store, made: Made) -> None:
    begin(store)
    trainings.add_checkpoint(store, "abc", 5, "w1", "checkpoints/00000005")
    trainings.link_runs(store, "abc", 5, [made.run.id])
    assert trainings.evaluated(store, "abc", 5) == [made.run.id] and trainings.evaluated(store, "abc", 6) == []
    basis = read_runs.scores_version(store, made.run.id, RULE.id)
    rows = [
        EstimateRow(made.run.id, RULE.id, name, Estimate(0.5, 0.1, 0.9, 2, 3)) for name in ("accuracy", "consistency")
    ]
    store.set_estimates(made.run.id, RULE.id, rows, basis)
    first, second = trainings.scores(store, "abc")
    assert (first.metric, first.value, first.low, first.n, first.total) == ("accuracy", 0.5, 0.1, 2, 3)
    assert first.headline and not second.headline
    trainings.add_checkpoint(store, "abc", 5, "w1", "checkpoints/00000005")
    assert trainings.evaluated(store, "abc", 5), "the same weights were saved again"
    trainings.add_checkpoint(store, "abc", 5, "w2", "checkpoints/00000005")
    assert not trainings.evaluated(store, "abc", 5), "other weights: nobody has asked them yet"
