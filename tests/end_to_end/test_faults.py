"""What goes wrong with providers, for real: every item ends graded, or unscored with its reason; none is lost."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.running import accounted, here, judged, models, reasons, rows, sound, tables, total
from tests.loopback.settings import Fault
from tests.server import Behaviour, LoopbackServer, Settings

NAMES = ("openai/good", "anthropic/good-2")


@dataclass(frozen=True)
class Scene:
    """Judged dialogues and statements, asked of two providers' models, into one store."""

    server: LoopbackServer
    store: Path

    def args(self, *more: str, names: tuple[str, ...] = NAMES) -> list[str]:
        tasks = ["-t", "sparkleseval-mini", "-t", "nlvr2-mini", "--task-arg", "n=8"]
        return ["run", *tasks, *models(self.server, *names), *judged(self.server), "--store", str(self.store), *more]

    def break_down(self, faults: dict[Fault, float], *, limit: int | None = 2, **more: float) -> None:
        """Let all models fail so often, each question at most `limit` times."""
        behaviour = Behaviour.model_validate({"faults": faults, "fault_limit": limit, **more})
        self.server.configure(Settings(models=dict.fromkeys(("good", "good-2", "good-judge"), behaviour)))

    def healthy(self, *more: str) -> object:
        """What an undisturbed run into a store of its own amounts to."""
        self.server.configure(Settings())
        beside = Scene(self.server, self.store.with_name("healthy.db"))
        assert here(*beside.args("--no-report", *more)).code == 0
        return tables(beside.store)


@pytest.fixture
def scene(server: LoopbackServer, tmp_path: Path) -> Scene:
    return Scene(server, tmp_path / "s.db")


FAULTS: dict[str, dict[Fault, float]] = {
    "too many requests": {"429": 0.2},
    "server errors": {"500": 0.1, "503": 0.1},
    "overloaded": {"529": 0.2},
    "mixed": {"429": 0.07, "500": 0.07, "503": 0.06},
    "lost connections": {"drop": 0.1, "cut": 0.1},
    "malformed replies": {"malformed": 0.1, "html": 0.1},
}


@pytest.mark.parametrize("kind", FAULTS)
def test_passing_faults_change_no_number(scene: Scene, kind: str) -> None:
    # A reply that cannot be read may have cost its full price: it is asked for once more, not twice.
    scene.break_down(FAULTS[kind], limit=1 if kind == "malformed replies" else 2)
    done = here(*scene.args("--no-report"))
    stats = scene.server.stats()
    assert done.code == 0, done.shown
    assert set(stats.by_fault) == set(FAULTS[kind]), "each of them was met"
    assert stats.repeated == 0
    failed = total(rows(scene.store, "SELECT count(*) FROM responses WHERE status = 'api_error' AND error != ''"))
    met = sum(stats.by_fault.values())
    assert met // 2 < failed <= met, "every failed attempt at an answer is kept; those of judges are not answers"
    accounted(scene.store)
    sound(scene.store)
    assert tables(scene.store) == scene.healthy()


def test_replies_slower_than_the_clients_patience(scene: Scene) -> None:
    scene.break_down({"stall": 0.2}, limit=1, stall_s=5.0)
    timeout = ["--model-arg", "timeout=0.7", "--judge-arg", "sparkles:timeout=0.7"]
    done = here(*scene.args("--no-report", *timeout))
    assert done.code == 0, done.shown
    assert rows(scene.store, "SELECT DISTINCT status FROM responses ORDER BY status") == [("ok",), ("timeout",)]
    assert rows(scene.store, "SELECT DISTINCT error FROM responses WHERE status = 'timeout' AND error LIKE '%0.7 s%'")
    assert tables(scene.store) == scene.healthy()


def test_what_is_given_up_is_unscored_with_its_reason_and_retried_later(scene: Scene) -> None:
    scene.break_down({"500": 0.3, "drop": 0.2, "malformed": 0.2}, limit=None)
    first = here(*scene.args("--no-report", "--max-attempts", "2"))
    assert first.code == 3
    accounted(scene.store)
    missing = total(rows(scene.store, "SELECT count(DISTINCT run_id || sample_id) FROM scores WHERE value IS NULL"))
    assert f"{missing} items are unscored" in first.shown
    for name in NAMES:
        whys = reasons(scene.store, name)
        assert whys and all("no reply after 2 attempts: " in why for why in whys), whys
    finished = rows(scene.store, "SELECT * FROM scores WHERE value IS NOT NULL ORDER BY 1, 2, 3, 4, 5, 6, 7")
    assert finished, "the others have their scores"

    answered = sum(scene.server.stats().answered.values())
    scene.server.configure(Settings())
    second = here(*scene.args("--no-report"))
    assert second.code == 0, second.shown
    whole = 2 * (8 * 2 + 8) + 2 * 8
    assert scene.server.stats().requests == whole - answered, "only what was missing"
    kept = rows(scene.store, "SELECT * FROM scores WHERE value IS NOT NULL ORDER BY 1, 2, 3, 4, 5, 6, 7")
    assert set(finished) <= set(kept), "what was finished is not touched"
    assert tables(scene.store) == scene.healthy()


def test_a_wrong_key_stops_that_model_and_is_shown_nowhere(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "wrong-0123456789abcdef"
    report = scene.store.with_suffix(".html")
    monkeypatch.setenv("BAD_KEY", secret)
    done = here(*scene.args("--model-arg", "openai/good:api_key_env=BAD_KEY"))
    assert done.code == 3, done.shown
    assert "openai/good: HTTP 401: the API key is not valid; set BAD_KEY to a key that may use good" in done.shown
    assert "openai/good: openai/good" not in done.shown
    refused = scene.server.stats().by_status["401"]
    assert refused <= 10, "those that were in flight when the first refusal came, and nothing more"
    assert scene.server.stats().by_model["good-2"] == 8 * 2 + 8, "the others finish"
    (why,) = reasons(scene.store, "openai/good")
    assert "HTTP 401" in why and "set BAD_KEY" in why
    assert not reasons(scene.store, "anthropic/good-2")
    accounted(scene.store)
    for written in scene.store.parent.iterdir():
        assert secret.encode() not in written.read_bytes(), written.name
    assert report.is_file()
    assert secret not in done.out + done.err

    monkeypatch.setenv("BAD_KEY", "right")
    mended = here(*scene.args("--model-arg", "openai/good:api_key_env=BAD_KEY", "--no-report"))
    assert mended.code == 0, mended.shown
    assert scene.server.stats().repeated == 0


def test_one_model_that_nobody_serves_while_others_work(scene: Scene) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    broken = ["--model", "openai/gone", "--model-arg", f"openai/gone:base_url=http://127.0.0.1:{port}/v1"]
    dead = Behaviour(faults={"500": 1.0}, fault_limit=None)
    scene.server.configure(Settings(models={"good-3": dead}))
    more = [*broken, *models(scene.server, "openai/good-3"), "--max-attempts", "2", "--no-report"]
    done = here(*scene.args(*more))
    assert done.code == 3
    accounted(scene.store)
    for name, told in [("openai/gone", "lost (Connection"), ("openai/good-3", "HTTP 500")]:
        whys = reasons(scene.store, name)
        assert whys.total() == 8 + 8 and all(told in why for why in whys), whys
    for name in NAMES:
        assert not reasons(scene.store, name)
    coverage = rows(scene.store, "SELECT model, n, total FROM leaderboard WHERE metric = 'accuracy' ORDER BY model")
    assert coverage == [
        ("anthropic/good-2", 8, 8),
        ("openai/gone", 0, 8),
        ("openai/good", 8, 8),
        ("openai/good-3", 0, 8),
    ]


def test_a_judge_that_is_down_costs_no_answer(scene: Scene) -> None:
    dead = Behaviour(faults={"503": 1.0}, fault_limit=None)
    scene.server.configure(Settings(models={"good-judge": dead}))
    first = here(*scene.args("--no-report", "--max-attempts", "2"))
    assert first.code == 3
    whys = {str(why) for (why,) in rows(scene.store, "SELECT DISTINCT reason FROM item_scores WHERE value IS NULL")}
    assert all(why.startswith("judge sparkles: ") and "HTTP 503" in why for why in whys), whys
    assert total(rows(scene.store, "SELECT count(*) FROM answers")) == 2 * (8 * 2 + 8)
    scene.server.configure(Settings())
    assert here(*scene.args("--no-report")).code == 0
    assert set(scene.server.stats().by_model) == {"good-judge"}, "the answers were kept"
    assert tables(scene.store) == scene.healthy()


def test_a_provider_that_takes_few_at_a_time_is_adapted_to(server: LoopbackServer, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    tight = Behaviour(latency_s=0.15, max_in_flight=6, retry_after="seconds", retry_after_s=0.1)
    server.configure(Settings(models={"good": tight}))
    args = ["run", "-t", "nlvr2-mini", "--task-arg", "n=120", *models(server, "openai/good")]
    done = here(*args, "--store", str(store), "--no-report")
    assert done.code == 0, done.shown
    told = [str(message) for (message,) in rows(store, "SELECT message FROM events WHERE kind = 'connections'")]
    assert any("refused" in message for message in told), told
    assert server.stats().by_status["429"] < 60, "it does not go on hammering"
    assert server.stats().repeated == 0


def test_a_named_number_of_connections_is_kept(server: LoopbackServer, tmp_path: Path) -> None:
    server.configure(Settings(models={"good": Behaviour(latency_s=0.03)}))
    args = ["run", "-t", "nlvr2-mini", "--task-arg", "n=30", *models(server, "openai/good"), "--no-report"]
    assert here(*args, "--store", str(tmp_path / "s.db"), "--max-connections", "3").code == 0
    assert server.stats().max_in_flight == 3
