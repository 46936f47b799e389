"""Long texts are read beside the event loop, short ones on it."""

from __future__ import annotations

import asyncio
import threading

from sparkles_eval.core.long_texts import LONG, read_aside


async def test_only_a_long_text_is_read_in_a_thread() -> None:
    assert await read_aside(LONG - 1, threading.current_thread) is threading.main_thread()
    assert await read_aside(LONG, threading.current_thread) is not threading.main_thread()


async def test_the_loop_goes_on_while_a_long_text_is_read() -> None:
    going_on = threading.Event()

    async def other() -> None:
        going_on.set()

    reading = asyncio.ensure_future(read_aside(LONG, lambda: going_on.wait(30)))
    await asyncio.sleep(0)
    await other()
    assert await reading, "the reader waited for something that only the loop can do"
