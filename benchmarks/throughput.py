"""Four hundred two-image items through `sparkles-eval run`, beside a bare client that does the same posts.

Both are measured as whole processes against the loopback server in a third one. Start-up therefore counts; the
marginal figures come from two sizes and leave it out.
`python -m benchmarks.throughput [--quick] [--write]`
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import ROOT, CommandFailed, Cost, median, run, sparkles_eval, surroundings
from benchmarks.results import Figure, circumstances, command_line, table
from benchmarks.workload import make
from tests.server import Behaviour, LoopbackServer, Settings

TITLE = "Throughput"
LATENCY_S = 0.2


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured. `large` is the second size, for marginal cost and for memory."""

    items: int = 400
    large: int = 1200
    repeats: int = 3


QUICK = Plan(items=100, large=300, repeats=1)


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing to do: this many items at this many connections, against this latency."""

    items: int
    connections: int
    latency_s: float = LATENCY_S


@dataclass(frozen=True, slots=True)
class Timed:
    """One process beside what the server saw of it."""

    cost: Cost
    requests: int
    max_in_flight: int


class Bench:
    """A server, task folders of the sizes needed, and a fresh store for every run."""

    def __init__(self, server: LoopbackServer, folder: Path) -> None:
        self.server, self.folder = server, folder
        self._stores = 0
        cache = {"SPARKLES_CACHE": str(folder / "cache"), "OPENAI_API_KEY": "loopback"}
        self.env = surroundings({**cache, "PYTHONPATH": str(ROOT)})

    def task(self, items: int) -> Path:
        """The task folder of that size, made once."""
        place = self.folder / f"task-{items}"
        return place if place.is_dir() else make(place, items)

    def floor(self, setting: Setting) -> Timed:
        """The bare client."""
        command = [sys.executable, "-m", "benchmarks.floor", "--folder", str(self.task(setting.items))]
        command += ["--url", self.server.openai_url, "--connections", str(setting.connections)]
        return self._timed(command, setting, expected=setting.items)

    def ours(self, setting: Setting) -> Timed:
        """`sparkles-eval run` into a store of its own."""
        self.next_store()
        return self._timed(self.command(setting), setting, expected=setting.items)

    def next_store(self) -> None:
        """From now on another store, which is empty."""
        self._stores += 1

    def again(self, setting: Setting) -> Timed:
        """The same run once more, on the store of the last `ours`: nothing is to be asked."""
        return self._timed(self.command(setting), setting, expected=0)

    def command(self, setting: Setting, url: str = "") -> list[str]:
        """The command line of a user who evaluates an own task folder on an own OpenAI-compatible server.

        Connections of 0: no number is named.
        """
        store = self.folder / f"store-{self._stores}.db"
        return [
            *[sparkles_eval(), "run", "--task", str(self.task(setting.items)), "--model", "openai/good"],
            *["--model-arg", f"base_url={url or self.server.openai_url}", "--store", str(store)],
            *(["--max-connections", str(setting.connections)] if setting.connections else []),
        ]

    def _timed(self, command: Sequence[str], setting: Setting, expected: int) -> Timed:
        self.server.configure(Settings(bench=True, models={"good": Behaviour(latency_s=setting.latency_s)}))
        cost = run(command, env=self.env, cwd=self.folder)
        seen = self.server.stats()
        if seen.delivered != expected:
            raise CommandFailed(f"{' '.join(command)}: {seen.delivered} answers were delivered, expected {expected}")
        return Timed(cost, seen.requests, seen.max_in_flight)


@dataclass(frozen=True, slots=True)
class Pair:
    """Medians of both sides over runs that took turns."""

    setting: Setting
    floor: Timed
    ours: Timed


def _middle(runs: Sequence[Timed]) -> Timed:
    cost = median([timed.cost for timed in runs])
    return Timed(cost, max(timed.requests for timed in runs), max(timed.max_in_flight for timed in runs))


def pair(bench: Bench, setting: Setting, repeats: int) -> Pair:
    """Run the floor and sparkles-eval in turn, so that both meet the same moments of the machine."""
    floors, ours = [], []
    for _ in range(repeats):
        floors.append(bench.floor(setting))
        ours.append(bench.ours(setting))
    print(f"  {setting}: floor {floors[-1].cost.wall_s:.2f} s, sparkles-eval {ours[-1].cost.wall_s:.2f} s", flush=True)
    return Pair(setting, _middle(floors), _middle(ours))


def measure(bench: Bench, plan: Plan) -> list[Figure]:
    """Every figure of the section, in the order of the table."""
    base = pair(bench, Setting(plan.items, 64), plan.repeats)
    repeated = _middle([bench.again(base.setting) for _ in range(plan.repeats)])
    large = pair(bench, Setting(plan.large, 64), plan.repeats)
    wide = pair(bench, Setting(plan.items, 256), plan.repeats)
    fast = [pair(bench, Setting(items, 64, 0.0), plan.repeats) for items in (plan.items, plan.large)]
    figures = [*_costs(base, large), *_rates(*fast), *_wide(base, wide)]
    again = f"run again from the store, {plan.items} items"
    figures.append(Figure(f"{again}: wall", repeated.cost.wall_s, "s", at_most=1.5))
    figures.append(Figure(f"{again}: requests sent", repeated.requests, "", at_most=0))
    return figures


def _costs(base: Pair, large: Pair) -> list[Figure]:
    n, more = base.setting.items, large.setting.items - base.setting.items
    name = f"{n} items, 64 connections, {LATENCY_S * 1000:.0f} ms"

    def marginal(side: Callable[[Pair], Timed]) -> float:
        return (side(large).cost.cpu_s - side(base).cost.cpu_s) / more * 1000

    ours, floor = base.ours.cost, base.floor.cost
    return [
        Figure(f"{name}: wall", ours.wall_s, "s", floor.wall_s, at_most=1.5, relative=True),
        Figure(f"{name}: CPU per item, whole process", ours.cpu_s / n * 1000, "ms", floor.cpu_s / n * 1000, at_most=5),
        Figure(
            f"CPU per further item ({n} to {n + more} items)",
            marginal(lambda pair: pair.ours),
            "ms",
            marginal(lambda pair: pair.floor),
            at_most=5,
        ),
        Figure(f"{name}: peak memory", ours.rss_mb, "MB", floor.rss_mb, at_most=200),
        Figure(f"{n + more} items: peak memory", large.ours.cost.rss_mb, "MB", large.floor.cost.rss_mb, at_most=200),
        Figure(
            f"peak memory of {n + more} items over that of {n}", large.ours.cost.rss_mb / ours.rss_mb, "x", at_most=1.1
        ),
    ]


def _rates(base: Pair, large: Pair) -> list[Figure]:
    n, more = base.setting.items, large.setting.items - base.setting.items
    ours, floor = base.ours.cost.wall_s, base.floor.cost.wall_s
    further, least = more / (large.ours.cost.wall_s - ours), more / (large.floor.cost.wall_s - floor)
    fast = f"{n} items, 64 connections, 0 ms: items/s"
    return [
        Figure(f"{fast}, whole process", n / ours, "/s", n / floor, at_least=0.4, relative=True),
        Figure(f"further items/s, 0 ms ({n} to {n + more} items)", further, "/s", least, at_least=0.4, relative=True),
    ]


def _wide(base: Pair, wide: Pair) -> list[Figure]:
    name = f"{base.setting.items} items, 256 connections, {LATENCY_S * 1000:.0f} ms"
    ours, floor = wide.ours, wide.floor
    return [
        Figure(f"{name}: wall", ours.cost.wall_s, "s", floor.cost.wall_s),
        Figure("wall at 256 connections over that at 64", ours.cost.wall_s / base.ours.cost.wall_s, "x", at_most=1.0),
        Figure(f"{name}: peak memory", ours.cost.rss_mb, "MB", floor.cost.rss_mb, at_most=200),
        Figure(f"{name}: most requests in flight", ours.max_in_flight, "", floor.max_in_flight),
    ]


def report(quick: bool) -> str:
    """Measure and give the section's Markdown."""
    plan = QUICK if quick else Plan()
    with tempfile.TemporaryDirectory(prefix="sparkles-bench-") as folder, LoopbackServer() as server:
        figures = measure(Bench(server, Path(folder)), plan)
    words = (
        f"{plan.items} and {plan.large} items of two JPEGs (about 80 kB each, 640 x 480), medians of {plan.repeats} "
        "runs in turn with the floor, a bare asyncio + aiohttp client that does the same posts."
    )
    return f"{circumstances()}\n\n{words}\n\n{table(figures)}\n"


if __name__ == "__main__":
    command_line("python -m benchmarks.throughput", {TITLE: report})
