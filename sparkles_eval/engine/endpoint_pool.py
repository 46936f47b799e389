"""Balances requests to one model over several servers: the least busy one, leaving out those that are away."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import TypeAlias

from sparkles_eval.adapters.base import Adapter, AddressedAdapter, Request
from sparkles_eval.core import Reply
from sparkles_eval.engine.attempts import Attempt, Elsewhere, Interrupted, RequestState, Unanswered
from sparkles_eval.engine.client import ModelClient
from sparkles_eval.engine.limits import Limiter

_LOOK_S = 0.05
"""How often those who wait look whether a pause of an address has ended meanwhile."""


class EndpointPoolClient:
    """The client of one model at several addresses, each with a ModelClient, limit and breaker of its own.

    A request goes to the address with the least in flight for its limit. One that is away is left out; when it is due
    to be tried again, one request tries it. What fails at one address is asked at another.
    """

    def __init__(
        self,
        adapter: AddressedAdapter,
        make: Callable[[AddressedAdapter, Callable[[RequestState], bool]], ModelClient],
    ) -> None:
        """`make` makes the client of one address, given what says whether a request could be asked at another one."""
        self.adapter: Adapter = adapter
        self.name = adapter.model.name
        self.unasked = 0
        """Requests that were not sent because the model had stopped."""
        self._clients: list[ModelClient] = []
        for number, endpoint in enumerate(adapter.endpoints):
            self._clients.append(make(endpoint, partial(self._another, number)))
        most = sum(client.limiter.congestion.ceiling for client in self._clients)
        self.limiter = Limiter(most, clock=monotonic)
        """Slots for work that is under way; how much each address is sent, its own limiter says."""
        self._waiting: deque[tuple[asyncio.Future[ModelClient], RequestState]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._interrupted = False

    @property
    def clients(self) -> Sequence[ModelClient]:
        """The client of each address."""
        return self._clients

    @property
    def stopped(self) -> str | None:
        """Why this model is asked nothing more: every address has its reason."""
        reasons = [client.stopped for client in self._clients]
        said = [reason for reason in reasons if reason is not None]
        return "; ".join(dict.fromkeys(said)) if len(said) == len(reasons) else None

    @property
    def in_flight(self) -> int:
        """Requests that were sent and have no reply yet."""
        return sum(client.in_flight for client in self._clients)

    def close(self) -> None:
        """Close every client."""
        for client in self._clients:
            client.close()

    def interrupt(self) -> None:
        """Send nothing more; requests in flight are waited for."""
        self._interrupted = True
        for client in self._clients:
            client.interrupt()
        self._admit()

    async def ask(self, request: Request, record: Callable[[Attempt], None]) -> Reply:
        """As ModelClient.ask, at any address that is available."""
        if problem := self.adapter.check(request):
            raise Unanswered(problem)
        at = RequestState()
        while True:
            client = await self._take(at)
            try:
                return await client.ask(request, record, at)
            except Elsewhere:
                continue
            except Unanswered:
                if client.stopped is None or self.stopped is not None:
                    raise  # about this request, or there is nobody else
            finally:
                client.limiter.release()
                self._admit()

    async def _take(self, at: RequestState) -> ModelClient:
        """Wait for a client with a free slot, and take the slot."""
        turn: asyncio.Future[ModelClient] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, at))
        self._admit()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                turn.result().limiter.release()
            raise
        except Unanswered:
            self.unasked += not at.number
            raise

    def _admit(self) -> None:
        """Give waiting requests an address each while one is free; end their wait where none will be."""
        waiting, self._waiting = self._waiting, deque()
        stopped, tried, full = self.stopped, set[int](), False
        for turn, at in waiting:
            if turn.done():
                continue
            if self._interrupted:
                turn.set_exception(Interrupted())
            elif stopped is not None:
                turn.set_exception(Unanswered(stopped))
            elif not full and (client := self._free(at, tried)):
                turn.set_result(client)
            else:
                self._waiting.append((turn, at))
                full = full or not at.failed_at
        if self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _look(self) -> None:
        self._timer = None
        self._admit()

    def _free(self, at: RequestState, tried: set[int]) -> ModelClient | None:
        """An available address, with one of its slots taken. `tried`: those that are tried already."""
        asked = [client for client in self._clients if client.stopped is None]
        for client in asked:
            if client.breaker.due and id(client) not in tried and client.limiter.take():
                tried.add(id(client))
                return client
        passing = [client for client in asked if client.breaker.passing]
        sound = [client for client in passing if client.address not in at.failed_at] or passing
        for client in sorted(sound, key=lambda client: client.limiter.in_flight / client.limiter.limit):
            if not client.pacing.wait_s() and client.limiter.take():
                return client
        return None

    def _another(self, own: int, at: RequestState) -> bool:
        """True where this could be asked at once at another address, where it has not failed."""
        return any(
            client.breaker.due
            or (client.breaker.passing and client.limiter.in_flight < max(1, round(client.limiter.limit)))
            for number, client in enumerate(self._clients)
            if number != own and client.stopped is None and client.address not in at.failed_at
        )


AnyClient: TypeAlias = ModelClient | EndpointPoolClient
"""Who asks a model, at one address or at several."""
