"""One queue for a local model: sorted, batched, halved when memory ends; the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest

from sparkles_eval.adapters.base import BatchAdapter, ForeseeingRequestQueue, Request, RequestQueue
from sparkles_eval.core import Generation, Limits, Model, Reply, Usage
from sparkles_eval.core.errors import OutOfMemory, Rejected, UserError
from sparkles_eval.engine.attempts import Attempt, Interrupted, Unanswered
from sparkles_eval.engine.client import ModelClient
from sparkles_eval.engine.config import RetryPolicy
from sparkles_eval.engine.limits import CostBudget
from tests.engine.making import Heard, request

QUICK = RetryPolicy(attempts=2, total_s=5, first_wait_s=0.01)


class Machine:
    """Answers a request with its words, a batch at a time; its memory holds so many positions."""

    structured = False

    def __init__(self, batch_size: int = 8, memory: int = 10**9, replicas: int = 1, step_s: float = 0.0) -> None:
        self.model = Model("machine/one", "machine", "one", limits=Limits(batch_size=batch_size), free=True)
        self.replicas = replicas
        self.batches: list[list[str]] = []
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.queued = threading.Event()
        """Cleared by a test whose requests all have to be in the queue before the first is taken."""
        self.queued.set()
        self._memory = memory
        self._step_s = step_s

    def effective(self, generation: Generation) -> Generation:
        return generation

    def check(self, request: Request) -> str | None:  # noqa: ARG002 - takes anything
        return None

    def length(self, request: Request) -> int:
        return len(words(request))

    async def answer(self, request: Request) -> Reply:
        raise AssertionError(f"the engine asks in batches, not for {words(request)} alone")

    def work(self, feed: RequestQueue, replica: int) -> None:  # noqa: ARG002 - all copies are alike
        self.threads.add(threading.current_thread().name)
        self.queued.wait(5)
        while batch := feed.take(feed.size):
            self.gate.wait(5)
            time.sleep(self._step_s)
            if sum(self.length(one) for one in batch) > self._memory:
                raise OutOfMemory("cpu: no more")
            self.batches.append([words(one) for one in batch])
            for one in batch:
                self.serve(feed, one)

    def serve(self, feed: RequestQueue, one: Request) -> None:
        text = words(one)
        if text == "reject":
            feed.deliver(one, Rejected("not this one"))
        elif text == "fault":
            raise ZeroDivisionError("a fault of the machine")
        elif text == "damaged":
            raise UserError("the weights are damaged")
        elif text != "forget":
            feed.deliver(one, Reply(text, usage=Usage(len(text), len(text), 0.0)))

    async def aclose(self) -> None:
        """Holds nothing."""


def words(one: Request) -> str:
    return one.conversation.messages[-1].text


@contextmanager
def asking(machine: Machine) -> Iterator[tuple[ModelClient, Heard]]:
    heard = Heard()
    client = ModelClient(machine, patience=QUICK, budget=CostBudget(), progress=heard)
    try:
        yield client, heard
    finally:
        client.close()


async def ask_all(client: ModelClient, texts: Sequence[str]) -> list[Reply | BaseException]:
    attempts: list[Attempt] = []
    return await asyncio.gather(*(client.ask(request(text), attempts.append) for text in texts), return_exceptions=True)


def said(replies: Sequence[Reply | BaseException]) -> list[str]:
    return [reply.text if isinstance(reply, Reply) else f"{type(reply).__name__}: {reply}" for reply in replies]


TEXTS = [f"{number:02d}" + "." * (number * 7 % 30) for number in range(30)]


async def test_all_are_answered_in_full_batches_of_like_length_the_longest_first() -> None:
    machine = Machine()
    assert isinstance(machine, BatchAdapter)
    machine.queued.clear()
    with asking(machine) as (client, _):
        replies = asyncio.create_task(ask_all(client, TEXTS))
        for _ in TEXTS:  # turns of the loop, in which every request is queued
            await asyncio.sleep(0)
        machine.queued.set()
        assert said(await replies) == TEXTS
    assert [len(batch) for batch in machine.batches] == [8, 8, 8, 6]
    assert [text for batch in machine.batches for text in batch] == sorted(TEXTS, key=len, reverse=True)


async def test_what_comes_next_is_shown_and_stays_in_the_queue() -> None:
    foreseen: list[str] = []

    class Foresighted(Machine):
        def work(self, feed: RequestQueue, replica: int) -> None:
            self.queued.wait(5)
            assert isinstance(feed, ForeseeingRequestQueue)
            foreseen.extend(words(one) for one in feed.coming(11))
            super().work(feed, replica)

    machine = Foresighted()
    machine.queued.clear()
    with asking(machine) as (client, _):
        replies = asyncio.create_task(ask_all(client, TEXTS))
        for _ in TEXTS:
            await asyncio.sleep(0)
        machine.queued.set()
        assert said(await replies) == TEXTS
    assert foreseen == [text for batch in machine.batches for text in batch][:11]


async def test_kinds_of_question_with_long_answers_come_first_once_that_is_known() -> None:
    machine = Machine(batch_size=4)
    attempts: list[Attempt] = []

    def of(options: tuple[str, ...], text: str) -> Request:
        asked = request(text)
        return replace(asked, sample=replace(asked.sample, options=options))

    with asking(machine) as (client, _):
        for options, text in (((), "a long answer it is"), (("A", "B"), "B")):
            await client.ask(of(options, text), attempts.append)
        machine.batches.clear()
        mixed = [of(("A", "B"), f"short {n}".ljust(40)) for n in range(4)] + [of((), f"long {n}") for n in range(4)]
        await asyncio.gather(*(client.ask(one, attempts.append) for one in mixed))
    assert all(text.startswith("long") for text in machine.batches[0])


async def test_out_of_memory_halves_the_batch_and_loses_nothing() -> None:
    machine = Machine(batch_size=16, memory=40)
    with asking(machine) as (client, heard):
        assert (
            said(await ask_all(client, ["twelve chars"] * 3 + ["x" * 9] * 13)) == ["twelve chars"] * 3 + ["x" * 9] * 13
        )
    assert [message for _, _, message in heard.events] == [
        f"out of memory with {rows} at a time: going on with {rows // 2}" for rows in (16, 8, 4)
    ]
    assert max(map(len, machine.batches)) == 2


async def test_what_does_not_fit_alone_is_rejected_and_the_rest_goes_on() -> None:
    machine = Machine(batch_size=2, memory=20)
    with asking(machine) as (client, _):
        found = said(await ask_all(client, ["x" * 30, "ok", "good"]))
    assert found[1:] == ["ok", "good"] and "out of memory with this one request alone" in found[0]


async def test_a_reply_counts_when_its_row_is_done_and_a_fault_costs_its_batch() -> None:
    machine = Machine(batch_size=4)
    with asking(machine) as (client, heard):
        found = said(await ask_all(client, ["aaaaaaaa", "reject", "fault", "zzz"]))
        later = said(await ask_all(client, ["again"]))
    assert found[0] == "aaaaaaaa" and "not this one" in found[1]
    assert all("ZeroDivisionError" in text for text in found[2:])
    assert later == ["again"] and "fault" in heard.kinds()


async def test_an_answer_that_is_forgotten_is_a_fault_and_not_a_hang() -> None:
    with asking(Machine()) as (client, _):
        assert "returned without an answer" in said(await ask_all(client, ["forget"]))[0]


async def test_damaged_weights_stop_the_model_at_once() -> None:
    machine = Machine(batch_size=1)
    with asking(machine) as (client, heard):
        found = said(await ask_all(client, ["damaged", "one", "two"]))
    assert found == ["Unanswered: the weights are damaged"] * 3
    assert client.stopped == "the weights are damaged" and "stopped" in heard.kinds()


async def test_the_event_loop_lives_while_the_model_works_and_time_in_the_queue_is_not_the_models() -> None:
    machine = Machine(batch_size=1, step_s=0.05)
    attempts: list[Attempt] = []
    with asking(machine) as (client, _):
        work = asyncio.gather(*(client.ask(request(f"{n}"), attempts.append) for n in range(6)))
        ticks = 0
        while not work.done():
            await asyncio.sleep(0.005)
            ticks += 1
    assert ticks > 20
    assert all(0.05 <= attempt.latency_s < 0.15 for attempt in attempts), attempts


async def test_an_interrupt_lets_the_batch_finish_and_leaves_the_rest_for_another_time() -> None:
    machine = Machine(batch_size=4)
    machine.gate.clear()
    with asking(machine) as (client, _):
        work = asyncio.ensure_future(ask_all(client, TEXTS))
        while client.in_flight < 4:
            await asyncio.sleep(0.005)
        client.interrupt()
        assert client.in_flight == 4
        machine.gate.set()
        found = await work
    assert sum(isinstance(one, Reply) for one in found) == 4
    assert sum(isinstance(one, Interrupted) for one in found) == len(TEXTS) - 4


async def test_stopping_gives_the_reason_to_all_that_wait() -> None:
    machine = Machine(batch_size=1)
    machine.gate.clear()
    with asking(machine) as (client, _):
        work = asyncio.ensure_future(ask_all(client, TEXTS))
        while not client.in_flight:
            await asyncio.sleep(0.005)
        client.stop("enough")
        machine.gate.set()
        found = await work
    assert [str(one) for one in found if isinstance(one, Unanswered)] == ["enough"] * (len(TEXTS) - 1)


@pytest.mark.parametrize("replicas", [1, 3])
async def test_every_copy_of_the_model_has_a_thread_and_closing_ends_them(replicas: int) -> None:
    machine = Machine(batch_size=2, replicas=replicas, step_s=0.01)
    with asking(machine) as (client, _):
        assert said(await ask_all(client, TEXTS)) == TEXTS
    assert len(machine.threads) == replicas
    assert not [thread for thread in threading.enumerate() if thread.name in machine.threads]
