"""Better than guessing? Exact on independent rows, by cluster where rows share units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sparkles_eval.analysis.chance_tests import p_of_guessing
from sparkles_eval.analysis.compare import compare
from sparkles_eval.store.store import Store
from tests.analysis.making import counts, fill


def test_eighty_seven_of_150_are_not_shown_to_be_better_than_guessing(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        fill(store, counts(62, 25, 12, 51))
        (found,) = compare(store, "a", "b").comparisons
        p = {run.run.label: p_of_guessing(run) for run in found.matrix.columns}
        assert p["a"] == pytest.approx(0.0600, abs=5e-5)
        models = compare(store, "a", "b").tables[0]
        record = next(one for one in models.records() if one["model"] == "a")
        assert record["p_chance"] == p["a"] and any("p, guessing" in note for note in models.notes)


def test_clusters_of_equal_answers_are_fewer_than_they_look(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        right = np.random.default_rng(4).random(40) < 0.66
        labels = [f"c{n // 5}" for n in range(200)]
        whole = np.repeat(right, 5).astype(float).tolist()
        fill(store, {"a": whole, "b": whole}, clusters=labels)
        (few,) = compare(store, "a", "b").comparisons
        assert p_of_guessing(few.matrix.columns[0]) is not None
        sums = (np.repeat(right, 5) - 0.5).reshape(40, 5).sum(axis=1)
        from sparkles_eval.stats.signflip import sign_flip_test

        assert p_of_guessing(few.matrix.columns[0]) == pytest.approx(sign_flip_test(sums).p_two_sided)
        fill(store, {"c": whole[:100], "d": whole[:100]}, clusters=labels[:100])
        (none,) = compare(store, "c", "d").comparisons
        assert p_of_guessing(none.matrix.columns[0]) is None, "20 units"
