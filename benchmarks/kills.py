"""Kills `sparkles-eval run` in the middle of a judged run: how many finished replies are lost with the process.

A reply is lost when the server has sent it and the store does not hold it: it is asked for again. Each kill (SIGKILL)
is at a random moment of a run into a fresh store.
`python -m benchmarks.kills [--quick] [--write]`
"""

from __future__ import annotations

import random
import sqlite3
import subprocess
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import ROOT, CommandFailed, sparkles_eval, surroundings
from benchmarks.results import Figure, circumstances, command_line, table
from tests.server import Behaviour, LoopbackServer, Settings

TITLE = "Kills"
LATENCY_S = 0.2
CONNECTIONS = (24, 64)
_STORED = (
    "SELECT (SELECT count(*) FROM responses WHERE status = 'ok') + (SELECT count(*) FROM verdicts WHERE raw <> '')"
)
_SETTLED_S = 0.3
"""After this the server has noticed that its client is gone."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured: kills for each number of connections, dialogues of two turns in a run."""

    kills: int = 12
    dialogues: int = 300


QUICK = Plan(kills=3, dialogues=200)


@dataclass(frozen=True, slots=True)
class Killed:
    """Replies that the server had sent when the process was killed, and those in the store."""

    sent: int
    stored: int


def measure(folder: Path, server: LoopbackServer, plan: Plan) -> list[Figure]:
    """The share of lost replies, with and without a judge."""
    figures = []
    for connections in CONNECTIONS:
        for judged in (False, True):
            draw = random.Random(connections + judged)  # noqa: S311 - no cryptography
            done = []
            for number in range(plan.kills):
                store = folder / f"store-{connections}-{judged}-{number}.db"
                # Of a run's 2 n answers and n judgements, far enough from both ends.
                done.append(_killed(server, _command(server, store, plan, connections, judged=judged), store, folder,
                                    round(draw.uniform(0.3, 1.7) * plan.dialogues)))  # fmt: skip
            sent = sum(one.sent for one in done)
            lost = sum(max(0, one.sent - one.stored) for one in done)
            name = f"{connections} connections{', with a judge' if judged else ''}"
            target = 2 if connections == CONNECTIONS[-1] and judged else None
            figures.append(
                Figure(f"{name}: replies lost by a kill, of {sent:,}", 100 * lost / sent, "%", at_most=target)
            )
            figures.append(Figure(f"{name}: replies lost, mean of {plan.kills} kills", lost / plan.kills, ""))
    return figures


def _command(server: LoopbackServer, store: Path, plan: Plan, connections: int, *, judged: bool) -> list[str]:
    judge = "sparkles@openai/good-judge"
    return [
        *[sparkles_eval(), "run", "--task", "sparkleseval-mini", "--task-arg", f"n={plan.dialogues}"],
        *["--model", "openai/good", "--model-arg", f"base_url={server.openai_url}"],
        *["--judge", judge if judged else "facts", "--no-report", "--store", str(store)],
        *(["--judge-arg", f"sparkles:base_url={server.openai_url}"] if judged else []),
        *["--max-connections", str(connections)],
    ]


def _killed(server: LoopbackServer, command: list[str], store: Path, folder: Path, after: int) -> Killed:
    """Kill a run after so many replies. Raises CommandFailed where it ends before."""
    behaviour = Behaviour(latency_s=LATENCY_S, latency_sigma=0.2)
    server.configure(Settings(bench=True, models=dict.fromkeys(("good", "good-judge"), behaviour)))
    env = surroundings({"SPARKLES_CACHE": str(folder / "cache"), "OPENAI_API_KEY": "loopback", "PYTHONPATH": str(ROOT)})
    process = subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    while server.stats().delivered < after and process.poll() is None:
        time.sleep(0.02)
    process.kill()
    _, errors = process.communicate()
    if process.returncode >= 0:
        raise CommandFailed(f"{' '.join(command)}: ended with {process.returncode}\n{errors.decode()[-2000:]}")
    time.sleep(_SETTLED_S)
    with closing(sqlite3.connect(store)) as db:
        ((stored,),) = db.execute(_STORED).fetchall()
    return Killed(server.stats().delivered, stored)


def report(quick: bool) -> str:
    """Measure and give the section's Markdown."""
    plan = QUICK if quick else Plan()
    with tempfile.TemporaryDirectory(prefix="sparkles-bench-") as folder, LoopbackServer() as server:
        figures = measure(Path(folder), server, plan)
    words = (
        f"`sparkleseval-mini` with {plan.dialogues} dialogues of two turns, 200 ms a reply, killed (SIGKILL) "
        f"{plan.kills} times for each line at a random moment of a fresh run. A reply is lost when the server has sent "
        "it and the store does not hold it; the same command asks for it again."
    )
    return f"{circumstances()}\n\n{words}\n\n{table(figures)}\n"


if __name__ == "__main__":
    command_line("python -m benchmarks.kills", {TITLE: report})
