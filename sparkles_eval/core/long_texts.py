"""Keeps the event loop free while a long text is read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LONG = 20_000
"""Characters or bytes from which on reading may take 0.1 s on a busy machine, in which all else would wait."""


async def read_aside(size: int, read: Callable[[], T]) -> T:
    """What `read` gives: at once for a text of usual size, in a thread for a long one."""
    return read() if size < LONG else await asyncio.to_thread(read)
