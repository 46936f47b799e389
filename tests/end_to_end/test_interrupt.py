"""Ctrl-C: once to finish what is on its way, twice to end at once; either way the same command goes on."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.end_to_end.running import end, here, judged, models, rows, sound, start, total
from tests.server import Behaviour, LoopbackServer, Settings


def arguments(server: LoopbackServer, store: Path) -> list[str]:
    tasks = ["-t", "sparkleseval-mini", "-t", "nlvr2-mini", "--task-arg", "n=20", "--no-report"]
    bounds = ["--max-connections", "4", "--store", str(store)]
    return ["run", *tasks, *models(server, "openai/good"), *judged(server), *bounds]


def begun(server: LoopbackServer, store: Path, *, latency_s: float, requests: int = 6) -> subprocess.Popen[str]:
    """A run that has sent some requests."""
    behaviour = Behaviour(latency_s=latency_s)
    server.configure(Settings(models=dict.fromkeys(("good", "good-judge"), behaviour)))
    process = start(*arguments(server, store))
    while server.stats().requests < requests:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_once_finishes_what_is_on_its_way(server: LoopbackServer, tmp_path: Path, number: signal.Signals) -> None:
    store = tmp_path / "s.db"
    process = begun(server, store, latency_s=0.4)
    process.send_signal(number)
    done = end(process)
    assert done.code == 130, done.shown
    assert "press Ctrl-C again to end at once" in done.err
    assert "interrupted; run the same command again" in done.shown
    assert rows(store, "SELECT outcome FROM environments") == [("interrupted",)]
    sound(store)
    stats = server.stats()
    replies = total(rows(store, "SELECT count(*) FROM responses"))
    replies += total(rows(store, "SELECT count(*) FROM verdicts"))
    assert 6 <= stats.requests == stats.delivered == replies < 70, "all that was sent was waited for and kept"
    assert rows(store, "SELECT count(*) FROM scores WHERE value IS NULL") == [(0,)], "what was not asked has no reason"

    server.configure(Settings())
    again = here(*arguments(server, store))
    assert again.code == 0, again.shown
    assert server.stats().requests == 20 * 2 + 20 + 20 - replies, "only what was missing"


def test_twice_ends_at_once(server: LoopbackServer, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    process = begun(server, store, latency_s=30.0, requests=4)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None, "it waits for what is on its way"
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    done = end(process)
    assert time.monotonic() - sent < 10, "and not for thirty seconds"
    assert done.code == 130, done.shown
    assert "Traceback" not in done.err
    sound(store)
    server.configure(Settings())
    assert here(*arguments(server, store)).code == 0


def test_who_waits_for_a_provider_does_not_hold_up_the_end(server: LoopbackServer, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    busy = Behaviour(faults={"429": 1.0}, fault_limit=None, retry_after="seconds", retry_after_s=120)
    server.configure(Settings(models={"good": busy}))
    process = start(*arguments(server, store), "--plain")
    while not server.stats().by_status.get("429"):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    time.sleep(0.5)
    sent = time.monotonic()
    process.send_signal(signal.SIGINT)
    done = end(process)
    assert time.monotonic() - sent < 10
    assert done.code == 130, done.shown
    assert "waiting on openai/good until " in done.err
    assert done.err.count("waiting on") <= 2, "said once, not for every request"


def test_a_judging_is_interrupted_and_resumed_alike(server: LoopbackServer, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    here("run", "-t", "sparkleseval-mini", "--task-arg", "n=20", "-m", "baseline/oracle", "--store", str(store))
    server.configure(Settings(models={"good-judge": Behaviour(latency_s=0.3)}))
    judge = ["judge", *judged(server), "--store", str(store), "--no-report", "--max-connections", "3"]
    process = start(*judge)
    while server.stats().requests < 4:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    done = end(process)
    assert done.code == 130, done.shown
    asked = server.stats().requests
    assert asked == server.stats().delivered < 20
    server.configure(Settings())
    assert here(*judge).code == 0
    assert server.stats().requests == 20 - asked
