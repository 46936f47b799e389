"""A whole invocation within this process: what it leaves in the store, and how it says that it cannot go on."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.core.errors import StoreError
from sparkles_eval.engine.config import RetryPolicy, RunConfig, RunLimits
from sparkles_eval.engine.prepare import RunJudges, prepare
from sparkles_eval.engine.rejudge import stored_answers
from sparkles_eval.engine.run import RunOutcome, execute, judge_again
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store
from tests.engine.making import Heard
from tests.server import Behaviour, LoopbackServer, Settings

MINI = RunConfig(tasks=("nlvr2-mini", "sparkleseval-mini"), models=("baseline/oracle",), task_args=("n=6",))
QUICK = RunLimits(patience=RetryPolicy(attempts=2, first_wait_s=0.01, failures_in_a_row=4))


def run(config: RunConfig, store: Store, terms: RunLimits = QUICK) -> tuple[RunOutcome, Heard]:
    heard = Heard()
    return execute(prepare(config), store, heard, terms, ["sparkles-eval", "run"]), heard


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


def test_a_complete_invocation(path: Path) -> None:
    with Store(path) as store:
        outcome, heard = run(MINI, store)
        assert (outcome.ending, outcome.unscored, outcome.spent_usd) == ("complete", 0, 0.0)
        assert len(outcome.run_ids) == 2
        (made,) = read_runs.environments(store, outcome.run_ids)
        assert (made.outcome, made.command) == ("complete", "sparkles-eval run")
        assert made.finished_at is not None and made.packages["pydantic"] and made.machine["cores"]
    assert heard.plans["baseline/oracle", "nlvr2-mini"] == (6, 0)
    assert heard.plans["facts on baseline/oracle", "sparkleseval-mini"] == (6, 0)
    assert len(heard.through) == 18 and all(scored for _, _, scored in heard.through)


def test_a_second_invocation_has_nothing_to_do(path: Path) -> None:
    with Store(path) as store:
        run(MINI, store)
        outcome, heard = run(MINI, store)
        assert outcome.ending == "complete"
        assert set(heard.plans.values()) == {(6, 6)}
        assert heard.through == []
        assert len(read_runs.environments(store, outcome.run_ids)) == 2


def test_a_model_that_stops_leaves_every_item_with_the_reason(server: LoopbackServer, path: Path) -> None:
    server.configure(Settings(models={"good": Behaviour(faults={"500": 1.0}, fault_limit=None)}))
    config = replace(MINI, models=("openai/good",), model_args=(f"base_url={server.openai_url}",))
    with Store(path) as store:
        outcome, heard = run(config, store)
        assert (outcome.ending, outcome.unscored) == ("unscored", 12)
        whys = [
            read_runs.scores(store, run_id, judge.id)
            for run_id in outcome.run_ids
            for judge in read_runs.judges(store, run_id)
        ]
        assert all(line.value is None and line.reason for lines in whys for line in lines)
        assert sum(len(lines) for lines in whys) == 6 + 6 * 2 * len(
            read_runs.judges(store, outcome.run_ids[1])[0].criteria
        )
    assert "stopped" in heard.kinds()
    assert server.stats().requests <= 4 * 2 + 10 * 2, "the breaker spares the server the rest"


def test_two_names_of_one_model_ask_once(server: LoopbackServer, path: Path, tmp_path: Path) -> None:
    """Both names stand in the tables; what they are asked at the same time is the same question."""
    server.configure(Settings(models={"good": Behaviour(latency_s=0.05)}))
    (tmp_path / "adapters").mkdir()
    (tmp_path / "adapters" / "mine.yaml").write_text("kind: openai\nmodel: good\ntitle: Mine\n", encoding="utf-8")
    names = ("openai/good", "mine")
    args = (f"base_url={server.openai_url}", "openai/good:name=one", "mine:name=two")
    config = replace(MINI, models=names, model_args=args, content=(tmp_path,), tasks=("nlvr2-mini",))
    with Store(path) as store:
        outcome, _ = run(config, store)
        assert len(set(outcome.run_ids)) == 2
    assert server.stats().requests == 6


def test_a_full_disk_is_told_as_itself_and_nothing_is_lost(path: Path) -> None:
    whole = replace(MINI, task_args=("n=60",))
    with Store(path) as store:
        run(replace(whole, limit=3), store)
        pages = store.connection.execute("PRAGMA page_count").fetchone()[0]
        store.connection.execute(f"PRAGMA max_page_count = {pages + 40}")
        with pytest.raises(StoreError, match=r"or written .*full.*what was committed is safe"):
            run(whole, store)
    with Store(path) as store:
        assert store.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert run(whole, store)[0].ending == "complete"


def test_from_another_thread_there_are_no_signals_but_it_works(path: Path) -> None:
    found: list[RunOutcome] = []

    def work() -> None:
        with Store(path) as store:
            found.append(run(MINI, store)[0])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert [outcome.ending for outcome in found] == ["complete"]


def test_judging_again_needs_no_model(path: Path) -> None:
    with Store(path) as store:
        outcome, _ = run(MINI, store)
        answered = stored_answers(store, None, data_root=None)
        assert [(run.task, run.items) for run in answered] == [("sparkleseval-mini", 6)]
        bench = RunJudges(replace(MINI, judges=("facts",)))
        again = judge_again([bench.bound("facts")], answered, store, Heard(), QUICK, ["sparkles-eval", "judge"])
        assert (again.ending, again.run_ids) == ("complete", outcome.run_ids[1:])


def test_images_that_a_store_names_outside_the_data_root_are_not_read(path: Path, tmp_path: Path) -> None:
    """A store may come from anybody: its paths lead nowhere but into the folder that the user named."""
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"not for judges")
    root = tmp_path / "root"
    root.mkdir()
    with Store(path) as store:
        run(MINI, store)
        store.connection.execute("UPDATE images SET relpath = '../secret.png'")
        answered = stored_answers(store, None, data_root=root)
        images = [image for items in answered.values() for item in items for image in item.item.sample.images]
        assert images and all(image.path is None for image in images)
