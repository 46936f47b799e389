"""What runs now: counted from the store while another process writes it."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sparkles_eval.store import read_runs, sample_flags, viewer_index
from sparkles_eval.store.spending import Sum
from sparkles_eval.store.store import Store
from sparkles_eval.viewer import running_commands
from sparkles_eval.viewer.running_commands import CostCounter
from tests.end_to_end.running import end, judged, models, start
from tests.reports.demo import demo
from tests.server import Behaviour, LoopbackServer, Settings
from tests.viewer.serving import looking


def _ago(seconds: float) -> str:
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "cache"))
    opened = demo(tmp_path / "s.db", items=12)
    side = viewer_index.open_viewer_index(opened.path, tmp_path / "side.db")
    bases = sample_flags.score_versions(side)
    for key in sample_flags.outdated(side, bases):
        sample_flags.mark(side, *key, bases[key], reads=key[1] == "strict@1")
    side.close()
    viewer_index.attach_viewer_index(opened.connection, tmp_path / "side.db")
    return opened


def _running(store: Store) -> None:
    store.connection.execute("UPDATE environments SET finished_at = NULL, outcome = NULL, started_at = ?", (_ago(120),))


def test_an_ended_command_does_not_run(store: Store) -> None:
    assert running_commands.running_commands(store) == []
    assert running_commands.ended_commands(store)[0]["outcome"] == "unscored"
    store.close()


def test_counts_pace_and_time_left(store: Store) -> None:
    _running(store)
    store.connection.execute("UPDATE responses SET created_at = ?", (_ago(300),))
    store.connection.execute(
        "UPDATE responses SET created_at = ? WHERE id > (SELECT max(id) - 12 FROM responses)", (_ago(5),)
    )
    run = read_runs.runs(store)[-1]
    store.connection.execute("DELETE FROM answers WHERE run_id = ? AND turn = 2", (run.id,))
    (job,) = running_commands.running_commands(store)
    lane = next(lane for lane in job.lanes if lane.run_id == run.id and lane.what == "answers")
    assert (lane.done, lane.total) == (12, 24), "turns of samples"
    assert job.a_minute == {run.model.name: 12.0, "careful-reader": 36.0}
    assert job.alive and job.left_s is not None and 0 < job.left_s < 600
    judged_lane = next(lane for lane in job.lanes if lane.what == "judged" and lane.run_id == run.id)
    assert (judged_lane.done, judged_lane.total) == (12, 12) and judged_lane.who.startswith("careful-reader on")
    store.close()


def test_failures_are_told_and_no_pace_gives_no_time_left(store: Store) -> None:
    _running(store)
    store.connection.execute("UPDATE responses SET created_at = ?", (_ago(300),))
    store.connection.execute("UPDATE verdicts SET created_at = ?", (_ago(300),))
    (job,) = running_commands.running_commands(store)
    assert job.a_minute == {} and job.left_s is None and job.quiet_s > 100
    key = store.connection.execute(
        "SELECT q.key FROM requests q JOIN models m ON m.id = q.model_id WHERE m.name = 'demo/hasty' LIMIT 1"
    ).fetchone()[0]
    for attempt in (7, 8):
        store.connection.execute(
            "INSERT INTO responses(key, attempt, status, latency_s, created_at) VALUES (?, ?, 'timeout', 1, ?)",
            (key, attempt, _ago(3)),
        )
    (job,) = running_commands.running_commands(store)
    assert job.failed == {"demo/hasty": 2} and job.quiet_s < 60
    store.close()


def test_a_killed_command_is_not_called_running_for_ever(store: Store) -> None:
    _running(store)
    for table in ("responses", "verdicts"):
        store.connection.execute(f"UPDATE {table} SET created_at = ?", (_ago(3000),))  # noqa: S608
    store.connection.execute("UPDATE environments SET started_at = ?", (_ago(4000),))
    assert running_commands.running_commands(store) == []
    store.close()


def _until(true: Callable[[], bool]) -> None:
    patience = time.monotonic() + 60
    while not true():
        assert time.monotonic() < patience, "it never came"
        time.sleep(0.2)


def test_a_real_run_is_followed_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    store = tmp_path / "live.db"
    slow = Settings(models={"good": Behaviour(latency_s=0.4), "good-judge": Behaviour(latency_s=0.2)})
    Store(store).close()
    with LoopbackServer(slow) as server, looking(store, thread=True) as served:
        assert "Nothing is running" in served.ask("live").text
        args = ["--task", "sparkleseval-mini", "--task-arg", "n=24", *models(server, "openai/good"), *judged(server)]
        process = start("run", *args, "--store", str(store), "--max-connections", "2", "--no-report")
        try:
            seen: list[int] = []

            def moved() -> bool:
                text = served.ask("live").text
                if 'value="' in text:
                    seen.append(int(text.split('value="')[1].split('"')[0]))
                return len({count for count in seen if count > 0}) >= 3

            _until(moved)
            text = served.ask("live").text
            assert "Running now" in text and "openai/good" in text and "a minute" in text and "left" in text
            assert "cost so far: unknown" in text
            assert seen == sorted(seen)
        finally:
            done = end(process)
        assert done.code == 0, done.shown
        _until(lambda: "Nothing is running" in served.ask("live").text)
        _until(lambda: "openai/good" in served.ask("leaderboard").text)
        _until(lambda: served.ask("search?q=the").text.count('class="hit"') > 0)
        assert "complete" in served.ask("live").text


def test_figures_are_drawn_once_somebody_asks_for_them(store: Store) -> None:
    pytest.importorskip("vl_convert", reason="vl-convert-python draws the figures")
    with looking(store.path, thread=True) as served:
        _until(lambda: "demo/careful" in served.ask("leaderboard").text)
        assert "comes by itself" in served.ask("figures").text
        _until(lambda: "<svg" in served.ask("figures").text)
        text = served.ask("figures").text
        assert "Scores and ranks" in text and "The numbers of this figure" in text
        assert 'href="figures/' not in text, "files are the report's"
    store.close()


def test_what_a_command_has_spent_grows_with_its_replies(store: Store) -> None:
    _running(store)
    store.connection.execute("UPDATE responses SET created_at = ?, cost_usd = ?", (_ago(300), 1.0))
    store.connection.execute("UPDATE verdicts SET created_at = ?, cost_usd = ?", (_ago(300), 2.0))
    meter = CostCounter()
    assert running_commands.running_commands(store, meter)[0].spent == Sum(0.0, 0, 0), (
        "what was there before it began is not its own"
    )
    store.connection.execute(
        "UPDATE responses SET created_at = ? WHERE id > (SELECT max(id) - 3 FROM responses)", (_ago(9),)
    )
    store.connection.execute("UPDATE verdicts SET created_at = ? WHERE id = (SELECT max(id) FROM verdicts)", (_ago(9),))
    (job,) = running_commands.running_commands(store)
    (settled,) = store.connection.execute(
        "SELECT count(*) FROM responses WHERE id > (SELECT max(id) - 3 FROM responses)"
        " AND status NOT IN ('api_error', 'timeout')"
    ).fetchone()
    assert settled and job.spent == Sum(settled + 2.0, settled + 1, 0)
    meter = CostCounter()
    assert running_commands.running_commands(store, meter)[0].spent == job.spent
    store.connection.execute(
        "INSERT INTO requests SELECT 'another', model_id, conversation, generation, epoch, draw FROM requests LIMIT 1"
    )
    store.connection.execute(
        "INSERT INTO responses (key, attempt, status, text, latency_s, created_at)"
        " VALUES ('another', 1, 'ok', 'Yes.', 0.1, ?)",
        (_ago(1),),
    )
    assert running_commands.running_commands(store, meter)[0].spent == Sum(settled + 2.0, settled + 2, 1), (
        "what is unknown is never 0"
    )
    store.close()
