"""Runs jobs side by side within a limiter's slots. Knows nothing of what a job does.

A job is made only when a slot is free for it, so that whatever it holds (image bytes, a request body) exists for as
many items as are in flight, however many wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeAlias

from sparkles_eval.engine.limiter import Limiter

Job: TypeAlias = Callable[[], Awaitable[None]]


class Pool:
    """A queue of jobs for one limiter. Jobs come from iterators given to `feed` and one by one from `put`."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._feeds: deque[Iterator[Job]] = deque()
        self._waiting: deque[Job] = deque()
        self._news = asyncio.Event()
        self._closed = self._dropped = False

    def feed(self, jobs: Iterable[Job]) -> None:
        """Add jobs that are made one at a time; several feeds take turns, so that all get on together."""
        self._feeds.append(iter(jobs))
        self._news.set()

    def put(self, job: Job) -> None:
        """Add one job; after `drop` it is forgotten."""
        if not self._dropped:
            self._waiting.append(job)
        self._news.set()

    def close(self) -> None:
        """Nothing more will be put; `run` returns when all is done."""
        self._closed = True
        self._news.set()

    def drop(self) -> None:
        """Forget what has not begun, and close."""
        self._dropped = True
        self._feeds.clear()
        self._waiting.clear()
        self.close()

    async def run(self) -> None:
        """Work until closed and empty. An exception of a job ends all of them: jobs handle what they expect."""
        async with asyncio.TaskGroup() as group:
            while await self._any():
                await self._limiter.acquire()
                job = self._next()
                if job is None:
                    self._limiter.release()
                else:
                    group.create_task(self._work(job))

    async def _any(self) -> bool:
        """Wait until there may be something to do; False when there will be nothing more."""
        while not self._waiting and not self._feeds:
            if self._closed:
                return False
            self._news.clear()
            await self._news.wait()
        return True

    def _next(self) -> Job | None:
        if self._waiting:
            return self._waiting.popleft()
        while self._feeds:
            feed = self._feeds.popleft()
            job = next(feed, None)
            if job is not None:
                self._feeds.append(feed)
                return job
        return None

    async def _work(self, job: Job) -> None:
        try:
            await job()
        finally:
            self._limiter.release()
