"""One request on its way to a model: its attempts, how it can end, and what an error says about how many to send."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sparkles_eval.core import Reply, Status, Usage
from sparkles_eval.core.errors import AdapterError, RateLimited, RequestAdjusted, SparklesError, TimedOut, Transient
from sparkles_eval.engine.congestion import RequestOutcome
from sparkles_eval.engine.storable import storable

ERROR_LENGTH = 2_000
"""Characters of an error that are kept: a provider may answer with a whole page."""
_SHED = (503, 529)
"""Statuses by which an overloaded server declines; they count as "fewer, please" like 429."""


class Unanswered(SparklesError):
    """A request ends without a reply. The message is the reason that its scores carry."""


class Elsewhere(SparklesError):
    """The request goes to another address of its model instead of waiting for this one."""


class Interrupted(SparklesError):
    """The session ended before the request was sent; its item is left for the next session."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a request, for the record. `reply` is None for failures, `error` then says why."""

    number: int
    status: Status
    reply: Reply | None
    error: str | None
    latency_s: float
    used: Usage | None = None
    """Of a failure, where the provider says it."""
    address: str | None = None
    """Where it was asked; None for what runs in this process."""

    @property
    def usage(self) -> Usage:
        return self.reply.usage if self.reply else self.used or Usage()


@dataclass(slots=True)
class RequestState:
    """Where one request stands: attempts, failures among them, and seconds that count against its patience."""

    number: int = 0
    failures: int = 0
    unreadable: int = 0
    spent_s: float = 0.0
    sent_at: float = 0.0
    probe: bool = False
    failed_at: set[str | None] = field(default_factory=set)
    """Of several addresses, those where it has failed since it last waited."""


def error_text(error: AdapterError) -> str:
    """An error as it may be stored."""
    return storable(str(error)[:ERROR_LENGTH])


def failed_attempt(error: AdapterError, number: int, latency_s: float, address: str | None) -> Attempt:
    """The record of an attempt that ended in an error."""
    status = Status.TIMEOUT if isinstance(error, TimedOut) else Status.API_ERROR
    return Attempt(number, status, None, error_text(error), latency_s, error.usage, address)


def outcome_of(error: AdapterError) -> RequestOutcome | None:
    """What an error says about the number of requests in flight; None: nothing."""
    if isinstance(error, RequestAdjusted) or not isinstance(error, Transient):
        return None
    return (
        RequestOutcome.REFUSED
        if isinstance(error, RateLimited) or error.status_code in _SHED
        else RequestOutcome.FAILED
    )


def time_of_day(seconds: float) -> datetime:
    """The time of day in `seconds` seconds."""
    return datetime.now().astimezone() + timedelta(seconds=seconds)
