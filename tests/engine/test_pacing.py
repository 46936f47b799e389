"""Keeping to what a provider announces."""

from __future__ import annotations

import pytest

from sparkles_eval.adapters.remote.rate_headers import RateLimit, RateLimits
from sparkles_eval.engine.pacing import Pacing


class Clock:
    """Seconds, as the test says."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_what_is_not_announced_is_not_waited_for(clock: Clock) -> None:
    pacing = Pacing(clock)
    pacing.announced(RateLimits(RateLimit(0)))  # until when, it does not say
    assert pacing.wait_s() == 0


def test_the_last_requests_are_sent_and_the_next_waits_for_its_share(clock: Clock) -> None:
    pacing = Pacing(clock)
    pacing.announced(RateLimits(RateLimit(2, 60, 58)))  # one flows back each second
    for _ in range(2):
        assert pacing.wait_s() == 0
        pacing.sent()
    assert pacing.wait_s() == pytest.approx(1.0)
    clock.now += 1.0
    assert pacing.wait_s() == pytest.approx(0.0, abs=1e-6)


def test_refusals_against_the_announcement_lengthen_the_wait_up_to_the_reset(clock: Clock) -> None:
    pacing = Pacing(clock)
    pacing.announced(RateLimits(RateLimit(0, 60, 40)))
    waits = []
    for _ in range(8):
        waits.append(pacing.wait_s())
        pacing.refused(clock.now)
        clock.now += 1e-3
    assert waits[:6] == sorted(waits[:6]) and waits[0] < 1 and waits[-1] == pytest.approx(40, abs=0.1)
    pacing.replied(None)
    assert pacing.wait_s() < 1


def test_tokens_are_counted_by_what_requests_take(clock: Clock) -> None:
    pacing = Pacing(clock)
    pacing.announced(RateLimits(tokens=RateLimit(100, 6000, 59)))  # a hundred flow back each second
    assert pacing.wait_s() == 0, "nobody knows yet what a request takes"
    pacing.replied(500)
    assert pacing.wait_s() == pytest.approx(4.0)


def test_a_limit_that_is_whole_again_is_not_waited_for(clock: Clock) -> None:
    pacing = Pacing(clock)
    pacing.announced(RateLimits(RateLimit(0, None, 10)))
    assert pacing.wait_s() == 10
    clock.now += 10
    assert pacing.wait_s() == 0
    pacing.announced(RateLimits(RateLimit(0, 10, 86_400)))
    assert pacing.wait_s() <= 60, "asked again after a minute, whatever it announced"
