"""The budget follows what was fastest, within what memory allows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sparkles_eval.adapters.local.token_budget import TokenBudget


def settled(speed: Callable[[int], float], most: int = 2**20) -> int:
    """The budget after many full groups at those positions a second."""
    budget = TokenBudget("cpu", most)
    for _ in range(50):
        budget.seen(budget.positions, budget.positions / speed(budget.positions))
    return budget.positions


@pytest.mark.parametrize(
    ("speed", "best"),
    [
        (lambda positions: 1000 + positions, 8192),
        (lambda positions: 10_000 - positions, 512),
        (lambda positions: 5000 - abs(positions - 2048), 2048),
    ],
    ids=["more is faster", "less is faster", "in between"],
)
def test_the_fastest_budget_is_found(speed: Callable[[int], float], best: int) -> None:
    assert settled(speed, most=8192) == best


def test_memory_bounds_it_and_small_groups_say_nothing() -> None:
    assert TokenBudget("cuda", 700).positions == 700
    assert TokenBudget("cpu", 3).positions == 512
    budget = TokenBudget("cpu", 2**20)
    for _ in range(20):
        budget.seen(10, 1.0)
    assert budget.positions == 1024
