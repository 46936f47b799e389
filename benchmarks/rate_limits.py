"""Four hundred two-image items through `sparkles-eval run` against servers that refuse, fail, limit and go away.

Faults at random are given as multiples of the bare client's wall time on the healthy server, in the same run. Limits
are given as the share of the allowed pace that was used, and the share of requests that were refused.
`python -m benchmarks.rate_limits [--quick] [--write]`
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import CommandFailed
from benchmarks.results import Figure, circumstances, command_line, table
from benchmarks.throughput import Bench, Setting
from tests.loopback.settings import Fault
from tests.server import Behaviour, LoopbackServer, ServerStats, Settings

TITLE = "Rate limits and outages"
LATENCY_S = 0.2
_OUTAGE_S = 25.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    items: int = 400
    repeats: int = 3


QUICK = Plan(items=100, repeats=1)


@dataclass(frozen=True, slots=True)
class Limited:
    """A server that lets so many a second through, and how it says no."""

    name: str
    behaviour: Behaviour
    allowed: float
    """Answers a second."""
    at_once: float = 0.0
    """Answers beyond that pace at the start."""


def _faulty(shares: Mapping[Fault, float]) -> Behaviour:
    return Behaviour(latency_s=LATENCY_S, faults=dict(shares), fault_limit=None, retry_after="seconds")


FAULTS: Mapping[str, tuple[Behaviour, float]] = {
    "20% fail at random (10% 429 with Retry-After: 1, 10% 500)": (_faulty({"429": 0.1, "500": 0.1}), 4.5),
    "60% fail at random (429, 500, 503 alike)": (_faulty({"429": 0.2, "500": 0.2, "503": 0.2}), 14.0),
}
LIMITS = (
    Limited("token bucket, 40 requests a second", Behaviour(latency_s=LATENCY_S, requests_per_s=40, burst=40), 40, 40),
    Limited(
        "the same, announced in headers",
        Behaviour(latency_s=LATENCY_S, requests_per_s=40, burst=40, announces=True),
        40,
        40,
    ),
    Limited("at most 8 in flight", Behaviour(latency_s=LATENCY_S, max_in_flight=8), 8 / LATENCY_S),
    Limited(
        "overloaded: 8 at full speed, 503 above 24",
        Behaviour(latency_s=LATENCY_S, slots=8, shed_above=24),
        8 / LATENCY_S,
    ),
)


def measure(bench: Bench, plan: Plan) -> list[Figure]:
    """Every figure of the section, in the order of the table."""
    base = Setting(plan.items, 64, LATENCY_S)
    floor = sorted(bench.floor(base).cost.wall_s for _ in range(plan.repeats))[plan.repeats // 2]
    figures: list[Figure] = []
    for name, (behaviour, at_most) in FAULTS.items():
        runs = [_run(bench, base, behaviour, seed) for seed in range(plan.repeats)]
        wall = sorted(wall for wall, _ in runs)[plan.repeats // 2]
        fewest = min(stats.delivered for _, stats in runs)
        figures.append(Figure(f"{name}: wall", wall, "s", floor, at_most=at_most, relative=True))
        figures.append(Figure(f"{name}: answered, fewest of the runs", fewest, "", at_least=plan.items))
    for limited in (*LIMITS, _tokens(bench)):
        figures += _limit(bench, plan, limited)
    return figures + _outage(bench, plan)


def _tokens(bench: Bench) -> Limited:
    """A limit on tokens a minute that lets 40 of these requests a second through."""
    _, stats = _run(bench, Setting(4, 4, 0.0), Behaviour(), 0)
    each = stats.tokens / max(1, stats.delivered)
    behaviour = Behaviour(latency_s=LATENCY_S, tokens_per_minute=40 * 60 * each, token_burst=40 * each)
    return Limited(f"{40 * 60 * each:,.0f} tokens a minute", behaviour, 40, 40)


def _limit(bench: Bench, plan: Plan, limited: Limited) -> list[Figure]:
    items = 4 * plan.items
    _, stats = _run(bench, Setting(items, 0, LATENCY_S), limited.behaviour, 0)
    span = (stats.last_at or 0.0) - (stats.first_at or 0.0)
    share = (items - limited.at_once) / max(1e-9, span) / limited.allowed
    wasted = 1 - stats.delivered / stats.requests
    return [
        Figure(f"{limited.name}: share of the allowed pace", 100 * share, "%", at_least=90),
        Figure(f"{limited.name}: requests refused", 100 * wasted, "%", at_most=10),
    ]


def _run(bench: Bench, setting: Setting, behaviour: Behaviour, seed: int) -> tuple[float, ServerStats]:
    """One whole `sparkles-eval run`: its wall time, and what the server saw. Raises CommandFailed for lost items."""
    bench.next_store()
    bench.server.configure(Settings(bench=True, seed=seed, models={"good": behaviour}))
    began = time.perf_counter()
    done = subprocess.run(bench.command(setting), env=bench.env, cwd=bench.folder, capture_output=True, check=False)
    wall = time.perf_counter() - began
    stats = bench.server.stats()
    if done.returncode:
        raise CommandFailed(f"{stats.delivered} of {setting.items} answered: {done.stderr.decode()[-2000:]}")
    return wall, stats


def _outage(bench: Bench, plan: Plan) -> list[Figure]:
    """The server ends in the middle of the run and is started again at the same port."""
    bench.next_store()
    items = 4 * plan.items
    settings = Settings(bench=True, models={"good": Behaviour(latency_s=LATENCY_S)})
    with LoopbackServer(settings) as first:
        port = int(first.url.rpartition(":")[2])
        command = bench.command(Setting(items, 64, LATENCY_S), url=first.openai_url)
        process = subprocess.Popen(
            command, env=bench.env, cwd=bench.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        threading.Thread(target=process.stderr.read if process.stderr else None, daemon=True).start()
        while first.stats().delivered < items // 4:
            time.sleep(0.05)
        before = first.stats().delivered
    time.sleep(_OUTAGE_S)
    with LoopbackServer(settings, port=port) as second:
        code = process.wait(600)
        stats = second.stats()
        moments = [record.at for record in second.records()]
    soon = sum(moment - moments[0] < 2 * LATENCY_S for moment in moments)
    name = f"{_OUTAGE_S:.0f} s without a server"
    return [
        Figure(f"{name}: exit code", code, "", at_most=0),
        Figure(f"{name}: items answered", min(items, before + stats.delivered), "", at_least=items),
        Figure(f"{name}: requests within {2 * LATENCY_S:g} s of its return", soon, "", at_most=32),
    ]


def report(quick: bool) -> str:
    """Measure and give the section's Markdown."""
    plan = QUICK if quick else Plan()
    with tempfile.TemporaryDirectory(prefix="sparkles-bench-") as folder, LoopbackServer() as server:
        figures = measure(Bench(server, Path(folder)), plan)
    words = (
        f"{plan.items} items of two JPEGs at 64 connections and 200 ms for faults at random (medians of {plan.repeats} "
        f"seeds, the floor on the healthy server), {4 * plan.items} items without a number of connections for limits."
    )
    return f"{circumstances()}\n\n{words}\n\n{table(figures)}\n"


if __name__ == "__main__":
    command_line("python -m benchmarks.rate_limits", {TITLE: report})
