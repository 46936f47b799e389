"""Two who ask the same at the same time ask once."""

from __future__ import annotations

import asyncio

import pytest

from sparkles_eval.engine.cache import KeyedLock


async def test_the_second_waits_and_finds_what_the_first_stored() -> None:
    once, stored, asked = KeyedLock(), dict[str, int](), 0

    async def reply(key: str) -> int:
        nonlocal asked
        async with once.alone(key):
            if key not in stored:
                number = asked = asked + 1
                await asyncio.sleep(0.001)
                stored[key] = number
            return stored[key]

    replies = await asyncio.gather(*(reply(key) for key in ["a", "a", "b", "a", "b"]))
    assert replies == [1, 1, 2, 1, 2]


async def test_a_failure_lets_the_next_one_try() -> None:
    once = KeyedLock()
    with pytest.raises(ValueError, match="first"):
        async with once.alone("a"):
            raise ValueError("first")
    async with asyncio.timeout(1), once.alone("a"):
        pass
