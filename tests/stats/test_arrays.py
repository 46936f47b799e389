"""What callers may hand over, and what they are told otherwise."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import numpy as np
import pytest

from sparkles_eval import stats
from sparkles_eval.core.errors import UserError
from sparkles_eval.stats import arrays


def test_missing_values_become_nan() -> None:
    assert np.isnan(arrays.floats([1, None, True], "x")[1])
    assert arrays.table([[1, None], [2, 3]], "x").shape == (2, 2)
    assert arrays.floats([], "x").shape == (0,)
    assert arrays.floats(np.array([1.0, None], dtype=object), "x")[0] == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: arrays.floats([float("inf")], "scores"), "scores: holds an infinite number"),
        (lambda: arrays.floats(np.array(["a"]), "scores"), "one number per item"),
        (lambda: arrays.table([[1.0], [1.0, 2.0]], "scores"), "rows of equal length"),
        (lambda: arrays.floats(np.ones((2, 2)), "scores"), "dimensions"),
        (lambda: arrays.complete_table([[1.0, None]], "scores"), "row 0, column 1"),
        (lambda: arrays.complete_table([], "scores"), "is empty"),
    ],
)
def test_wrong_shapes_say_what_to_give(call: object, message: str) -> None:
    assert callable(call)
    with pytest.raises(UserError, match=message):
        call()


def test_codes_of_any_labels() -> None:
    assert arrays.codes(["b", "a", "b"])[0].tolist() == [0, 1, 0]
    assert arrays.codes([("s", 1), ("s", 2)])[1] == 2
    assert arrays.codes(np.array([5, 3, 5]))[0].tolist() == [1, 0, 1]


def test_common_items_are_those_every_column_has() -> None:
    assert arrays.common([1.0, None, 3.0], [None, 2.0, 4.0]).tolist() == [False, False, True]
    with pytest.raises(UserError, match="lengths differ"):
        arrays.common([1.0], [1.0, 2.0])


def test_midranks_share_ties() -> None:
    assert arrays.midranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_every_statistic_is_offered_or_used() -> None:
    """What a command does not use, the reference offers: nothing public is left that nobody finds."""
    for file in sorted(Path(stats.__file__).parent.glob("*.py")):
        if file.stem in ("__init__", "arrays", "distributions"):  # helpers of the other modules
            continue
        module = importlib.import_module(f"sparkles_eval.stats.{file.stem}")
        own = {
            name
            for name, value in vars(module).items()
            if not name.startswith("_")
            and (inspect.isfunction(value) or inspect.isclass(value))
            and value.__module__ == module.__name__
        }
        assert set(module.__all__) == own, file.name
