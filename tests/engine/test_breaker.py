"""Whether a model is asked at all: the first request, an outage, its end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from sparkles_eval.core.errors import Transient
from sparkles_eval.engine.config import RetryPolicy
from tests.engine.virtual import Served, run, work


@dataclass
class Away(Served):
    """Answers nothing between two moments."""

    since: float = 2.0
    until: float = 27.0
    status: int | None = None
    retry_after: float | None = None

    @property
    def away(self) -> bool:
        return self.since <= asyncio.get_running_loop().time() < self.until

    async def serve(self) -> None:
        if not self.away:
            await asyncio.sleep(self.latency_s)
        if self.away:
            raise Transient("connection refused", status_code=self.status, retry_after=self.retry_after)

    def between(self, begin: float, end: float) -> int:
        """Requests that came in a span of time."""
        return sum(begin <= moment < end for moment in self.moments)


@pytest.mark.parametrize("until", [27.0, 182.0])
def test_an_outage_is_waited_for_by_one_request_at_a_time(monkeypatch: pytest.MonkeyPatch, until: float) -> None:
    served = Away(until=until)
    done = run(monkeypatch, work(served, 1200, 64))
    assert (done.answered, done.stopped) == (1200, None)
    assert served.between(8, until) < 60
    assert done.seconds < until + 0.1 * until + 8, "noticed soon for its length"
    assert [kind for kind, _, _ in done.heard.events if kind != "connections"] == ["outage", "back"]
    assert "connection refused; trying with one request at a time" in done.heard.events[0][2]


def test_after_an_outage_nobody_storms_in(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Away(until=182.0)
    run(monkeypatch, work(served, 1200, 64))
    back = next(moment for moment in served.moments if moment >= 182)
    assert served.between(back, back + 0.2) == 1
    assert served.between(back, back + 0.45) <= 1 + 2 * 8


@pytest.mark.parametrize("status", [None, 503])
def test_a_server_that_is_not_there_yet_is_waited_for(monkeypatch: pytest.MonkeyPatch, status: int | None) -> None:
    served = Away(since=0.0, until=30.0, status=status, retry_after=20.0 if status else None)
    done = run(monkeypatch, work(served, 60, 64))
    assert (done.answered, done.stopped) == (60, None)
    assert served.asked < 60 + 40
    assert done.heard.events[0][0] == "outage"


def test_a_model_that_stays_away_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Away(since=1.0, until=1e9)
    done = run(monkeypatch, work(served, 600, 64, RetryPolicy(outage_s=120)))
    assert done.stopped is not None and "no reply for 2 minutes (--max-outage)" in done.stopped
    assert done.seconds < 150


def test_the_first_request_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served(latency_s=1.0)
    run(monkeypatch, work(served, 100, 50))
    assert served.moments[0] == 0 and served.moments[1] == pytest.approx(1.0)


def test_a_slow_first_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    served = Served(latency_s=30.0)
    done = run(monkeypatch, work(served, 50, 50))
    assert served.moments[1] == pytest.approx(2.0), "it was not refused, so others may be asked"
    assert done.seconds == pytest.approx(32.0)


def test_a_request_given_up_during_an_outage_is_no_sign_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    class SlowlyAway(Away):
        async def serve(self) -> None:
            await asyncio.sleep(self.latency_s)
            await super().serve()

    served = SlowlyAway(until=60.0)
    done = run(monkeypatch, work(served, 400, 8, RetryPolicy(attempts=1, failures_in_a_row=10_000)))
    assert done.answered < 400, "some were given up while it was away"
    assert served.between(8, 60) < 60, "the others went on waiting for one probe at a time"
    assert [kind for kind, _, _ in done.heard.events if kind != "connections"] == ["outage", "back"]
