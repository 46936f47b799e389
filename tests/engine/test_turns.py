"""Replies first: what has arrived is stored before anything is scored or sent."""

from __future__ import annotations

import asyncio

from sparkles_eval.engine.turns import SendTurns


async def test_replies_that_came_together_are_all_stored_before_the_first_goes_on() -> None:
    turns, seen = SendTurns(needed=True), list[str]()

    async def replying(number: int) -> None:
        seen.append(f"stored {number}")
        await turns.replied()
        seen.append(f"scored {number}")

    await asyncio.gather(*map(replying, range(20)))
    assert seen == [f"stored {number}" for number in range(20)] + [f"scored {number}" for number in range(20)]


async def test_a_reply_that_arrives_meanwhile_goes_before_work_that_waits() -> None:
    turns, seen = SendTurns(needed=True), list[str]()

    async def asking(number: int) -> None:
        await turns.next()
        seen.append(f"sent {number}")
        await asyncio.sleep(0)  # a quick server: its reply comes in the next pass
        seen.append(f"stored {number}")
        await turns.replied()

    await asyncio.gather(*map(asking, range(3)))
    assert seen == ["sent 0", "stored 0", "sent 1", "stored 1", "sent 2", "stored 2"]


async def test_one_piece_of_work_is_done_in_a_pass_of_the_event_loop() -> None:
    turns, passes, done = SendTurns(needed=True), 0, list[int]()

    async def counting() -> None:
        nonlocal passes
        while len(done) < 5:
            passes += 1
            await asyncio.sleep(0)

    async def working() -> None:
        await turns.next()
        done.append(passes)

    await asyncio.gather(counting(), *(working() for _ in range(5)))
    assert len(set(done)) == 5
