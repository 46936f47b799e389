"""How long is tried, and what may be spent."""

from __future__ import annotations

import asyncio
import random

import pytest

from sparkles_eval.core import Usage
from sparkles_eval.engine.config import RetryPolicy
from sparkles_eval.engine.limits import CostBudget


def usd(cost: float | None) -> Usage:
    return Usage(10, 10, cost)


def test_waits_double_up_to_the_longest_with_jitter_below_the_whole() -> None:
    patience = RetryPolicy(first_wait_s=0.5, longest_wait_s=60)
    for failures, whole in [(1, 0.5), (2, 1.0), (3, 2.0), (7, 32.0), (8, 60.0), (50, 60.0)]:
        draws = (random.Random(seed) for seed in range(200))  # noqa: S311  (no cryptography)
        waits = [patience.wait_s(failures, draw) for draw in draws]
        assert whole / 2 <= min(waits) < max(waits) <= whole
        assert max(waits) - min(waits) > 0.4 * whole, "spread, so that requests do not come back together"


async def test_without_a_limit_there_is_always_room() -> None:
    budget = CostBudget()
    for _ in range(100):
        assert await budget.room("a")
        budget.begin("a")


async def test_the_first_request_of_a_model_goes_alone() -> None:
    budget = CostBudget(1.0)
    assert await budget.room("a")
    budget.begin("a")
    second = asyncio.create_task(budget.room("a"))
    await asyncio.sleep(0)
    assert not second.done(), "nobody knows yet what one costs"
    budget.end("a", usd(0.4))
    assert await asyncio.wait_for(second, 1)


async def test_a_model_of_unknown_cost_does_not_wait_for_another() -> None:
    budget = CostBudget(1.0)
    budget.begin("slow")
    assert await asyncio.wait_for(budget.room("other"), 1)


async def test_room_waits_for_what_is_in_flight_before_it_says_no() -> None:
    budget = CostBudget(1.0)
    budget.begin("a")
    budget.end("a", usd(0.4))
    assert await budget.room("a")
    budget.begin("a")
    third = asyncio.create_task(budget.room("a"))  # 0.4 spent + 0.4 on its way + 0.4 is too much
    await asyncio.sleep(0)
    assert not third.done()
    budget.end("a", usd(0.1))  # it was cheaper than feared
    assert await asyncio.wait_for(third, 1)
    budget.begin("a")
    budget.end("a", usd(0.2))
    assert not await budget.room("a"), "0.7 spent and nothing in flight: another at 0.4 would not fit"
    assert budget.spent_usd == pytest.approx(0.7)


async def test_each_model_is_taken_at_its_own_dearest() -> None:
    budget = CostBudget(1.0)
    for who, cost in [("dear", 0.5), ("cheap", 0.01)]:
        budget.begin(who)
        budget.end(who, usd(cost))
    assert await budget.room("cheap")
    assert not await budget.room("dear"), "0.51 + 0.5 is more than 1"


async def test_a_failure_costs_nothing_and_an_unknown_cost_is_counted() -> None:
    budget = CostBudget(1.0)
    budget.begin("a")
    budget.end("a", None)
    assert await budget.room("a")
    budget.begin("a")
    budget.end("a", usd(None))
    assert (budget.spent_usd, budget.unknown) == (0.0, 1)


async def test_never_spends_more_than_one_surprise_above_the_limit() -> None:
    draw = random.Random(3)  # noqa: S311  (no cryptography)
    budget = CostBudget(2.0)
    dearest = 0.0

    async def ask() -> None:
        nonlocal dearest
        if await budget.room("a"):
            budget.begin("a")
            await asyncio.sleep(draw.uniform(0, 0.002))
            cost = draw.uniform(0.01, 0.05)
            dearest = max(dearest, cost)
            budget.end("a", usd(cost))

    await asyncio.gather(*(ask() for _ in range(300)))
    assert 2.0 - dearest < budget.spent_usd < 2.0 + 0.05
