"""One model at several addresses, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from sparkles_eval.adapters.base import Adapter, AddressedAdapter
from sparkles_eval.core import Model
from sparkles_eval.core.errors import Denied, Rejected, Transient
from sparkles_eval.engine.attempts import RequestState, Unanswered
from sparkles_eval.engine.client import ModelClient
from sparkles_eval.engine.config import RetryPolicy
from sparkles_eval.engine.endpoint_pool import EndpointPoolClient
from sparkles_eval.engine.limits import CostBudget, Pool
from tests.engine.making import Heard, request
from tests.engine.virtual import Served, run


@dataclass
class Endpoint(Served):
    """A served model with an address."""

    address: str = ""
    same_model: bool = False

    @property
    def endpoints(self) -> Sequence[AddressedAdapter]:
        return (self,)

    def identify(self, model: Model) -> None:
        self.model = model

    async def listing(self) -> str | None:
        return None


@dataclass
class Away(Endpoint):
    """Answers nothing between two moments."""

    since: float = 0.0
    until: float = 1e9

    async def serve(self) -> None:
        if self.since <= asyncio.get_running_loop().time() < self.until:
            raise Transient("connection refused")
        await asyncio.sleep(self.latency_s)


@dataclass
class Several(Endpoint):
    each: list[Endpoint] = field(default_factory=list)

    @property
    def endpoints(self) -> Sequence[AddressedAdapter]:
        return self.each


@dataclass
class Outcome:
    answered: int
    unanswered: list[str]
    seconds: float
    heard: Heard
    client: EndpointPoolClient


async def work(each: list[Endpoint], items: int, connections: int, patience: RetryPolicy | None = None) -> Outcome:
    heard = Heard()

    def make(endpoint: Adapter, elsewhere: Callable[[RequestState], bool]) -> ModelClient:
        return ModelClient(
            endpoint,
            patience=patience or RetryPolicy(),
            budget=CostBudget(),
            progress=heard,
            connections=connections,
            elsewhere=elsewhere,
        )

    client = EndpointPoolClient(Several(each=each), make)
    pool = Pool(client.limiter)
    answered: list[str] = []
    unanswered: list[str] = []

    async def job(number: int) -> None:
        try:
            answered.append((await client.ask(request(f"{number}?"), lambda _: None)).text)
        except Unanswered as error:
            unanswered.append(str(error))

    def jobs(number: int) -> Callable[[], object]:
        return lambda: job(number)

    pool.feed(jobs(number) for number in range(items))  # type: ignore[misc]
    pool.close()
    began = asyncio.get_running_loop().time()
    await pool.run()
    return Outcome(len(answered), unanswered, asyncio.get_running_loop().time() - began, heard, client)


def test_the_work_is_shared_by_what_each_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    quick, slow = Endpoint(address="a", latency_s=0.1), Endpoint(address="b", latency_s=0.4)
    done = run(monkeypatch, work([quick, slow], 400, 8))
    assert done.answered == 400 and quick.most <= 8 and slow.most <= 8
    assert 3 < quick.asked / slow.asked < 5
    assert done.seconds < 400 / (80 + 20) + 1


def test_one_that_goes_away_is_left_out_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    steady, away = Endpoint(address="a"), Away(address="b", since=2.0, until=30.0)
    done = run(monkeypatch, work([steady, away], 2400, 8))
    assert done.answered == 2400 and done.client.stopped is None
    lost = sum(8 <= moment < 30 for moment in away.moments)
    assert 0 < lost < 30, "tried now and then"
    assert sum(35 <= moment < 37 for moment in away.moments) > 30, "and shares the work again"
    assert [kind for kind, _, _ in done.heard.events if kind != "connections"] == ["outage", "back"]
    assert next(said for kind, _, said in done.heard.events if kind == "outage").startswith("b: ")


def test_one_that_never_was_there_costs_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    steady, away = Endpoint(address="a"), Away(address="b")
    done = run(monkeypatch, work([away, steady], 200, 8))
    assert (done.answered, steady.asked) == (200, 200)
    assert away.asked < 25 and done.seconds < 200 * 0.2 / 8 + 2


def test_a_failure_is_asked_at_the_other_one_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Endpoint):
        async def serve(self) -> None:
            await asyncio.sleep(self.latency_s)
            if self.asked > 1:
                raise Transient("HTTP 500", status_code=500)

    broken, steady = Broken(address="a"), Endpoint(address="b")
    done = run(monkeypatch, work([broken, steady], 200, 4))
    assert done.answered == 200
    assert done.seconds < 200 * 0.2 / 4 * 1.5


def test_one_that_declines_the_run_leaves_it_to_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(Endpoint):
        async def serve(self) -> None:
            raise Denied("HTTP 401: no key; set K", status_code=401)

    closed, steady = Closed(address="a"), Endpoint(address="b")
    done = run(monkeypatch, work([closed, steady], 50, 4))
    assert done.answered == 50 and closed.asked == 1 and done.client.stopped is None
    both = run(monkeypatch, work([Closed(address="a"), Closed(address="b")], 50, 4))
    assert both.answered == 0 and both.client.stopped is not None and "set K" in both.client.stopped
    assert both.client.unasked >= 48, "one request each found out"


def test_a_request_that_cannot_succeed_is_not_taken_from_one_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    class Picky(Endpoint):
        async def serve(self) -> None:
            if self.asked_words == "7?":
                raise Rejected("HTTP 400: this picture cannot be read")
            await asyncio.sleep(self.latency_s)

    one, two = Picky(address="a"), Picky(address="b")
    done = run(monkeypatch, work([one, two], 20, 4))
    assert done.answered == 19 and done.unanswered == ["HTTP 400: this picture cannot be read"]
    assert one.asked + two.asked == 20


def test_when_all_are_away_the_first_to_come_back_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = Away(address="a", since=1.0), Away(address="b", since=1.0, until=20.0)
    done = run(monkeypatch, work([one, two], 100, 4, RetryPolicy(outage_s=60)))
    assert done.answered == 100 and done.seconds < 20 + 8
    gone = run(monkeypatch, work([Away(address="a"), Away(address="b")], 100, 4, RetryPolicy(outage_s=60)))
    assert gone.answered == 0 and gone.client.stopped is not None and "--max-outage" in gone.client.stopped
    assert gone.seconds < 90
