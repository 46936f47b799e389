"""Slots: who gets them and when."""

from __future__ import annotations

import asyncio

import pytest

from sparkles_eval.engine.congestion import RequestOutcome
from sparkles_eval.engine.limits import LimitChange, Limiter


class Clock:
    """Seconds, as the test says."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def fill(limiter: Limiter) -> None:
    """Take every free slot."""
    while limiter.in_flight < limiter.limit:
        await limiter.acquire()


async def test_slots_are_waited_for_and_a_raised_limit_frees_some(clock: Clock) -> None:
    changes: list[LimitChange] = []
    limiter = Limiter(8, 4, clock=clock, changed=changes.append)
    await fill(limiter)
    waiting = [asyncio.create_task(limiter.acquire()) for _ in range(4)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    for _ in range(4):
        limiter.sent()
    for _ in range(4):
        limiter.ended(RequestOutcome.REPLIED, clock.now)
    await asyncio.wait_for(asyncio.gather(*waiting), 1)
    assert limiter.in_flight == limiter.limit == 8
    assert [change.limit for change in changes] == [8]


async def test_a_slot_that_is_given_back_goes_to_the_next(clock: Clock) -> None:
    limiter = Limiter(1, clock=clock)
    await limiter.acquire()
    waiting = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    limiter.release()
    await asyncio.wait_for(waiting, 1)
    assert limiter.in_flight == 1


async def test_a_lent_slot_serves_new_work_and_its_owner_goes_first_afterwards(clock: Clock) -> None:
    limiter = Limiter(1, clock=clock)
    await limiter.acquire()
    order: list[str] = []

    async def new(name: str) -> None:
        await limiter.acquire()
        order.append(name)

    async with limiter.lend():
        first = asyncio.create_task(new("first"))
        await asyncio.wait_for(first, 1)
        second = asyncio.create_task(new("second"))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(limiter.release)
    order.append("owner")
    limiter.release()
    await asyncio.wait_for(second, 1)
    assert order == ["first", "owner", "second"]


async def test_no_new_work_begins_while_many_wait_for_another_attempt(clock: Clock) -> None:
    limiter = Limiter(1, clock=clock)

    async def lent(until: asyncio.Event) -> None:
        await limiter.acquire()
        async with limiter.lend():
            await until.wait()
        limiter.release()

    until = asyncio.Event()
    jobs = [asyncio.create_task(lent(until)) for _ in range(10)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert limiter.lent == 3
    until.set()
    await asyncio.wait_for(asyncio.gather(*jobs), 1)
    assert (limiter.lent, limiter.in_flight) == (0, 0)


async def test_who_stops_waiting_takes_no_slot(clock: Clock) -> None:
    limiter = Limiter(1, clock=clock)
    await limiter.acquire()
    gone = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    limiter.release()
    await asyncio.wait_for(limiter.acquire(), 1)
    assert limiter.in_flight == 1
