"""One model, asked until it replies or there is good reason to give up; over real HTTP where HTTP matters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from sparkles_eval.adapters.base import Adapter
from sparkles_eval.core import Status
from sparkles_eval.core.errors import AdapterError, Denied, RateLimited, Rejected, RequestAdjusted, TooLong, Transient
from sparkles_eval.engine.attempts import Attempt, Interrupted, Unanswered
from sparkles_eval.engine.client import ModelClient
from sparkles_eval.engine.config import RetryPolicy
from sparkles_eval.engine.limits import CostBudget
from tests.engine.making import YES, Heard, Scripted, anthropic, openai, request
from tests.loopback.settings import Fault
from tests.server import Behaviour, LoopbackServer, Settings

QUICK = RetryPolicy(attempts=4, total_s=20, first_wait_s=0.01, outage_s=5)
Faults = Callable[[dict[Fault, float]], None]


def client(
    adapter: Adapter, patience: RetryPolicy = QUICK, connections: int | None = None
) -> tuple[ModelClient, Heard]:
    heard = Heard()
    return ModelClient(adapter, patience=patience, budget=CostBudget(), progress=heard, connections=connections), heard


async def ask(one: ModelClient, words: str = "Is it so? Answer (TRUE or FALSE).") -> list[Attempt]:
    """The attempts of a request that gets a reply."""
    attempts: list[Attempt] = []
    await one.ask(request(words), attempts.append)
    return attempts


Opened = AbstractAsyncContextManager[tuple[ModelClient, Heard]]


@asynccontextmanager
async def opened(adapter: Adapter, patience: RetryPolicy = QUICK) -> AsyncIterator[tuple[ModelClient, Heard]]:
    try:
        yield client(adapter, patience)
    finally:
        await adapter.aclose()


@pytest.mark.parametrize("fault", ["malformed", "html"])
async def test_an_unreadable_reply_is_asked_for_once_more_and_no_oftener(server: LoopbackServer, fault: Fault) -> None:
    for make in (openai, anthropic):
        server.configure(Settings(models={"good": Behaviour(faults={fault: 1.0}, fault_limit=1)}))
        async with opened(make(server)) as (one, _):
            attempts = await ask(one)
        assert [a.status for a in attempts] == [Status.API_ERROR, Status.OK], attempts
        server.reset()
        server.configure(Settings(models={"good": Behaviour(faults={fault: 1.0}, fault_limit=None)}))
        async with opened(make(server)) as (one, _):
            with pytest.raises(Unanswered, match="no reply after 2 attempts"):
                await ask(one)
        assert server.stats().requests == 2
        server.reset()


@pytest.mark.parametrize("fault", ["429", "500", "503", "529", "drop", "cut"])
async def test_a_failure_is_recorded_and_asked_again(server: LoopbackServer, fault: Fault) -> None:
    server.configure(Settings(models={"good": Behaviour(faults={fault: 1.0}, fault_limit=2)}))
    for make in (openai, anthropic):
        async with opened(make(server)) as (one, _):
            attempts = await ask(one)
        assert [a.status for a in attempts] == [Status.API_ERROR, Status.API_ERROR, Status.OK], attempts
        assert [a.number for a in attempts] == [1, 2, 3]
        assert all(a.error and a.reply is None for a in attempts[:2])
        server.reset()


async def test_a_slow_reply_is_a_timeout(server: LoopbackServer) -> None:
    server.configure(Settings(models={"good": Behaviour(faults={"stall": 1.0}, stall_s=5, fault_limit=1)}))
    async with opened(openai(server, "good", ("timeout", "0.3"))) as (one, _):
        attempts = await ask(one)
    assert (attempts[0].status, attempts[-1].status) == (Status.TIMEOUT, Status.OK)
    assert "no reply within 0.3 s" in str(attempts[0].error)


async def test_given_up_after_so_many_failures(server: LoopbackServer) -> None:
    server.configure(Settings(models={"good": Behaviour(faults={"500": 1.0}, fault_limit=None)}))
    async with opened(openai(server)) as (one, _):
        with pytest.raises(Unanswered, match=r"no reply after 4 attempts: openai/good: HTTP 500"):
            await ask(one)
    assert server.stats().requests == 4


async def test_being_told_to_wait_is_no_failure() -> None:
    one, _ = client(
        Scripted([YES, *[RateLimited("slow down")] * 10, YES]), RetryPolicy(attempts=2, longest_wait_s=0.01)
    )
    await ask(one)
    assert len(await ask(one)) == 11


async def test_being_told_to_wait_has_an_end_in_time() -> None:
    one, _ = client(Scripted([YES, RateLimited("slow down")]), RetryPolicy(first_wait_s=0.01, total_s=0.3))
    await ask(one)
    with pytest.raises(Unanswered, match=r"no reply after .* attempts?: slow down"):
        await ask(one)


@pytest.mark.parametrize(("form", "after"), [("seconds", 1.2), ("date", 2.2)])  # a date has whole seconds
@pytest.mark.parametrize("fault", ["429", "503"])
async def test_a_request_waits_for_its_own_retry_after(
    server: LoopbackServer, fault: Fault, form: str, after: float
) -> None:
    slow = Behaviour.model_validate(
        {"faults": {fault: 1.0}, "fault_limit": 1, "retry_after": form, "retry_after_s": after}
    )
    server.configure(Settings(models={"good": Behaviour()}))
    async with opened(openai(server)) as (one, heard):
        await ask(one)
        server.configure(Settings(models={"good": slow}))
        await asyncio.gather(*(ask(one, f"{n}? Answer (TRUE or FALSE).") for n in range(2)))
    at = [record.at for record in server.records()]
    assert len(at) == 4, "either question met one refusal"
    assert at[1] - at[0] < 1.0, "the other is not held up by it"
    assert min(at[2:]) - at[0] >= 1.1
    assert heard.waits and heard.waits[0][0] == "openai/good"


async def test_a_wait_beyond_all_patience_is_not_believed_where_others_are_answered() -> None:
    adapter = Scripted([YES, RateLimited("slow down", retry_after=999_999), YES])
    one, _ = client(adapter, RetryPolicy(longest_wait_s=0.05))
    await ask(one)
    assert len(await ask(one)) == 2


async def test_a_wait_beyond_all_patience_is_told_where_nobody_was_answered() -> None:
    adapter = Scripted([RateLimited("slow down", retry_after=3600)])
    one, _ = client(adapter, RetryPolicy(total_s=60))
    with pytest.raises(Unanswered, match=r"1 attempt, which asks to wait until \d\d:\d\d:\d\d: slow down"):
        await ask(one)
    with pytest.raises(Unanswered, match=r"asks to wait until \d\d:\d\d:\d\d, beyond --max-outage: slow down"):
        await ask(one)
    assert adapter.asked == 1, "nobody else waits for the same"


async def test_a_wrong_key_stops_the_model_at_once(server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "wrong-and-secret")
    async with opened(openai(server, "good", ("api_key_env", "MY_KEY"))) as (one, heard):
        for _ in range(3):
            with pytest.raises(Unanswered, match=r"HTTP 401.*set MY_KEY") as caught:
                await ask(one)
            assert "secret" not in str(caught.value)
    assert server.stats().requests == 1
    assert heard.kinds() == ["stopped"]


async def test_those_who_wait_are_told_at_once_that_the_model_stopped() -> None:
    one, _ = client(Scripted([Transient("lost"), Denied("no key; set K")]), RetryPolicy(first_wait_s=30, total_s=100))
    waiting = asyncio.create_task(ask(one))
    await asyncio.sleep(0.01)
    with pytest.raises(Unanswered, match=r"set K"):
        await ask(one)
    with pytest.raises(Unanswered, match=r"set K"):
        await asyncio.wait_for(waiting, 1)


async def test_a_request_that_cannot_succeed_is_not_repeated(server: LoopbackServer) -> None:
    server.configure(Settings(models={"good": Behaviour(declines=400, words="this picture cannot be read")}))
    async with opened(openai(server)) as (one, _):
        with pytest.raises(Unanswered, match=r"HTTP 400.*picture"):
            await ask(one)
        assert one.stopped is None
    assert server.stats().requests == 1


async def test_an_unknown_model_stops_with_the_mend(server: LoopbackServer) -> None:
    async with opened(openai(server, "nobody")) as (one, _):
        with pytest.raises(Unanswered, match=r"HTTP 404.*check the model's name"):
            await ask(one)
        assert one.stopped


async def test_the_breaker_opens_after_failures_in_a_row_and_a_reply_closes_it() -> None:
    failing = [Rejected("bad")] * 2
    adapter = Scripted([*failing, YES, *failing, *failing])
    one, heard = client(adapter, RetryPolicy(failures_in_a_row=3))
    for _ in range(2):
        with pytest.raises(Unanswered, match=r"^bad$"):
            await ask(one)
    await ask(one)
    for _ in range(3):
        with pytest.raises(Unanswered, match=r"^bad$"):
            await ask(one)
    with pytest.raises(Unanswered, match=r"stopped after 3 failed requests in a row, the last: bad"):
        await ask(one)
    assert adapter.asked == 6
    assert heard.kinds() == ["stopped"]


async def test_requests_that_are_too_long_say_nothing_of_the_model() -> None:
    long = TooLong("the prompt has 6,009 tokens, images included, and the model 2,048 positions")
    one, heard = client(Scripted([*[long] * 50, YES]), RetryPolicy(failures_in_a_row=3))
    for _ in range(50):
        with pytest.raises(Unanswered, match="6,009 tokens"):
            await ask(one)
    assert await ask(one) is not None
    assert one.stopped is None and heard.kinds() == []


async def test_the_same_refusal_a_few_times_at_the_start_is_about_the_run() -> None:
    adapter = Scripted([Rejected("HTTP 400: item 17 is not wanted")])
    one, _ = client(adapter)
    results = await asyncio.gather(*(ask(one, f"{n}?") for n in range(40)), return_exceptions=True)
    assert all(isinstance(result, Unanswered) for result in results)
    assert adapter.asked == 5
    assert one.stopped is not None and "none of the first 5 requests was answered" in one.stopped


async def test_what_is_refused_for_the_run_is_told_after_one_request(server: LoopbackServer) -> None:
    async with opened(openai(server, "reasoning", ("token_field", "max_tokens"))) as (one, heard):
        results = await asyncio.gather(*(ask(one, f"{n}?") for n in range(40)), return_exceptions=True)
    assert server.stats().requests == 1
    assert all("--model-arg drop=temperature" in str(result) for result in results)
    assert heard.kinds() == ["stopped"]


async def test_a_403_or_404_costs_its_item_once_the_model_has_answered() -> None:
    declined = [Denied("HTTP 404: no endpoint takes pictures", status_code=404), Denied("HTTP 403", status_code=403)]
    one, _ = client(Scripted([YES, *declined, YES]))
    await ask(one)
    for _ in declined:
        with pytest.raises(Unanswered, match=r"HTTP 40"):
            await ask(one)
    assert len(await ask(one)) == 1 and one.stopped is None


async def test_an_adjusted_request_is_asked_again_at_once_and_told() -> None:
    one, heard = client(Scripted([RequestAdjusted("takes the limit under another name"), YES]))
    attempts = await ask(one)
    assert [attempt.status for attempt in attempts] == [Status.API_ERROR, Status.OK]
    assert heard.events == [("adjusted", "scripted/one", "takes the limit under another name")]


@pytest.mark.parametrize("error", [ZeroDivisionError("division by zero"), AdapterError("neither this nor that")])
async def test_a_fault_of_an_adapter_costs_its_item_only(error: Exception) -> None:
    one, heard = client(Scripted([error, YES]))
    with pytest.raises(Unanswered, match=str(error)):
        await ask(one)
    assert len(await ask(one)) == 1
    if not isinstance(error, AdapterError):
        kind, who, trace = heard.events[0]
        assert (kind, who) == ("fault", "scripted/one")
        assert "Traceback" in trace


async def test_what_the_model_does_not_take_is_never_sent(server: LoopbackServer) -> None:
    adapter = openai(server, "good", ("max_images", "1"))
    async with opened(adapter) as (one, _):
        bare = request()
        with pytest.raises(Unanswered, match=r"a user's last"):
            await one.ask(type(bare)(type(bare.conversation)(()), bare.generation, bare.sample, 1), print)
    assert server.stats().requests == 0


async def test_an_interrupt_ends_waiting_and_sends_nothing_more() -> None:
    adapter = Scripted([RateLimited("slow down", retry_after=20)])
    one, _ = client(adapter, RetryPolicy(total_s=100))
    waiting = asyncio.create_task(ask(one))
    await asyncio.sleep(0.01)
    one.interrupt()
    for late in (waiting, asyncio.create_task(ask(one))):
        with pytest.raises(Interrupted):
            await asyncio.wait_for(late, 1)
    assert adapter.asked == 1


async def test_the_budget_stops_the_model_with_the_reason() -> None:
    heard = Heard()
    adapter = Scripted([YES])
    one = ModelClient(adapter, patience=QUICK, budget=CostBudget(0.0035), progress=heard)
    for _ in range(3):
        await ask(one)
    with pytest.raises(Unanswered, match=r"--max-cost 0.0035 USD is reached"):
        await ask(one)
    assert (adapter.asked, heard.kinds()) == (3, ["budget"])


async def test_a_budget_stops_a_server_that_counts_nothing(server: LoopbackServer) -> None:
    server.configure(Settings(models={"good": Behaviour(usage="zero")}))
    adapter = openai(server, "good", ("price_in", "1e6"), ("price_out", "1e6"))
    heard = Heard()
    budget = CostBudget(0.01)
    one = ModelClient(adapter, patience=QUICK, budget=budget, progress=heard)
    (attempt,) = await ask(one)
    assert attempt.reply is not None and attempt.reply.usage.cost_usd is None and budget.unknown == 1, (
        "what is estimated is no known cost"
    )
    with pytest.raises(Unanswered, match=r"--max-cost 0.01 USD is reached"):
        await ask(one)
    await adapter.aclose()
    assert server.stats().requests == 1
