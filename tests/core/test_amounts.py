"""Numbers from the network: what is out of bounds is unknown."""

from __future__ import annotations

import pytest

from sparkles_eval.core.amounts import MOST_TOKENS, tokens


@pytest.mark.parametrize(
    "value", [3.5, "n/a", "12", 2**64, -1, -5_000_000, None, True, float("nan"), float("inf"), [], {}]
)
def test_a_count_that_makes_no_sense_is_unknown(value: object) -> None:
    assert tokens(value) is None


@pytest.mark.parametrize(("value", "count"), [(0, 0), (12, 12), (12.0, 12), (MOST_TOKENS, MOST_TOKENS)])
def test_a_count_is_read(value: object, count: int) -> None:
    assert tokens(value) == count
