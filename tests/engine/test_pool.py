"""Jobs within slots: made late, in turns, forgotten on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from time import monotonic

import pytest

from sparkles_eval.engine.limits import Limiter, Pool, Work


class Workshop:
    """Makes work and counts what was made, begun and done."""

    def __init__(self, slots: int) -> None:
        self.limiter = Limiter(slots, clock=monotonic)
        self.pool = Pool(self.limiter)
        self.made = self.begun = self.done = self.most = 0
        self.order: list[str] = []

    def work(self, name: str, count: int) -> Iterator[Work]:
        for number in range(count):
            self.made += 1
            yield partial(self.job, f"{name}{number}")

    async def job(self, name: str) -> None:
        self.begun += 1
        self.most = max(self.most, self.begun - self.done)
        self.order.append(name)
        await asyncio.sleep(0.001)
        self.done += 1


async def run(shop: Workshop) -> None:
    await asyncio.wait_for(shop.pool.run(), 5)


async def test_a_job_is_made_only_when_a_slot_is_free_for_it() -> None:
    shop = Workshop(3)
    shop.pool.feed(shop.work("a", 50))
    shop.pool.close()
    task = asyncio.create_task(run(shop))
    while not task.done():
        await asyncio.sleep(0)
        assert shop.made - shop.done <= 3
    assert (shop.done, shop.most) == (50, 3)
    assert shop.limiter.in_flight == 0


async def test_feeds_take_turns() -> None:
    shop = Workshop(1)
    shop.pool.feed(shop.work("a", 3))
    shop.pool.feed(shop.work("b", 2))
    shop.pool.feed(shop.work("c", 1))
    shop.pool.close()
    await run(shop)
    assert shop.order == ["a0", "b0", "c0", "a1", "b1", "a2"]


async def test_work_put_while_running_is_done_and_idle_slots_are_free() -> None:
    shop = Workshop(2)
    task = asyncio.create_task(run(shop))
    for number in range(5):
        await asyncio.sleep(0.005)
        assert shop.limiter.in_flight == 0, "waiting for work holds no slot"
        shop.pool.put(partial(shop.job, str(number)))
    shop.pool.close()
    await task
    assert shop.order == list("01234")


async def test_drop_forgets_what_has_not_begun_and_finishes_the_rest() -> None:
    shop = Workshop(2)
    shop.pool.feed(shop.work("a", 100))
    task = asyncio.create_task(run(shop))
    while shop.begun < 4:
        await asyncio.sleep(0)
    shop.pool.drop()
    shop.pool.put(partial(shop.job, "late"))
    await task
    assert shop.begun == shop.done < 8
    assert "late" not in shop.order


async def test_an_exception_of_a_job_ends_all() -> None:
    shop = Workshop(2)

    async def fails() -> None:
        raise ValueError("a fault of ours")

    shop.pool.put(fails)
    shop.pool.feed(shop.work("a", 100))
    with pytest.raises(ExceptionGroup) as caught:
        await run(shop)
    assert isinstance(caught.value.exceptions[0], ValueError)
    assert shop.begun < 100


async def test_an_empty_feed_ends_at_once() -> None:
    shop = Workshop(1)
    shop.pool.feed(shop.work("a", 0))
    shop.pool.close()
    await run(shop)
    assert (shop.made, shop.limiter.in_flight) == (0, 0)
