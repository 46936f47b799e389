"""Sends requests to one model and retries them until it replies or a limit is reached."""

from __future__ import annotations

import asyncio
import contextlib
import random
import traceback
from collections.abc import Callable
from functools import partial
from time import monotonic

from sparkles_eval.adapters.base import Adapter, AddressedAdapter, AnnouncedLimits, BatchAdapter, Request
from sparkles_eval.core import Reply, Usage
from sparkles_eval.core.errors import (
    AdapterError,
    Denied,
    RateLimited,
    Rejected,
    RequestAdjusted,
    TooLong,
    Transient,
    Unreadable,
)
from sparkles_eval.engine.attempts import (
    ERROR_LENGTH,
    Attempt,
    Elsewhere,
    Interrupted,
    RequestState,
    Unanswered,
    error_text,
    failed_attempt,
    outcome_of,
    time_of_day,
)
from sparkles_eval.engine.batching import WINDOW, Batcher
from sparkles_eval.engine.breaker import Breaker, Failure
from sparkles_eval.engine.config import RetryPolicy
from sparkles_eval.engine.congestion import RequestOutcome
from sparkles_eval.engine.cost_estimate import reply_cost
from sparkles_eval.engine.limits import CostBudget, Limiter
from sparkles_eval.engine.pacing import Pacing
from sparkles_eval.engine.progress import Progress
from sparkles_eval.engine.request_history import RequestHistory
from sparkles_eval.engine.storable import storable, storable_reply
from sparkles_eval.engine.turns import SendTurns

_FIRST_LIMIT = 10
"""Requests in flight that an untried provider is sent, unless the user named a number."""
_UNREADABLE = 2
"""Replies to one request that could not be read, after which it is given up: each may have cost its full price."""
_VISIBLE_S = 1.0
"""Waits of this many seconds or more are shown."""
_LONGEST_ROOM_S = 5.0
"""The longest wait after a refusal that names no time, in seconds."""


class ModelClient:
    """The client of one model: pace, waits, attempts, circuit breaker and budget of all its requests.

    `connections` fixes the number in flight (it still shrinks when the provider objects); None adapts it. A model that
    answers in batches has a queue instead, long enough to sort. Whoever calls `ask` holds a slot of `limiter`; it is
    lent to others during waits.
    """

    def __init__(
        self,
        adapter: Adapter,
        *,
        patience: RetryPolicy,
        budget: CostBudget,
        progress: Progress,
        connections: int | None = None,
        turns: SendTurns | None = None,
        elsewhere: Callable[[RequestState], bool] | None = None,
        first_reply: Callable[[Reply], None] = lambda _: None,
    ) -> None:
        """`elsewhere` says whether a request could go to another address of the model now (endpoint_pool).

        `first_reply` is called with the first reply.
        """
        self.adapter = adapter
        self.name = adapter.model.name
        self.address = adapter.address if isinstance(adapter, AddressedAdapter) else None
        self.stopped: str | None = None
        """Why this model is asked nothing more, or None."""
        self.unasked = 0
        """Requests that were not sent because the model had stopped."""
        on_event = partial(progress.event, "batch", self.name)
        self._batcher = Batcher(adapter, on_event) if isinstance(adapter, BatchAdapter) else None
        most = WINDOW if self._batcher else adapter.model.limits.max_connections
        self.limiter = Limiter(
            connections or most,
            connections or (most if self._batcher or adapter.model.free else _FIRST_LIMIT),
            clock=monotonic,
            changed=lambda change: self._event("connections", f"{change.limit:.3g} at a time: {change.why}"),
        )
        proven = self._batcher is not None
        self.breaker = Breaker(clock=monotonic, on_event=self._event, longest_s=patience.outage_s, proven=proven)
        self.pacing = Pacing(monotonic)
        if isinstance(adapter, AnnouncedLimits):
            adapter.on_rate_limits(self.pacing.announced)
        self._turns = turns or SendTurns()
        self._elsewhere, self._first_reply = elsewhere, first_reply
        self._patience, self._budget, self._progress = patience, budget, progress
        self._random = random.Random()  # noqa: S311  (jitter)
        self._history = RequestHistory()
        self._interrupted = False
        self._halted = asyncio.Event()
        """Set when nothing more will be asked: who waits for the next attempt need not wait any longer."""

    @property
    def in_flight(self) -> int:
        """Requests that were sent and have no reply yet."""
        return self._batcher.in_work if self._batcher else self.limiter.in_flight

    def close(self) -> None:
        """End the threads of a local model; its requests in work are given up."""
        if self._batcher:
            self._batcher.close()

    def stop(self, reason: str, kind: str = "stopped") -> None:
        """Send this model nothing more; remaining requests end with `reason`."""
        if self.stopped is None:
            self.stopped = reason
            self._halt(lambda: Unanswered(reason))
            self._event(kind, reason)

    def interrupt(self) -> None:
        """Send nothing more; requests in flight are waited for."""
        self._interrupted = True
        self._halt(Interrupted)

    async def ask(self, request: Request, record: Callable[[Attempt], None], at: RequestState | None = None) -> Reply:
        """The model's reply. `record` is called with every attempt when it ends, before anything else happens.

        Raises Unanswered with the reason when there is none, Interrupted when the session ended before it was sent,
        Elsewhere where another address should be asked, with `at` as it is then.
        """
        if problem := self.adapter.check(request):
            raise Unanswered(problem)
        at = at or RequestState()
        while True:
            await self._admit(at)
            try:
                reply = await self._once(request)
            except AdapterError as error:
                took = monotonic() - at.sent_at
                at.spent_s += took
                record(failed_attempt(error, at.number, took, self.address))
                await self._pause(self._after(error, at), at, held=outcome_of(error) is RequestOutcome.REFUSED)
            except BaseException:
                self.limiter.ended(None, at.sent_at)
                self.breaker.abandoned(probe=at.probe)
                raise
            else:
                latency_s = monotonic() - at.sent_at if reply.latency_s is None else reply.latency_s
                record(Attempt(at.number, reply.status, reply, reply.detail, latency_s, address=self.address))
                self._replied(reply, at)
                return reply

    def _replied(self, reply: Reply, at: RequestState) -> None:
        if not self._history.answered:
            self._first_reply(reply)
        self._history.replied()
        tokens = (reply.usage.input_tokens or 0) + (reply.usage.output_tokens or 0)
        self.pacing.replied(tokens)
        self.limiter.ended(RequestOutcome.REPLIED, at.sent_at)
        if self.breaker.replied():
            self.limiter.restart()

    async def _admit(self, at: RequestState) -> None:
        """Wait until the model may be asked; raises Unanswered or Interrupted when it may not be asked at all."""
        at.probe = False
        while not self._halted.is_set():
            if not self.breaker.passing:
                if self._elsewhere is not None and not self.breaker.due:
                    raise Elsewhere
                if self.breaker.next_probe_s:
                    self._show(self.breaker.next_probe_s)
                async with self.limiter.lend():
                    at.probe = await self.breaker.admit()
            wait = 0.0 if at.probe else self.pacing.wait_s()
            if not wait:
                break
            self._show(wait)
            await self._sleep(wait)
        if self._batcher is None:
            await self._turns.next()
        if not self._halted.is_set() and not await self._budget.room(self.name):
            self.stop(f"--max-cost {self._budget.limit_usd:g} USD is reached", "budget")
        if self._interrupted or self.stopped is not None:
            self.breaker.abandoned(probe=at.probe)
            if self._interrupted:
                raise Interrupted
            self.unasked += not at.number
            raise Unanswered(self.stopped)
        self.pacing.sent()
        self.limiter.sent()
        at.number += 1
        at.sent_at = monotonic()

    async def _pause(self, seconds: float, at: RequestState, *, held: bool) -> None:
        """Wait before the next attempt.

        A slot that met a refusal stays taken for as long as a reply takes, so that refusals that come at once do not
        draw the next request into the same.
        """
        at.spent_s += seconds
        self._show(seconds)
        at.failed_at.add(self.address)
        if self._elsewhere is not None and not held and (not self.breaker.passing or self._elsewhere(at)):
            raise Elsewhere
        if held:
            keep = min(seconds, self.limiter.congestion.latency_s or _VISIBLE_S)
            await self._sleep(keep, lend=False)
            seconds -= keep
            if self._elsewhere is not None and self._elsewhere(at):
                raise Elsewhere
        at.failed_at.clear()
        if seconds > 0:
            await self._sleep(seconds)
        elif self.limiter.in_flight > self.limiter.limit:  # the limit has been cut meanwhile
            async with self.limiter.lend():
                pass

    async def _sleep(self, seconds: float, *, lend: bool = True) -> None:
        """Wait, unless the client is stopped meanwhile."""
        if seconds <= 0:
            return
        async with self.limiter.lend() if lend else contextlib.nullcontext():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._halted.wait()

    def _show(self, seconds: float) -> None:
        if seconds >= _VISIBLE_S:
            self._progress.waiting(self.name, time_of_day(seconds))

    async def _once(self, request: Request) -> Reply:
        self._budget.begin(self.name)
        spent: tuple[Usage | None, float | None] = (None, None)
        try:
            reply = storable_reply(await (self._batcher or self.adapter).answer(request))
            unknown = reply.usage.cost_usd is None
            spent = reply.usage, reply_cost(self.adapter.model, request.conversation, reply) if unknown else None
        except AdapterError as error:
            spent = error.usage, None
            raise
        except (Unanswered, Interrupted):
            raise
        except Exception as error:
            # A fault of the adapter (perhaps a user's plugin) costs its item, not the night's run.
            self._progress.event("fault", self.name, storable(traceback.format_exc()[-ERROR_LENGTH:]))
            raise Rejected(f"fault in the adapter of {self.name}: {type(error).__name__}: {error}") from error
        finally:
            self._budget.end(self.name, *spent)
        return reply

    def _after(self, error: AdapterError, at: RequestState) -> float:
        """Seconds to wait before the next attempt after an error. Raises Unanswered when there is no next attempt."""
        message = error_text(error)
        # What a probe meets says nothing about how many may be in flight.
        self.limiter.ended(outcome_of(error) if self.breaker.passing else None, at.sent_at)
        match error:
            case RequestAdjusted():
                self._progress.event("adjusted", self.name, message)
                self.breaker.abandoned(probe=at.probe)
                return 0.0
            case Transient():
                return self._later(error, message, at)
            case TooLong():  # about this item alone, however many of them follow each other
                if self.breaker.refused(probe=at.probe):
                    self.limiter.restart()
            case Denied() if not (self._history.answered and error.status_code in (403, 404)):
                self.stop(message)
            case _:
                # Also a 403 or 404 once replies have come: key and address are right, so it is about this item.
                self._declined(message, at)
        raise Unanswered(message) from error

    def _later(self, error: Transient, message: str, at: RequestState) -> float:
        """Seconds to wait after a failure that may not last. Raises Unanswered where the request is given up."""
        limited = isinstance(error, RateLimited)
        if limited:
            self.pacing.refused(at.sent_at)
        if self._away(error, message, at):
            minutes = self._patience.outage_s / 60
            self.stop(f"no reply for {minutes:.0f} minutes (--max-outage), the last: {message}", "stopped")
        if not self.breaker.outage:
            self._history.attempt_failed()
        at.unreadable += isinstance(error, Unreadable)
        at.failures += not limited and (not self.breaker.outage or self._patience.attempts is not None)
        failing = self._history.failure_share
        wait = self._patience.wait_s(at.number if limited else at.failures, self._random, failing)
        if outcome_of(error) is RequestOutcome.REFUSED:
            # Room is made by a reply to another, so there is none much sooner than one takes.
            wait = max(wait, min(_LONGEST_ROOM_S, self.limiter.congestion.latency_s) * self._random.uniform(0.5, 1.0))
        if error.retry_after is not None:
            wait = self._patience.asked_wait_s(error.retry_after, self._random, answered=self._history.answered)
        longest = self._patience.total_s
        if self.breaker.outage:
            longest = self._patience.outage_s
            if not self._history.answered and wait > longest:
                self.stop(f"asks to wait until {time_of_day(wait):%H:%M:%S}, beyond --max-outage: {message}")
            elif self._patience.attempts is None and self.stopped is None:
                at.spent_s = 0.0
                return 0.0  # the breaker says when
        given_up = self._patience.hopeless(at.failures, failing if self._history.answered else 0.0)
        if given_up or at.unreadable >= _UNREADABLE or at.spent_s + wait > self._patience.total_s:
            self._gave_up(message)
            until = f", which asks to wait until {time_of_day(wait):%H:%M:%S}" if wait > longest else ""
            raise Unanswered(f"no reply after {at.number} attempt{'s' * (at.number > 1)}{until}: {message}") from error
        return wait

    def _away(self, error: Transient, message: str, at: RequestState) -> bool:
        """Report a failure to the breaker. True where the outage has lasted longer than `--max-outage`.

        A 500 may come from what this one request holds; it is a sign of an outage only where others fail as well.
        A 429 shows that the model is there.
        """
        sign = self._history.failing_with_others(id(at)) or error.status_code != 500
        if isinstance(error, RateLimited) and not at.probe:
            return False
        failure = Failure(message, error.retry_after, sign=sign)
        latency_s = self.limiter.congestion.latency_s
        return self.breaker.failed(failure, probe=at.probe, at_once=self.limiter.limit, reply_s=latency_s)

    def _declined(self, message: str, at: RequestState) -> None:
        """Handle a request that the model declines for good."""
        if self.breaker.refused(probe=at.probe):
            self.limiter.restart()
        self._gave_up(message)

    def _gave_up(self, message: str) -> None:
        """Count a request that ends without a reply, and stop the model where no other is likely to get one."""
        if reason := self._history.gave_up(message, self._patience.failures_in_a_row):
            self.stop(reason)

    def _halt(self, ended: Callable[[], Exception]) -> None:
        self._halted.set()
        self.breaker.halt()
        if self._batcher:
            self._batcher.drop(ended)

    def _event(self, kind: str, message: str) -> None:
        """Log an event, with the address where the model has several."""
        self._progress.event(kind, self.name, message if self._elsewhere is None else f"{self.address}: {message}")
