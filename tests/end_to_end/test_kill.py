"""SIGKILL in the middle of the work: what was committed is safe, and going on comes to the same numbers.

Two models, judged dialogues and statements with options side by side, killed at seeded moments.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.running import accounted, here, judged, kill, models, rows, sound, start, tables
from tests.server import Behaviour, LoopbackServer, Settings

CONNECTIONS = 3
DESKS = 3
"""Two models and the judge's model: each has so many requests in flight at the most."""
KILLS = 6


def arguments(server: LoopbackServer, store: Path) -> list[str]:
    tasks = ["-t", "sparkleseval-mini", "-t", "nlvr2-mini", "--task-arg", "n=20"]
    both = models(server, "openai/good", "openai/good-2")
    bounds = ["--max-connections", str(CONNECTIONS), "--no-report", "--store", str(store)]
    return ["run", *tasks, *both, *judged(server), *bounds]


@pytest.fixture
def slow(server: LoopbackServer) -> LoopbackServer:
    """Replies take about 40 ms, some much longer."""
    behaviour = Behaviour(latency_s=0.04, latency_sigma=0.5)
    server.configure(Settings(models=dict.fromkeys(("good", "good-2", "good-judge"), behaviour)))
    return server


def moments(seed: int, count: int, whole: int) -> Iterator[tuple[int, float]]:
    """When to kill: after so many requests in all, and a few milliseconds later."""
    draw = random.Random(seed)  # noqa: S311  (no cryptography)
    for asked in sorted(draw.sample(range(1, whole - 5), count)):
        yield asked, draw.uniform(0, 0.06)


def asked_again(server: LoopbackServer) -> int:
    """Questions that came in more than once, answered or not."""
    return sum(times - 1 for times in server.stats().asked.values())


def compared(server: LoopbackServer, store: Path) -> None:
    """Go on to the end; the store is then what an uninterrupted run makes of the same."""
    done = here(*arguments(server, store))
    assert done.code == 0, done.shown
    sound(store)
    accounted(store)
    twice = rows(store, "SELECT key FROM responses GROUP BY key HAVING count(*) > 1")
    assert twice == [], "a reply is stored once"
    beside = store.with_name("uninterrupted.db")
    server.configure(Settings())
    assert here(*arguments(server, beside)).code == 0
    assert tables(store) == tables(beside)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_at_work(slow: LoopbackServer, tmp_path: Path, seed: int) -> None:
    store = tmp_path / "s.db"
    whole = 2 * (20 * 2 + 20) + 2 * 20
    in_flight = 0
    for asked, later in moments(seed, KILLS, whole):
        process = start(*arguments(slow, store))
        while process.poll() is None and slow.stats().requests - asked_again(slow) < asked:
            time.sleep(0.005)
        time.sleep(later)
        in_flight += CONNECTIONS * DESKS
        kill(process)
        sound(store)
    here(*arguments(slow, store))
    assert asked_again(slow) <= in_flight, "only what was on its way is asked again"
    assert slow.stats().repeated <= in_flight
    compared(slow, store)


def test_killed_while_it_begins(slow: LoopbackServer, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    draw = random.Random(7)  # noqa: S311  (no cryptography)
    for _ in range(4):
        process = start(*arguments(slow, store))
        before, began = store.exists(), time.monotonic()
        while process.poll() is None and time.monotonic() - began < 5 and store.exists() == before and not before:
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.15) if not before else draw.uniform(0.5, 1.0))
        kill(process)
        if store.exists() and store.stat().st_size:
            sound(store)
    compared(slow, store)
