"""One decision over tasks: standardised differences, equal weights, and the interval of their mean."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sparkles_eval.analysis.compare import compare
from sparkles_eval.analysis.over_tasks import over_tasks
from sparkles_eval.store.store import Store
from tests.analysis.making import RATER, RUN, counts, fill


def test_the_mean_over_tasks_is_in_shares_of_each_scale(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    a = rng.integers(5, 11, 120).astype(float)
    b = np.clip(a - rng.integers(0, 2, 120), 1, 10)
    with Store(tmp_path / "s.db") as store:
        fill(store, counts(60, 25, 12, 53))
        fill(store, {"a": a.tolist(), "b": b.tolist()}, judge=RATER, run=replace(RUN, task="talks", total=120))
        found = compare(store, "a", "b")
        one, other = (comparison.pairs[0] for comparison in found.comparisons)
        assert one.difference is not None and other.difference is not None and one.se and other.se
        (both,) = over_tasks(found.comparisons)
        scales = [comparison.matrix.scale[1] - comparison.matrix.scale[0] for comparison in found.comparisons]
        assert both.difference == pytest.approx((one.difference / scales[0] + other.difference / scales[1]) / 2)
        half = (both.high - both.low) / 2
        se = np.hypot(one.se / scales[0], other.se / scales[1]) / 2
        assert half == pytest.approx(1.97 * se, rel=0.01)
        assert found.tables[-1].name == "over-tasks" and found.tables[-1].rows[0][-1] == "shown"
        assert [t.name for t in compare(store, "a", "b", task="talks").tables if t.name == "over-tasks"] == []


def test_few_units_in_one_task_give_no_decision_over_tasks(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        fill(store, counts(60, 25, 12, 53))
        fill(store, counts(5, 3, 2, 2), run=replace(RUN, task="few", total=12))
        assert over_tasks(compare(store, "a", "b").comparisons) == []
