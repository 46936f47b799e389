"""How many requests are in flight: against servers that live on virtual time, and window by window."""

from __future__ import annotations

import asyncio

import pytest

from sparkles_eval.core.errors import RateLimited, Transient
from sparkles_eval.engine.config import RetryPolicy
from sparkles_eval.engine.congestion import LEAST, Congestion, RequestOutcome
from tests.engine.virtual import Capped, Faulty, Rated, Served, run, work


class Alike(Faulty):
    """Sixty in a hundred requests fail: 429, 500 and 503 alike."""

    async def serve(self) -> None:
        await asyncio.sleep(self.latency_s)
        point = self.draw.random()
        if point < 0.2:
            raise RateLimited("HTTP 429", retry_after=1.0)
        if point < 0.6:
            raise Transient("HTTP 503", status_code=503 if point < 0.4 else 500)


def test_a_healthy_model_is_met_by_all_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, work(Served(), 400, 64))
    assert (done.answered, done.asked, done.most) == (400, 400, 64)
    assert done.seconds < 2.0, "one request alone, and seven rounds of 64"


def test_without_a_number_the_limit_doubles_up_to_the_models_own(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, work(Served(), 400))
    assert done.most == 64 and done.seconds < 3.0


@pytest.mark.parametrize("seed", range(4))
def test_random_faults_hold_nobody_up(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    done = run(monkeypatch, work(Faulty(seed=seed, limited=0.1, failing=0.1), 400, 64))
    assert done.answered == 400 and done.asked < 560
    assert done.seconds < 9, "the last unlucky items, not the limit, take the time"


@pytest.mark.parametrize("seed", range(4))
def test_three_fifths_of_faults_leave_nothing_unanswered(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    done = run(monkeypatch, work(Alike(seed=seed), 400, 64))
    assert done.answered == 400 and done.stopped is None
    assert done.seconds < 30


@pytest.mark.parametrize("retry_after", [None, 1.0])
@pytest.mark.parametrize(("rate", "items"), [(4.0, 300), (30.0, 600), (100.0, 1500)])
def test_a_token_bucket_is_used_up_and_not_overrun(
    monkeypatch: pytest.MonkeyPatch, rate: float, items: int, retry_after: float | None
) -> None:
    served = Rated(rate=rate, burst=rate, retry_after=retry_after)
    done = run(monkeypatch, work(served, items))
    assert done.answered == items
    assert done.rate >= 0.9 * rate
    assert done.wasted <= (0.1 if rate > 10 else 0.2), "at four a second the first minute is spent on finding out"


@pytest.mark.parametrize("most", [1, 8, 20])
def test_a_cap_on_the_number_in_flight_is_found(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    items = 200 + 50 * most
    done = run(monkeypatch, work(Capped(most_at_once=most), items))
    assert done.answered == items
    assert done.rate >= 0.85 * most / 0.2 and done.wasted <= 0.12


def test_an_overloaded_server_is_not_pressed(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Capped(most_at_once=24, slots=8, status=503)
    done = run(monkeypatch, work(served, 600, 64))
    assert done.answered == 600
    assert done.rate >= 0.85 * 8 / 0.2 and done.wasted <= 0.1


def test_a_larger_cap_is_used_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    class Grows(Capped):
        async def serve(self) -> None:
            if asyncio.get_running_loop().time() > 10:
                self.most_at_once = 64
            await super().serve()

    served = Grows(most_at_once=8)
    run(monkeypatch, work(served, 3000))
    late = [moment for moment in served.moments if 18 <= moment < 20]
    assert len(late) / 2 > 120, "eight seconds later at more than three times the pace of the old cap"


def test_a_server_that_takes_nothing_for_a_minute_is_not_stormed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that is counted by the minute, used up: everything is refused until the next one begins."""

    class Minute(Served):
        async def serve(self) -> None:
            now = asyncio.get_running_loop().time()
            if 5 <= now < 60:
                raise RateLimited("HTTP 429", retry_after=60 - now)
            await asyncio.sleep(self.latency_s)

    served = Minute()
    done = run(monkeypatch, work(served, 2000))
    assert done.answered == 2000 and done.stopped is None
    assert sum(5 <= moment < 60 for moment in served.moments) < 250
    assert sum(60 <= moment < 61 for moment in served.moments) < 400


def windows(congestion: Congestion, share: float, count: int, started: float = 0.0) -> float:
    """So many requests one after another, every so manieth refused; gives the time after them."""
    now = started
    for number in range(count):
        congestion.sent(now)
        refused = share > 0 and number % round(1 / share) == 0
        congestion.ended(RequestOutcome.REFUSED if refused else RequestOutcome.REPLIED, now, now + 0.1)
        now += 0.2
    return now


def test_a_single_refusal_changes_nothing() -> None:
    congestion = Congestion(64, 32)
    congestion.sent(1.0)
    assert congestion.ended(RequestOutcome.REFUSED, 1.0, 1.1) is None
    assert congestion.limit == 32


def test_other_failures_say_nothing_about_the_number() -> None:
    congestion = Congestion(64, 32)
    for number in range(300):
        congestion.sent(float(number))
        assert congestion.ended(RequestOutcome.FAILED, float(number), number + 0.5) is None
    assert congestion.limit == 32


def test_does_not_grow_while_its_slots_are_not_used() -> None:
    congestion = Congestion(64, 10)
    windows(congestion, 0.0, 200)
    assert congestion.limit == 10


def test_the_limit_never_reaches_nothing() -> None:
    congestion = Congestion(4)
    windows(congestion, 1.0, 4_000)
    assert congestion.limit == LEAST


def test_a_restart_begins_with_few() -> None:
    congestion = Congestion(64)
    congestion.restart(5.0)
    assert (congestion.limit, congestion.gap_s) == (8, 0)


def test_patience_outlasts_bad_luck_but_not_a_request_that_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Poisoned(Served):
        async def serve(self) -> None:
            poisoned = self.asked_words == "7?"
            await asyncio.sleep(self.latency_s)
            if poisoned:
                raise Transient("HTTP 500", status_code=500)

    served = Poisoned()
    done = run(monkeypatch, work(served, 300, 8, RetryPolicy()))
    assert done.answered == 299 and done.stopped is None
    assert served.asked < 299 + 12 and done.seconds < 90
