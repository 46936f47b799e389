"""Writing: what stands, what is filled in, what survives a kill, and two writers at once."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from sparkles_eval.core import Estimate, Rating, Sample, Verdict, VerdictStatus
from sparkles_eval.core.errors import StoreError
from sparkles_eval.store import read_runs
from sparkles_eval.store.rows import EstimateRow, VerdictRow
from sparkles_eval.store.store import Store
from tests.store.making import RULE, TASK, Made, request, response, score


def test_the_first_reply_to_a_request_stands_and_failures_stay_beside_it(store: Store) -> None:
    store.add_response(request("k"), response("k", None))
    first = store.add_response(request("k"), response("k", "one", attempt=2))
    second = store.add_response(request("k"), response("k", "two", attempt=3))
    assert second.text == "one" and second.id == first.id
    assert store.settled("k") == first
    rows = store.connection.execute("SELECT status FROM responses ORDER BY id").fetchall()
    assert [row[0] for row in rows] == ["api_error", "ok"]
    store.add_response(request("k"), response("k", None, attempt=4))
    assert store.settled("k") == first


def test_a_failure_is_no_reply(store: Store) -> None:
    store.add_response(request("k"), response("k", None))
    assert store.settled("k") is None


def test_one_graded_verdict_stands_for_a_key(store: Store, made: Made) -> None:
    def add(attempt: int, value: float | None) -> tuple[int, Verdict]:
        ratings = () if value is None else (Rating(1, "C1", value, "because"),)
        status = VerdictStatus.INVALID if value is None else VerdictStatus.GRADED
        verdict = Verdict(status, ratings, {1: 5.0}, None if value is not None else "no ratings", "asked", "said")
        return store.add_verdict(VerdictRow("v", RULE.id, made.ids[0], "dialogue", 0, attempt, verdict))

    add(1, None)
    assert store.graded("v") is None
    standing = add(2, 7.0)
    assert add(3, 9.0) == standing == store.graded("v")
    assert standing[1].ratings[0].explanation == "because"


def test_a_score_without_a_value_is_filled_in_and_one_with_a_value_stays(store: Store, made: Made) -> None:
    def value(place: int) -> tuple[float | None, str | None]:
        lines = {line.sample_id: line for line in read_runs.scores(store, made.run.id, RULE.id)}
        return lines[made.ids[place]].value, lines[made.ids[place]].reason

    assert value(2) == (None, "timed out")
    store.add_scores([score(made, 2, None, reason="refused")])
    assert value(2) == (None, "refused")
    store.add_scores([score(made, 2, 0.0)])
    assert value(2) == (0.0, None)
    store.add_scores([score(made, 2, 1.0), score(made, 0, None)])
    assert value(2) == (0.0, None) and value(0) == (1.0, None)


def test_what_is_scored_is_what_has_no_gap(store: Store, made: Made) -> None:
    assert store.scored(made.run.id, RULE.id) == {(made.ids[0], 0, 0), (made.ids[1], 0, 0)}


def test_adding_a_run_again_changes_nothing(store: Store, made: Made, samples: tuple[Sample, ...]) -> None:
    before = list(store.connection.iterdump())
    assert store.add_run(made.run, TASK, samples, [], made.environment) == made.ids
    assert list(store.connection.iterdump()) == before


def test_estimates_vanish_from_the_leaderboard_with_the_scores_they_rest_on(store: Store, made: Made) -> None:
    def shown() -> int:
        return int(store.connection.execute("SELECT count(*) FROM leaderboard").fetchone()[0])

    basis = read_runs.scores_version(store, made.run.id, RULE.id)
    row = EstimateRow(made.run.id, RULE.id, "accuracy", Estimate(0.5, 0.1, 0.9, 2, 3, 2, "Wilson"))
    store.set_estimates(made.run.id, RULE.id, [row], basis)
    assert shown() == 1
    store.connection.execute("UPDATE scores SET value = 0 WHERE sample_id = ?", (made.ids[0],))
    assert shown() == 0
    store.connection.execute("UPDATE scores SET value = 1 WHERE sample_id = ?", (made.ids[0],))
    assert shown() == 1
    store.add_scores([score(made, 2, 1.0)])
    assert shown() == 0


def test_estimates_of_scores_that_changed_meanwhile_are_never_shown(store: Store, made: Made) -> None:
    basis = read_runs.scores_version(store, made.run.id, RULE.id)
    store.add_scores([score(made, 2, 1.0)])
    row = EstimateRow(made.run.id, RULE.id, "accuracy", Estimate(0.5, 0.1, 0.9, 2, 3))
    store.set_estimates(made.run.id, RULE.id, [row], basis)
    assert store.connection.execute("SELECT count(*) FROM leaderboard").fetchone()[0] == 0


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    def half() -> None:
        with store.transaction() as db:
            db.execute(
                "INSERT INTO environments (started_at, command, version, python, machine, packages)"
                " VALUES ('', '', '', '', '', '')"
            )
            db.execute("INSERT INTO events (environment_id, at, kind, who, message) VALUES (99, '', '', '', '')")

    with pytest.raises(sqlite3.IntegrityError):
        half()
    assert store.connection.execute("SELECT count(*) FROM environments").fetchone()[0] == 0


def test_a_file_that_cannot_be_written_is_the_users_error(store: Store) -> None:
    store.connection.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match=r"or written.*what was committed is safe"):
        store.add_response(request("k"), response("k"))


_WRITER = """
import sys
from pathlib import Path
from sparkles_eval.store.store import Store
from tests.store.making import request, response
store = Store(Path(sys.argv[1]))
name, count = sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
for n in range(count):
    key = f"{name}-{n}" if n % 3 else f"both-{n}"
    stored = store.add_response(request(key), response(key, f"{name} says {n}"))
    print(key, stored.text, flush=True)
"""


def _writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path), name, str(count)], stdout=subprocess.PIPE, text=True, cwd=root
    )


def test_two_processes_write_one_store_and_agree_on_what_stands(store: Store) -> None:
    writers = [_writer(store.path, name, 150) for name in ("left", "right")]
    said = [dict(line.split(" ", 1) for line in w.communicate(timeout=60)[0].splitlines()[1:]) for w in writers]
    assert [w.returncode for w in writers] == [0, 0]
    shared = {key for key in said[0] if key.startswith("both")}
    assert len(shared) == 50 and all(said[0][key] == said[1][key] for key in shared)
    assert store.connection.execute("SELECT count(*) FROM responses").fetchone()[0] == 250


def test_what_was_committed_survives_kill_9_at_any_moment(store: Store) -> None:
    dice = Random(7)  # noqa: S311 - moments, not secrets
    acknowledged: dict[str, str] = {}
    for turn in range(6):
        writer = _writer(store.path, f"w{turn}", 100_000)
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
        time.sleep(dice.uniform(0.005, 0.15))
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read()
        writer.wait()
        writer.stdout.close()
        whole = rest[: rest.rfind("\n") + 1]
        for line in whole.splitlines():
            key, _, text = line.partition(" ")
            acknowledged[key] = text
        with Store(store.path) as opened:
            assert opened.connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            assert opened.connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert len(acknowledged) > 20
    for key, text in acknowledged.items():
        found = store.settled(key)
        assert found is not None and found.text == text
