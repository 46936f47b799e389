"""The variance budget of stored runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sparkles_eval.analysis.variance import variance
from sparkles_eval.core import Score
from sparkles_eval.core.errors import UserError
from sparkles_eval.stats.variance import variance_budget
from sparkles_eval.store.rows import ScoreRow
from sparkles_eval.store.store import Store
from tests.analysis.making import RATER, fill


def test_epochs_of_an_answer_rule(evaluated: Store) -> None:
    found = variance(evaluated, "baseline/chance", task="bison-mini").budgets
    (epochs,) = [budget for budget in found if budget.column.run.epochs == 3]
    assert epochs.found is not None
    assert (epochs.found.items, epochs.found.generations, epochs.found.repeats) == (36, 3.0, 1.0)
    assert epochs.found.var_item < 0.08 and (epochs.found.var_generation or 0) > 0.15, "chance has no better items"
    assert epochs.found.next_purchase == "generations"
    assert all("asked once and judged once" in budget.note for budget in found if budget.column.run.epochs == 1)


def test_repeats_of_a_judge(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    with Store(tmp_path / "s.db") as store:
        level = rng.integers(3, 9, 60).astype(float)
        run = fill(store, {"m": level.tolist()}, judge=RATER)["m"]
        keys = [row[0] for row in store.connection.execute("SELECT sample_id FROM run_samples ORDER BY position")]
        again = np.clip(level[:, None] + rng.integers(-1, 2, (60, 2)), 1, 10)
        store.add_scores(
            [
                ScoreRow(run, key, 0, RATER.id, repeat, Score(turn, criterion.id, float(again[item, repeat - 1])))
                for item, key in enumerate(keys)
                for repeat in (1, 2)
                for turn in (1, 2)
                for criterion in RATER.criteria
            ]
        )
        budgets = variance(store, "m")
    table = np.column_stack([level, again])
    expected = variance_budget(table.ravel(), np.repeat(np.arange(60), 3), np.zeros(180))
    found = budgets.budgets[0].found
    assert found is not None and found.var_repeat == pytest.approx(expected.var_repeat)
    assert found.var_item == pytest.approx(expected.var_item) and found.repeats == 3
    (record,) = budgets.tables[0].records()
    assert record["se_repeats"] == pytest.approx(found.se(repeats=6))
    assert record["next"] == "items"


def test_nothing_of_that_name(evaluated: Store) -> None:
    with pytest.raises(UserError, match="no scored run of that name"):
        variance(evaluated, "gpt-9")
