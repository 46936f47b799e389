"""Asks one model, with retries, until it replies or a limit is reached."""

from __future__ import annotations

import asyncio
import contextlib
import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic

from sparkles_eval.adapters.base import Adapter, BatchAdapter, Request
from sparkles_eval.core import Reply, Status, Usage
from sparkles_eval.core.errors import (
    AdapterError,
    Denied,
    RateLimited,
    Rejected,
    SparklesError,
    TimedOut,
    Transient,
    Unreadable,
)
from sparkles_eval.engine.batching import WINDOW, Batcher
from sparkles_eval.engine.limits import CostBudget, LimitChange, Limiter, RetryPolicy
from sparkles_eval.engine.progress import Progress

_ERROR_LENGTH = 2_000
"""Characters of an error that are kept: a provider may answer with a whole page."""
_FIRST_LIMIT = 10
"""Requests in flight that an untried provider is sent, unless the user named a number."""
_UNREADABLE = 2
"""Replies to one request that could not be read, after which it is given up: each may have cost its full price."""
_VISIBLE_S = 1.0
"""Waits of this many seconds or more are told."""


class Unanswered(SparklesError):
    """A request has no reply. The message is the reason that its scores will carry."""


class Interrupted(SparklesError):
    """The session was ended before the request was sent: its item is left as it is, for the next session."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a request, for the record. `reply` is None for failures, `error` then says why."""

    number: int
    status: Status
    reply: Reply | None
    error: str | None
    latency_s: float

    @property
    def usage(self) -> Usage:
        return self.reply.usage if self.reply else Usage()


class ModelClient:
    """All requests to one model go through here: slots, waiting, attempts, the breaker and the budget.

    `connections` fixes the number in flight (it still shrinks when the provider objects); None adapts it. A model that
    answers in batches has a queue instead, long enough to sort.
    """

    def __init__(
        self,
        adapter: Adapter,
        *,
        patience: RetryPolicy,
        budget: CostBudget,
        progress: Progress,
        connections: int | None = None,
    ) -> None:
        self.adapter = adapter
        self.name = adapter.model.name
        self.stopped: str | None = None
        """Why this model is asked nothing more, or None."""
        self._batcher = Batcher(adapter, self._batch_changed) if isinstance(adapter, BatchAdapter) else None
        most = WINDOW if self._batcher else adapter.model.limits.max_connections
        self.limiter = Limiter(
            connections or most,
            connections or (most if self._batcher or adapter.model.free else _FIRST_LIMIT),
            clock=monotonic,
            changed=self._limit_changed,
        )
        self._patience = patience
        self._budget = budget
        self._progress = progress
        self._random = random.Random()  # noqa: S311  (jitter)
        self._in_a_row = 0
        self._interrupted = False
        self._halted = asyncio.Event()
        """Set when nothing more will be asked: who waits for the next attempt need not wait any longer."""

    @property
    def in_flight(self) -> int:
        """Requests that the model has been given and not answered."""
        return self._batcher.in_work if self._batcher else self.limiter.in_flight

    def close(self) -> None:
        """End the threads of a local model; what it is working on is given up."""
        if self._batcher:
            self._batcher.close()

    def stop(self, reason: str, kind: str = "stopped") -> None:
        """Ask this model nothing more; what is still to be asked has `reason` as its reason."""
        if self.stopped is None:
            self.stopped = reason
            self._halted.set()
            if self._batcher:
                self._batcher.drop(lambda: Unanswered(reason))
            self._progress.event(kind, self.name, reason)

    def interrupt(self) -> None:
        """Send nothing more from now on; what is on its way is waited for."""
        self._interrupted = True
        self._halted.set()
        if self._batcher:
            self._batcher.drop(Interrupted)

    async def ask(self, request: Request, record: Callable[[Attempt], None]) -> Reply:
        """The model's reply. `record` is called with every attempt when it ends, before anything else happens.

        Raises Unanswered with the reason when there is none, Interrupted when the session ended before it was sent.
        """
        if problem := self.adapter.check(request):
            raise Unanswered(problem)
        deadline = monotonic() + self._patience.total_s
        number = failures = unreadable = 0
        while True:
            await self._admit(deadline)
            number += 1
            sent_at = monotonic()
            try:
                reply = await self._once(request)
            except AdapterError as error:
                status = Status.TIMEOUT if isinstance(error, TimedOut) else Status.API_ERROR
                message = str(error)[:_ERROR_LENGTH]
                record(Attempt(number, status, None, message, monotonic() - sent_at))
                failures += not isinstance(error, RateLimited)
                unreadable += isinstance(error, Unreadable)
                wait = self._after(error, number, failures, sent_at)
                if failures >= self._patience.attempts or unreadable >= _UNREADABLE or monotonic() + wait > deadline:
                    self._gave_up(message)
                    raise Unanswered(f"no reply after {number} attempt{'s' * (number > 1)}: {message}") from error
                await self._pause(wait)
            else:
                latency_s = monotonic() - sent_at if reply.latency_s is None else reply.latency_s
                record(Attempt(number, reply.status, reply, reply.detail, latency_s))
                self.limiter.succeeded()
                self._in_a_row = 0
                return reply

    async def _admit(self, deadline: float) -> None:
        """Wait until the model may be asked; raises Unanswered or Interrupted when it may not be asked at all."""
        while (wait := self.limiter.open_at - monotonic()) > 0 and not self._halted.is_set():
            if monotonic() + wait > deadline:
                message = f"{self.name} asks to wait until {_clock(wait):%H:%M:%S}, longer than a request is tried"
                self._gave_up(message)
                raise Unanswered(message)
            await self._pause(wait)
        if not self._halted.is_set() and not await self._budget.room(self.name):
            self.stop(f"--max-cost {self._budget.limit_usd:g} USD is reached", "budget")
        if self._interrupted:
            raise Interrupted
        if self.stopped is not None:
            raise Unanswered(self.stopped)

    async def _pause(self, seconds: float) -> None:
        """Wait, visibly where it is long, and no longer than the model is asked at all."""
        if seconds >= _VISIBLE_S:
            self._progress.waiting(self.name, _clock(seconds))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._halted.wait()

    async def _once(self, request: Request) -> Reply:
        self._budget.begin(self.name)
        usage: Usage | None = None
        try:
            reply = await (self._batcher or self.adapter).answer(request)
            usage = reply.usage
        except (AdapterError, Unanswered, Interrupted):
            raise
        except Exception as error:
            # A fault of the adapter (perhaps a user's plugin) costs its item, not the night's run.
            self._progress.event("fault", self.name, traceback.format_exc()[-_ERROR_LENGTH:])
            raise Rejected(f"fault in the adapter of {self.name}: {type(error).__name__}: {error}") from error
        finally:
            self._budget.end(self.name, usage)
        return reply

    def _after(self, error: AdapterError, number: int, failures: int, sent_at: float) -> float:
        """What an error means: seconds to wait before the next attempt. Raises Unanswered when there is no next."""
        message = str(error)[:_ERROR_LENGTH]
        match error:
            case Denied():
                self.stop(message)
                raise Unanswered(message) from error
            case RateLimited(retry_after=retry_after):
                self.limiter.objected(sent_at, retry_after)
                return (retry_after or 0.0) + self._patience.wait_s(number if retry_after is None else 1, self._random)
            case Transient():
                if error.status_code is not None and error.status_code >= 500:
                    self.limiter.faulted()
                return self._patience.wait_s(failures, self._random)
            case _:
                self._gave_up(message)
                raise Unanswered(message) from error

    def _gave_up(self, message: str) -> None:
        self._in_a_row += 1
        if self._in_a_row >= self._patience.failures_in_a_row:
            self.stop(f"stopped after {self._in_a_row} failed requests in a row, the last: {message}")

    def _batch_changed(self, message: str) -> None:
        self._progress.event("batch", self.name, message)

    def _limit_changed(self, change: LimitChange) -> None:
        self._progress.event("connections", self.name, f"{change.limit} at a time: {change.why}")


def _clock(seconds: float) -> datetime:
    """The time of day so many seconds from now."""
    return datetime.now().astimezone() + timedelta(seconds=seconds)
