"""Queues the requests of all tasks for one local model, which answers many at once in a thread of its own.

The event loop goes on meanwhile: it stores, judges and tells. A reply counts the moment its row is done, not when the
batch is. Knows nothing of what a model computes.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic, sleep

from sparkles_eval.adapters.base import BatchAdapter, Request
from sparkles_eval.core import Reply
from sparkles_eval.core.errors import AdapterError, Denied, OutOfMemory, Rejected, UserError

WINDOW = 4096
"""Requests that queue at the most: enough to sort, and small beside a model."""

_GATHER_S = 0.02
"""A first request waits so long for others, so that they begin together."""
_JOIN_S = 5.0
"""How long closing waits for a step that is under way."""


@dataclass(eq=False, slots=True)
class _Entry:
    request: Request
    future: asyncio.Future[Reply]
    length: int
    """Positions of the prompt."""
    began: float = field(default=0.0)


class Batcher:
    """The queue of one local model. `on_event` is called with a message on the event loop."""

    def __init__(self, adapter: BatchAdapter, on_event: Callable[[str], None]) -> None:
        self._adapter = adapter
        self._on_event = on_event
        self._news = threading.Condition()
        self._waiting: list[_Entry] = []
        self._answers = _AnswerLengths()
        self._lanes: list[_ReplicaQueue] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self.halted = False

    @property
    def in_work(self) -> int:
        """Requests that the model is working on."""
        return sum(len(lane.taken) for lane in self._lanes)

    async def answer(self, request: Request) -> Reply:
        """The reply, after its turn in the queue. Raises what the adapter delivers, or what `drop` is given."""
        self._loop = asyncio.get_running_loop()
        entry = _Entry(request, self._loop.create_future(), self._adapter.length(request))
        with self._news:
            self._waiting.append(entry)
            self._news.notify_all()
        if not self._lanes:
            self._lanes = [_ReplicaQueue(self, self._adapter, number) for number in range(self._adapter.replicas)]
        return await entry.future

    def drop(self, reason: Callable[[], Exception]) -> None:
        """End requests that have not begun, each with an exception of its own; those in work go on."""
        with self._news:
            dropped, self._waiting = self._waiting, []
        for entry in dropped:
            if not entry.future.done():
                entry.future.set_exception(reason())

    def close(self) -> None:
        """End the threads, waiting a moment for the current step."""
        with self._news:
            self.halted = True
            self._news.notify_all()
        for lane in self._lanes:
            lane.thread.join(_JOIN_S)

    # --- called by the lanes, in their threads --------------------------------------------------------

    def some(self) -> bool:
        """Wait until a request is queued; False when the queue is closed."""
        with self._news:
            self._news.wait_for(lambda: self._waiting or self.halted)
        sleep(_GATHER_S)
        return not self.halted

    def next(self, most: int) -> list[_Entry]:
        """Up to that many entries, longest expected answers first, then longest prompts.

        Alike in both, they end about together and need little padding; the longest first leaves no straggler.
        """
        with self._news:
            if not self._waiting or self.halted or most < 1:
                return []
            waiting = self._in_order()
            found, self._waiting = waiting[:most], waiting[most:]
            return found

    def coming(self, most: int) -> list[Request]:
        """The requests of the entries that `next` would give; all stay in the queue."""
        with self._news:
            return [entry.request for entry in self._in_order()[:most]]

    def _in_order(self) -> list[_Entry]:
        waiting = [entry for entry in self._waiting if not entry.future.done()]
        waiting.sort(key=lambda entry: (self._answers.expected(entry.request), entry.length), reverse=True)
        return waiting

    def again(self, entries: Sequence[_Entry]) -> None:
        with self._news:
            self._waiting = [*entries, *self._waiting]
            self._news.notify_all()

    def rest(self) -> list[_Entry]:
        with self._news:
            found, self._waiting = self._waiting, []
            return found

    def settle(self, entry: _Entry, outcome: Reply | Exception) -> None:
        if isinstance(outcome, Reply):
            self._answers.seen(entry.request, outcome)
            outcome = replace(outcome, latency_s=monotonic() - entry.began)
        self._on_loop(lambda: _settle(entry.future, outcome))

    def report_event(self, message: str) -> None:
        self._on_loop(lambda: self._on_event(message))

    def _on_loop(self, call: Callable[[], None]) -> None:
        assert self._loop is not None  # a lane exists only after the first request
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is waiting any more
            self._loop.call_soon_threadsafe(call)


class _ReplicaQueue:
    """One copy of the model and its thread: the `Feed` that it works from."""

    def __init__(self, batcher: Batcher, adapter: BatchAdapter, replica: int) -> None:
        self._batcher = batcher
        self._adapter = adapter
        self._replica = replica
        self._size = max(1, adapter.model.limits.batch_size)
        self.taken: dict[int, _Entry] = {}
        self.thread = threading.Thread(target=self._run, name=f"{adapter.model.name}#{replica}", daemon=True)
        self.thread.start()

    @property
    def size(self) -> int:
        return self._size

    @property
    def halted(self) -> bool:
        return self._batcher.halted

    def take(self, most: int) -> Sequence[Request]:
        entries = self._batcher.next(most)
        for entry in entries:
            entry.began = monotonic()
            self.taken[id(entry.request)] = entry
        return [entry.request for entry in entries]

    def coming(self, most: int) -> Sequence[Request]:
        return self._batcher.coming(most)

    def put_back(self, requests: Sequence[Request]) -> None:
        self._batcher.again([self.taken.pop(id(request)) for request in requests])

    def deliver(self, request: Request, outcome: Reply | AdapterError) -> None:
        self._batcher.settle(self.taken.pop(id(request)), outcome)

    def _run(self) -> None:
        while self._batcher.some():
            try:
                self._adapter.work(self, self._replica)
                unanswered: Exception = RuntimeError("the adapter returned without an answer")
            except OutOfMemory as error:
                self._shrink(error)
                continue
            except UserError as error:
                # Weights that are missing or damaged: no request of this model will succeed.
                self._fail(Denied(str(error)), everything=True)
            except Exception as error:  # noqa: BLE001 - whatever it is, somebody waits for it
                self._fail(error, everything=not self.taken)
            else:
                if self.taken and not self.halted:
                    self._fail(unanswered, everything=False)

    def _fail(self, error: Exception, *, everything: bool) -> None:
        entries = [*self.taken.values(), *(self._batcher.rest() if everything else ())]
        self.taken.clear()
        for entry in entries:
            self._batcher.settle(entry, error)

    def _shrink(self, error: OutOfMemory) -> None:
        """Go on with half as many rows. One row that does not fit alone never will."""
        entries = list(self.taken.values())
        self.taken.clear()
        rows = min(self._size, len(entries))
        if rows <= 1:
            for entry in entries:
                self._batcher.settle(entry, Rejected(f"out of memory with this one request alone: {error}"))
            return
        self._size = rows // 2
        self._batcher.again(entries)
        self._batcher.report_event(f"out of memory with {rows} at a time: going on with {self._size}")


class _AnswerLengths:
    """Expected answer lengths by task and turn."""

    def __init__(self) -> None:
        self._mean: dict[Hashable, tuple[float, int]] = {}

    def expected(self, request: Request) -> int:
        mean, _ = self._mean.get(_likeness(request), (float(request.generation.max_tokens or 0), 0))
        return round(mean)

    def seen(self, request: Request, reply: Reply) -> None:
        if reply.usage.output_tokens is not None:
            mean, count = self._mean.get(_likeness(request), (0.0, 0))
            self._mean[_likeness(request)] = (mean + (reply.usage.output_tokens - mean) / (count + 1), count + 1)


def _likeness(request: Request) -> Hashable:
    return (request.sample.options, request.turn, request.generation.max_tokens)


def _settle(future: asyncio.Future[Reply], outcome: Reply | Exception) -> None:
    if future.done():  # whoever asked was cancelled
        return
    if isinstance(outcome, Reply):
        future.set_result(outcome)
    else:
        future.set_exception(outcome)
