"""Lets a local model answer a plain list of requests, without a run around it. Knows not who wants the answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sparkles_eval.adapters.base import BatchAdapter, Request
from sparkles_eval.errors import AdapterError, OutOfMemory, Rejected
from sparkles_eval.records import Reply


class Queue:
    """A feed of requests that are all there at the beginning; `deliver` gets each outcome with the request's place."""

    halted = False

    def __init__(
        self,
        adapter: BatchAdapter,
        requests: Sequence[tuple[int, Request]],
        deliver: Callable[[int, Reply | AdapterError], None],
    ) -> None:
        self.size = max(1, adapter.model.limits.batch_size)
        self._adapter = adapter
        self._deliver = deliver
        self._places = {id(request): place for place, request in requests}
        self._waiting = sorted((one for _, one in requests), key=adapter.length, reverse=True)
        self._taken: dict[int, Request] = {}

    def run(self) -> None:
        """Answer all of them, on this thread. When memory runs out, half as many rows go on."""
        while self._waiting:
            try:
                self._adapter.work(self, 0)
            except OutOfMemory as error:
                rows = list(self._taken.values())
                if len(rows) <= 1:
                    for request in rows:
                        self.deliver(request, Rejected(str(error)))
                    if not rows:
                        raise
                    continue
                self.size = max(1, len(rows) // 2)
                self.put_back(rows)

    def take(self, most: int) -> Sequence[Request]:
        found, self._waiting = self._waiting[:most], self._waiting[most:]
        self._taken |= {id(request): request for request in found}
        return found

    def put_back(self, requests: Sequence[Request]) -> None:
        for request in requests:
            del self._taken[id(request)]
        self._waiting = [*requests, *self._waiting]

    def deliver(self, request: Request, outcome: Reply | AdapterError) -> None:
        del self._taken[id(request)]
        self._deliver(self._places[id(request)], outcome)
