"""`run --again`: stored replies of a kind are asked once more, the old ones stay, and everything follows the newest."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from sparkles_eval.core import Criterion
from sparkles_eval.core.errors import UserError
from sparkles_eval.engine.jobs import scorer_row
from sparkles_eval.engine.reread import reread
from sparkles_eval.store import read_runs
from sparkles_eval.store.ratings import HumanRating, Sheet, SheetRow, add_ratings, add_sheet
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.scorers.registry import stored_scorer
from tests.end_to_end.running import accounted, here, judged, kill, models, rows, sound, start, total
from tests.loopback.settings import Persona
from tests.server import Behaviour, LoopbackServer, Settings

ITEMS = 6


def become(server: LoopbackServer, persona: Persona, latency_s: float = 0.0) -> None:
    """From now on the model `good` is another character; the counts begin anew."""
    server.configure(Settings(models={"good": Behaviour(persona=persona, latency_s=latency_s)}))


def arguments(server: LoopbackServer, store: Path, *more: str) -> list[str]:
    task = ["-t", "nlvr2-mini", "--task-arg", f"n={ITEMS}", "--no-report"]
    return ["run", *task, *models(server, "openai/good"), "--store", str(store), *more]


def values(store: Path) -> tuple[int, int, int]:
    """Scored, invalid, unscored."""
    (row,) = rows(store, "SELECT count(value), total(invalid), sum(value IS NULL) FROM scores")
    return int(str(row[0])), int(float(str(row[1]))), int(str(row[2]))


def standing(store: Path) -> int:
    """Answers whose response is the one that stands for its request."""
    return total(
        rows(
            store,
            "SELECT count(*) FROM answers a JOIN responses r ON r.id = a.response_id WHERE r.set_aside IS NULL",
        )
    )


def verified(store: Path) -> None:
    sound(store)
    accounted(store)
    done = here("verify", str(store))
    assert done.code == 0, done.shown


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


@pytest.mark.parametrize(
    ("persona", "kind", "other"),
    [("empty", "empty", "cut"), ("truncated", "cut", "refused"), ("refuser", "refused", "empty")],
)
def test_replies_of_one_kind(server: LoopbackServer, store: Path, persona: Persona, kind: str, other: str) -> None:
    become(server, persona)
    here(*arguments(server, store))
    assert values(store)[:2] == (ITEMS, ITEMS), "all were invalid"
    become(server, "good")
    assert here(*arguments(server, store)).code == 0
    done = here(*arguments(server, store, "--again", other))
    assert f"no stored reply is {other}" in done.shown
    assert server.stats().requests == 0, "neither resuming nor another kind asks anything"
    done = here(*arguments(server, store, "--again", other, "--again", kind))
    assert done.code == 0 and f"{ITEMS} items are asked once more ({kind}: {ITEMS})" in done.shown
    assert server.stats().requests == ITEMS
    assert values(store) == (ITEMS, 0, 0)
    assert f"{ITEMS} of {ITEMS} answers are second ones, asked for with --again" in done.shown
    assert rows(store, "SELECT count(*), count(set_aside), max(attempt) FROM responses") == [(2 * ITEMS, ITEMS, 2)]
    assert standing(store) == ITEMS
    verified(store)


def test_a_kill_in_the_middle_neither_asks_endlessly_nor_loses_anything(server: LoopbackServer, store: Path) -> None:
    become(server, "empty")
    here(*arguments(server, store))
    become(server, "empty", latency_s=0.3)
    command = arguments(server, store, "--again", "empty", "--max-connections", "1")
    process = start(*command)
    while server.stats().delivered < 2:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    kill(process)
    verified(store)
    assert values(store) == (ITEMS, ITEMS, 0), "what was not reached keeps its reply and its score"
    become(server, "empty")
    before = total(rows(store, "SELECT count(*) FROM responses WHERE set_aside IS NOT NULL"))
    assert 1 <= before < ITEMS
    here(*command)
    assert server.stats().requests == ITEMS - before, "each is asked once more, and the same command goes on"
    assert rows(store, "SELECT count(*) FROM responses") == [(2 * ITEMS,)]
    here(*command)
    assert server.stats().requests == 2 * ITEMS - before, "the same command asks anew once it has come to its end"
    verified(store)


def test_where_no_newer_reply_comes_the_old_one_stands(server: LoopbackServer, store: Path) -> None:
    become(server, "truncated")
    here(*arguments(server, store))
    old = rows(store, "SELECT sample_id, value, invalid, reason FROM scores ORDER BY 1")
    server.configure(Settings(models={"good": Behaviour(declines=400, words="not today")}))
    done = here(*arguments(server, store, "--again", "cut"))
    assert f"{ITEMS} of {ITEMS} items have no newer reply, the one before stands" in done.shown
    assert "not today" in done.shown
    assert rows(store, "SELECT sample_id, value, invalid, reason FROM scores ORDER BY 1") == old
    verified(store)


def test_dialogues_and_their_verdicts_follow(server: LoopbackServer, store: Path) -> None:
    """The later turn, which followed the old reply, is asked anew, and the judge sees the new dialogue."""
    command = ["run", "-t", "sparkleseval-mini", "--task-arg", "n=3", "--no-report", "--store", str(store)]
    command += [*models(server, "openai/good"), *judged(server)]
    become(server, "truncated")
    done = here(*command)
    assert done.code == 0, done.shown
    first = rows(store, "SELECT DISTINCT verdict_id FROM scores")
    become(server, "good")
    done = here(*command, "--again", "cut")
    assert done.code == 0, done.shown
    assert "3 items are asked once more (cut: 3)" in done.shown
    assert server.stats().by_model == {"good": 6, "good-judge": 3}
    assert set(rows(store, "SELECT DISTINCT verdict_id FROM scores")).isdisjoint(first)
    assert total(rows(store, "SELECT count(*) FROM verdicts WHERE status = 'graded'")) == 6, "old verdicts are kept"
    assert rows(store, "SELECT DISTINCT r.status FROM answers a JOIN responses r ON r.id = a.response_id") == [("ok",)]
    verified(store)


def test_a_dialogue_that_stopped_at_an_empty_turn_goes_on(server: LoopbackServer, store: Path) -> None:
    """No provider takes an empty message back, so its later turns were never asked."""
    command = ["run", "-t", "sparkleseval-mini", "--task-arg", "n=3", "--no-report", "--store", str(store)]
    command += [*models(server, "openai/good"), *judged(server)]
    become(server, "empty")
    assert here(*command).code == 3
    become(server, "good")
    assert here(*command).code == 3, "the empty replies are replies: they are not asked again by themselves"
    assert here(*command, "--again", "empty").code == 0
    verified(store)


def test_what_people_have_rated_stays(server: LoopbackServer, store: Path) -> None:
    become(server, "empty")
    here(*arguments(server, store))
    with Store(store) as opened:
        (run,) = read_runs.runs(opened)
        people = [
            SheetRow(f"D{i}", run.id, place.sample_id, 0) for i, place in enumerate(read_runs.places(opened, run.id))
        ]
        sheet = Sheet("ann", run.task.name, 1, 1, 10, (Criterion("C1", "One", "what"),), tuple(people[:2]))
        add_sheet(opened, sheet)
        add_ratings(opened, [HumanRating("ann", run.id, people[0].sample_id, 0, 1, "C1", 3, "", sheet.id)])
    become(server, "good")
    done = here(*arguments(server, store, "--again", "empty"))
    assert "4 items are asked once more (empty: 4)" in done.shown
    assert "2 more stay, since people have rated their answers" in done.shown
    assert server.stats().requests == 4
    verified(store)


def test_failed_requests_are_asked_by_every_run(server: LoopbackServer, store: Path) -> None:
    server.configure(Settings(models={"good": Behaviour(declines=400, words="not today")}))
    assert here(*arguments(server, store, "--max-attempts", "1")).code == 3
    become(server, "good")
    assert here(*arguments(server, store, "--again", "failed")).code == 0
    assert values(store) == (ITEMS, 0, 0)
    verified(store)


def test_every_version_of_the_reader_reads_the_newer_reply(server: LoopbackServer, store: Path) -> None:
    become(server, "empty")
    here(*arguments(server, store))
    scorer = stored_scorer("strict@1")
    assert scorer is not None
    with Store(store) as opened:
        opened.add_judge(scorer_row(scorer))
        with opened.transaction() as db:
            db.execute(
                "INSERT INTO scores (run_id, sample_id, epoch, judge_id, repeat, turn, criterion, value, reason,"
                " invalid, answer, created_at) SELECT run_id, sample_id, epoch, 'strict@1', repeat, turn, criterion,"
                " value, reason, invalid, answer, created_at FROM scores"
            )
    verified(store)
    become(server, "good")
    here(*arguments(server, store, "--again", "empty"))
    found = rows(store, "SELECT judge_id, count(value), total(invalid) FROM scores GROUP BY 1 ORDER BY 1")
    assert found == [("strict@1", ITEMS, 0.0), ("strict@2", ITEMS, 0.0)]
    verified(store)
    with Store(store) as opened:
        assert [(done.before, done.now) for done in reread(opened)] == [("strict@2", "strict@2")]


def test_bundles_and_merging(server: LoopbackServer, store: Path, tmp_path: Path) -> None:
    become(server, "truncated")
    here(*arguments(server, store, "--part", "1/2"))
    become(server, "good")
    here(*arguments(server, store, "--part", "1/2", "--again", "cut"))
    other, merged, bundle = tmp_path / "other.db", tmp_path / "merged.db", tmp_path / "b.zip"
    here(*arguments(server, other, "--part", "2/2"))
    done = here("merge", str(store), str(other), "--into", str(merged))
    assert done.code == 0, done.shown
    verified(merged)
    assert standing(merged) == ITEMS
    done = here("submit", "--store", str(merged), "--out", str(bundle))
    assert done.code == 0, done.shown
    (tmp_path / "bundles").mkdir()
    bundle.rename(tmp_path / "bundles" / bundle.name)
    done = here("leaderboard", "build", str(tmp_path / "bundles"), "--out", str(tmp_path / "board"))
    assert done.code == 0, done.shown


def test_it_is_not_estimated(server: LoopbackServer, store: Path) -> None:
    with pytest.raises(UserError, match="--estimate does not count what --again requests"):
        here(*arguments(server, store, "--again", "cut", "--estimate"))


def test_a_store_that_is_not_there_is_named(server: LoopbackServer, store: Path) -> None:
    with pytest.raises(UserError, match=r"--again: there is no store .* with replies"):
        here(*arguments(server, store, "--again", "cut"))
    assert not store.exists() and server.stats().requests == 0


@pytest.mark.parametrize("order", ["newer first", "older first"])
def test_merging_with_an_older_copy_of_itself(server: LoopbackServer, store: Path, tmp_path: Path, order: str) -> None:
    """What was asked for again stays the newest, and verdicts and scores follow it, whatever the order."""
    older, into = tmp_path / "older.db", tmp_path / "all.db"
    become(server, "empty")
    here(*arguments(server, store))
    with closing(sqlite3.connect(store)) as db:
        db.execute("VACUUM INTO ?", (str(older),))
    become(server, "good")
    assert here(*arguments(server, store, "--again", "empty")).code == 0
    sources = [store, older] if order == "newer first" else [older, store]
    done = here("merge", *map(str, sources), "--into", str(into))
    assert done.code == 0, done.shown
    assert values(into) == values(store) and values(older) != values(store)
    assert standing(into) == standing(store) == ITEMS
    verified(into)
    assert here("merge", str(older), "--into", str(into)).code == 0
    assert values(into) == values(store)
    verified(into)
