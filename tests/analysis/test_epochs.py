"""Several epochs of one model: pass@k, consensus, and how often it agrees with itself."""

from __future__ import annotations

import itertools

import pytest

from sparkles_eval.analysis.epochs import pass_at_k
from sparkles_eval.analysis.variance import variance
from sparkles_eval.store.store import Store


@pytest.mark.parametrize(("right", "tries", "k"), [(0, 5, 2), (2, 5, 1), (2, 5, 2), (3, 4, 2), (5, 5, 5), (1, 3, 3)])
def test_pass_at_k_is_the_share_of_draws_with_a_right_one(right: int, tries: int, k: int) -> None:
    draws = list(itertools.combinations([1] * right + [0] * (tries - right), k))
    assert pass_at_k(right, tries, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_epochs_of_a_guesser(evaluated: Store) -> None:
    found = variance(evaluated, "baseline/chance", task="bison-mini")
    (one,) = found.epochs
    assert one.column.run.epochs == 3 and one.single.n == one.column.run.total
    values = [estimate.value for estimate in (one.always, one.single, one.best)]
    assert None not in values and values == sorted(values, key=lambda v: v or 0.0) and values[0] != values[-1]
    assert one.same.value is not None and one.same.value < 0.6 and one.consensus.low is not None
    assert found.tables[1].name == "epochs" and len(found.tables[1].rows) == 1
    assert variance(evaluated, "baseline/oracle", task="nlvr2-mini").epochs == ()
