"""Two processes write one store at the same time: nothing is lost, nothing is there twice."""

from __future__ import annotations

from pathlib import Path

from tests.end_to_end.running import accounted, cli, end, here, judged, models, rows, sound, start, tables, total
from tests.server import Behaviour, LoopbackServer, Settings

TASKS = ("-t", "sparkleseval-mini", "-t", "nlvr2-mini", "--task-arg", "n=20", "--no-report")


def arguments(server: LoopbackServer, store: Path, *names: str) -> list[str]:
    return ["run", *TASKS, *models(server, *names), *judged(server), "--store", str(store)]


def slowed(server: LoopbackServer) -> None:
    behaviour = Behaviour(latency_s=0.03, latency_sigma=0.7)
    server.configure(Settings(models=dict.fromkeys(("good", "good-2", "good-judge"), behaviour)))


def test_two_processes_with_the_same_tasks_and_models(server: LoopbackServer, tmp_path: Path) -> None:
    store, alone = tmp_path / "s.db", tmp_path / "alone.db"
    slowed(server)
    names = ("openai/good", "anthropic/good-2")
    pair = [start(*arguments(server, store, *names)) for _ in range(2)]
    for process in pair:
        done = end(process)
        assert done.code == 0, done.shown
    sound(store)
    accounted(store)
    assert rows(store, "SELECT key FROM responses GROUP BY key HAVING count(*) > 1") == [], "the first reply stands"
    assert rows(store, "SELECT key FROM verdicts WHERE status = 'graded' GROUP BY key HAVING count(*) > 1") == []
    assert rows(store, "SELECT count(*), count(DISTINCT outcome), min(outcome) FROM environments") == [
        (2, 1, "complete")
    ]
    server.configure(Settings())
    assert here(*arguments(server, alone, *names)).code == 0
    assert tables(store) == tables(alone)


def test_two_processes_with_different_models(server: LoopbackServer, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    slowed(server)
    pair = [start(*arguments(server, store, name)) for name in ("openai/good", "openai/good-2")]
    for process in pair:
        done = end(process)
        assert done.code == 0, done.shown
    sound(store)
    accounted(store)
    assert server.stats().repeated == 0
    assert total(rows(store, "SELECT count(*) FROM runs")) == 4
    assert total(rows(store, "SELECT count(*) FROM responses")) == 2 * (20 * 2 + 20)
    assert rows(store, "SELECT count(*) FROM scores WHERE value IS NULL") == [(0,)]
    both = cli("report", "--store", str(store), "--out", str(tmp_path / "both.html"))
    assert both.code == 0
    assert "openai/good-2" in both.shown
    assert total(rows(store, "SELECT count(DISTINCT run) FROM leaderboard")) == 4
