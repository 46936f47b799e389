"""How many requests are in flight: growth, cuts, pauses. Time is a number that the test sets."""

from __future__ import annotations

import asyncio

import pytest

from sparkles_eval.engine.limits import COOLDOWN_S, LimitChange, Limiter


class Clock:
    """Seconds, as the test says."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def fill(limiter: Limiter) -> None:
    """Take every free slot."""
    while limiter.in_flight < limiter.limit:
        await limiter.acquire()


async def clean_round(limiter: Limiter) -> None:
    """As many successes as there are slots, all slots used."""
    await fill(limiter)
    for _ in range(limiter.limit):
        limiter.succeeded()
        limiter.release()


async def test_doubles_each_clean_round_up_to_the_ceiling(clock: Clock) -> None:
    limits: list[int] = []
    limiter = Limiter(64, 10, clock=clock, changed=lambda change: limits.append(change.limit))
    for _ in range(5):
        await clean_round(limiter)
    assert limits == [20, 40, 64]


async def test_does_not_grow_while_its_slots_are_not_used(clock: Clock) -> None:
    limiter = Limiter(64, 10, clock=clock)
    for _ in range(50):
        await limiter.acquire()
        limiter.succeeded()
        limiter.release()
    assert limiter.limit == 10


async def test_one_cut_an_episode_and_slow_growth_from_then_on(clock: Clock) -> None:
    changes: list[LimitChange] = []
    limiter = Limiter(100, 40, clock=clock, changed=changes.append)
    sent = clock.now
    clock.now += 1
    for _ in range(30):  # all of them were sent before the first objection came back
        limiter.objected(sent, None)
    assert limiter.limit == 32
    clock.now += 0.5
    limiter.objected(clock.now, None)  # sent at the new limit: it was not small enough
    assert limiter.limit == 25
    clock.now += COOLDOWN_S
    await clean_round(limiter)
    assert limiter.limit == 27, "a twentieth a round, no doubling any more"
    assert "fewer requests" in changes[0].why


async def test_no_growth_within_the_cooldown_of_an_objection(clock: Clock) -> None:
    limiter = Limiter(100, 10, clock=clock)
    limiter.objected(clock.now, None)
    clock.now += COOLDOWN_S - 0.1
    for _ in range(5):
        await clean_round(limiter)
    assert limiter.limit == 8
    clock.now += 0.2
    await clean_round(limiter)
    assert limiter.limit == 9


async def test_a_server_fault_pauses_growth_without_a_cut(clock: Clock) -> None:
    limiter = Limiter(100, 10, clock=clock)
    limiter.faulted()
    await clean_round(limiter)
    assert limiter.limit == 10
    clock.now += COOLDOWN_S
    await clean_round(limiter)
    assert limiter.limit == 20, "still doubling: the provider has never objected to the number"


async def test_retry_after_is_the_latest_that_was_said(clock: Clock) -> None:
    limiter = Limiter(10, clock=clock)
    limiter.objected(clock.now, 30.0)
    limiter.objected(clock.now, 5.0)
    limiter.objected(clock.now, None)
    assert limiter.open_at == clock.now + 30


async def test_never_falls_below_one(clock: Clock) -> None:
    limiter = Limiter(4, clock=clock)
    for _ in range(40):
        clock.now += 1
        limiter.objected(clock.now, None)
    assert limiter.limit == 1


async def test_a_named_number_is_where_it_starts_and_ends(clock: Clock) -> None:
    limiter = Limiter(7, 7, clock=clock)
    for _ in range(3):
        await clean_round(limiter)
    assert limiter.limit == 7


async def test_slots_are_waited_for_and_a_raised_limit_frees_some(clock: Clock) -> None:
    limiter = Limiter(8, 2, clock=clock)
    await fill(limiter)
    third = asyncio.create_task(limiter.acquire())
    fourth = asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    assert not third.done()
    limiter.succeeded()
    limiter.succeeded()
    await asyncio.wait_for(asyncio.gather(third, fourth), 1)
    assert limiter.in_flight == limiter.limit == 4


async def test_a_lowered_limit_holds_back_until_enough_are_through(clock: Clock) -> None:
    limiter = Limiter(10, clock=clock)
    await fill(limiter)
    limiter.objected(clock.now, None)
    waiting = asyncio.create_task(limiter.acquire())
    for _ in range(2):
        limiter.release()
        await asyncio.sleep(0)
    assert (limiter.in_flight, limiter.limit, waiting.done()) == (8, 8, False)
    limiter.release()
    await asyncio.wait_for(waiting, 1)
