"""A model at another address: what is stored is used, asked again or refused, by what its servers say of themselves."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sparkles_eval.core import fingerprint
from sparkles_eval.core.errors import UserError
from sparkles_eval.store.mapping import dump
from tests.end_to_end.running import here, rows
from tests.golden.frozen_stores import KEPT
from tests.server import Behaviour, LoopbackServer, Settings

SAID = {"good": {"owned_by": "us", "root": "/weights/seven"}}


@pytest.fixture
def other() -> Iterator[LoopbackServer]:
    """A second server, on another port."""
    with LoopbackServer() as server:
        yield server


def refused(*words: str) -> str:
    """What the user is told by a command that ends before it asks anything."""
    with pytest.raises(UserError) as caught:
        here(*words)
    return str(caught.value)


def run(store: Path, server: LoopbackServer | str, *more: str, items: int = 6, code: int = 0) -> str:
    url = server if isinstance(server, str) else server.openai_url
    words = ["run", "-t", "nlvr2-mini", "--task-arg", f"n={items}", "-m", "openai/good", "--no-report"]
    words += ["--model-arg", f"base_url={url}", *more, "--store", str(store)]
    if code == 2:
        return refused(*words)
    done = here(*words)
    assert done.code == code, done.shown
    return done.shown


def models(store: Path) -> int:
    return len(rows(store, "SELECT id FROM models"))


def test_another_port_stops_before_anything_is_asked(
    server: LoopbackServer, other: LoopbackServer, tmp_path: Path
) -> None:
    store = tmp_path / "s.db"
    run(store, server)
    said = run(store, other, code=2)
    assert server.openai_url in said and other.openai_url in said
    assert "same_model=true" in said and "label=NAME" in said
    assert other.stats().requests == 0


def test_the_user_may_say_that_it_is_the_same(server: LoopbackServer, other: LoopbackServer, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    run(store, server)
    run(store, other, "--model-arg", "same_model=true")
    assert other.stats().requests == 0, "all of it is there"
    run(store, other, items=8)
    assert other.stats().requests == 2, "said once; the two new items"
    assert models(store) == 1


def test_a_label_keeps_two_checkpoints_apart(server: LoopbackServer, other: LoopbackServer, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    run(store, server)
    run(store, other, "--model-arg", "label=fp8")
    assert other.stats().requests == 6
    assert rows(store, "SELECT name FROM models ORDER BY 1") == [("openai/good",), ("openai/good+fp8",)]


@pytest.mark.parametrize("differs", ["nothing", "fingerprint", "listing", "no fingerprint", "no listing"])
def test_a_server_that_shows_that_it_is_the_same_goes_on(
    server: LoopbackServer, other: LoopbackServer, tmp_path: Path, differs: str
) -> None:
    store = tmp_path / "s.db"
    server.configure(Settings(fingerprint="fp_1", listed=SAID))
    run(store, server)
    given = {
        "fingerprint": Settings(fingerprint="fp_2", listed=SAID),
        "listing": Settings(fingerprint="fp_1", listed={"good": {"root": "/weights/eight"}}),
        "no fingerprint": Settings(fingerprint=None, listed=SAID),
        "no listing": Settings(fingerprint="fp_1"),
    }
    other.configure(given.get(differs, Settings(fingerprint="fp_1", listed=SAID)))
    said = run(store, other, items=8, code=0 if differs == "nothing" else 2)
    if differs == "nothing":
        assert other.stats().requests == 1 + 2, "one short question, and the new items"
        assert models(store) == 1
    else:
        assert "same_model=true" in said
        assert other.stats().requests <= 1, "no item was asked"
        assert rows(store, "SELECT count(*) FROM responses") == [(6,)]


def test_a_server_by_its_other_name_is_the_same_place(server: LoopbackServer, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    run(store, server.openai_url.replace("127.0.0.1", "localhost"))
    run(store, server.openai_url.replace("localhost", "127.0.0.1"), items=8)
    assert server.stats().requests == 8


def older(store: Path, address: str) -> str:
    """Make a store as it was when addresses were part of a model's identity; gives the run's id."""
    with closing(sqlite3.connect(store)) as db, db:
        settings = f'{{"endpoint":"{address}"}}'
        identity = fingerprint(["openai", "good", {"endpoint": address}])
        (name,) = db.execute("SELECT name FROM models").fetchone()
        model_id = fingerprint([name, identity], 16)
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("UPDATE models SET id = ?, identity = ?, settings = ?", (model_id, identity, settings))
        db.execute("UPDATE requests SET model_id = ?", (model_id,))
        (said,) = db.execute("SELECT identity FROM runs").fetchone()
        whole = json.loads(said) | {"model_identity": identity}
        run_id = fingerprint(whole, 12)
        db.execute("UPDATE runs SET id = ?, model_id = ?, identity = ?", (run_id, model_id, dump(whole)))
        for table in ("run_samples", "run_environments", "answers", "scores", "estimates", "skipped"):
            db.execute(f"UPDATE {table} SET run_id = ?", (run_id,))  # noqa: S608
        for key, conversation, generation, epoch, draw in db.execute(
            "SELECT key, conversation, generation, epoch, draw FROM requests"
        ).fetchall():
            asked = {
                "model": identity,
                "conversation": json.loads(conversation),
                "generation": json.loads(generation),
                "schema": None,
                "epoch": epoch,
                "draw": draw,
                "sample": None,
                "turn": None,
            }
            new = fingerprint(asked)
            db.execute("UPDATE requests SET key = ? WHERE key = ?", (new, key))
            db.execute("UPDATE responses SET key = ?, address = NULL WHERE key = ?", (new, key))
        db.execute("DELETE FROM addresses")
    return run_id


def test_a_store_of_before_goes_on_under_its_own_ids(
    server: LoopbackServer, other: LoopbackServer, tmp_path: Path
) -> None:
    store = tmp_path / "s.db"
    run(store, server)
    run_id = older(store, server.openai_url)
    assert here("verify", str(store)).code == 0
    run(store, server)
    assert server.stats().requests == 6, "nothing is asked again"
    run(store, server, items=8)
    assert server.stats().requests == 8, "of another run of the same model neither"
    assert (run_id,) in rows(store, "SELECT id FROM runs") and models(store) == 1
    assert "same_model=true" in run(store, other, code=2)
    run(store, other, "--model-arg", "same_model=true", items=9)
    assert other.stats().requests == 1 and models(store) == 1
    assert here("verify", str(store)).code == 0


def test_a_store_with_both_identities_asks_for_nothing_that_either_has(
    server: LoopbackServer, other: LoopbackServer, tmp_path: Path
) -> None:
    before, now, both = (tmp_path / f"{name}.db" for name in ("before", "now", "both"))
    run(before, server)
    older(before, server.openai_url)
    run(now, server, "--task-arg", "seed=5")
    assert here("merge", str(before), str(now), "--into", str(both)).code == 0
    assert models(both) == 2 and server.stats().requests == 12
    run(both, server, items=8)
    assert server.stats().requests == 14, "six of the eight were answered under the old identity"
    placed = rows(both, "SELECT count(*) FROM responses WHERE address = ?", server.openai_url)
    assert placed == [(6 + 6 + 2,)], "taken over with the address that the identity held"
    assert here("verify", str(both)).code == 0
    assert "same_model=true" in run(both, other, items=9, code=2)
    run(both, other, "--model-arg", "same_model=true", items=9)
    assert other.stats().requests == 1


def test_two_nodes_make_one_model(server: LoopbackServer, other: LoopbackServer, tmp_path: Path) -> None:
    first, second, whole = tmp_path / "a.db", tmp_path / "b.db", tmp_path / "all.db"
    run(first, server, "--part", "1/2", code=0)
    run(second, other, "--part", "2/2", code=0)
    done = here("merge", str(first), str(second), "--into", str(whole))
    assert done.code == 0, done.shown
    assert models(whole) == 1
    assert rows(whole, "SELECT count(*), count(DISTINCT address) FROM responses") == [(6, 2)]
    run(whole, server)
    assert server.stats().requests + other.stats().requests == 6, "the run is whole"


def test_several_servers_are_one_model_and_share_the_work(
    server: LoopbackServer, other: LoopbackServer, tmp_path: Path
) -> None:
    store = tmp_path / "s.db"
    for one in (server, other):
        one.configure(Settings(models={"good": Behaviour(latency_s=0.05)}))
    run(store, f"{server.openai_url},{other.openai_url}", "--max-connections", "2", items=24)
    asked = [one.stats().requests for one in (server, other)]
    assert sum(asked) == 24 and min(asked) >= 6
    assert all(one.stats().max_in_flight <= 2 for one in (server, other))
    run(store, other, items=26)
    assert other.stats().requests == asked[1] + 2, "each of them may use what all have said"
    assert rows(store, "SELECT count(DISTINCT address) FROM responses") == [(2,)]


def test_one_of_several_that_is_not_there_is_left_out(server: LoopbackServer, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    run(store, f"http://127.0.0.1:1/v1,{server.openai_url}", items=20)
    assert server.stats().requests == 20
    assert rows(store, "SELECT count(*) FROM answers") == [(20,)]
    failed = rows(store, "SELECT count(*) FROM responses WHERE status = 'api_error'")
    assert failed < [(6,)], "the dead one is only tried now and then"


def test_a_judge_at_another_address_is_checked_too(
    server: LoopbackServer, other: LoopbackServer, tmp_path: Path
) -> None:
    store = tmp_path / "s.db"

    def judged(by: LoopbackServer, *more: str, code: int = 0) -> str:
        words = ["run", "-t", "sparkleseval-mini", "--task-arg", "n=2", "-m", "baseline/oracle", "--no-report"]
        words += ["--judge", "sparkles@openai/good", "--judge-arg", f"base_url={by.openai_url}", *more]
        words += ["--store", str(store)]
        if code == 2:
            return refused(*words)
        done = here(*words)
        assert done.code == code, done.shown
        return done.shown

    judged(server)
    assert "--judge-arg same_model=true" in judged(other, code=2)
    judged(other, "--judge-arg", "same_model=true")
    assert other.stats().requests == 0
    assert len(rows(store, "SELECT id FROM judges WHERE model IS NOT NULL")) == 1


def test_a_kept_store_is_not_changed_by_being_brought_up_to_date(tmp_path: Path) -> None:
    store = Path(shutil.copy(KEPT / "store.db", tmp_path / "s.db"))
    before = rows(store, "SELECT id, identity, settings FROM models ORDER BY id")
    assert here("list", "runs", "--store", str(store)).code == 0
    assert rows(store, "SELECT id, identity, settings FROM models ORDER BY id") == before
    assert rows(store, "SELECT count(*) FROM addresses") == [(0,)]


def two_models(server: LoopbackServer, other: LoopbackServer) -> None:
    """Two servers that list different weights under one name."""
    server.configure(Settings(listed=SAID))
    other.configure(Settings(listed={"good": {"owned_by": "us", "root": "/weights/eight"}}))


def test_a_pool_of_two_models_is_refused(server: LoopbackServer, other: LoopbackServer, tmp_path: Path) -> None:
    two_models(server, other)
    pool = f"{server.openai_url},{other.openai_url}"
    said = run(tmp_path / "s.db", pool, code=2)
    assert "list different models under this name" in said and "label=NAME" in said
    assert server.stats().requests == other.stats().requests == 0
    shown = run(tmp_path / "s.db", pool, "--model-arg", "same_model=true", "--max-connections", "2", items=12)
    assert "its servers list different models under one name" in " ".join(shown.split())


def test_two_models_are_not_merged_into_one(server: LoopbackServer, other: LoopbackServer, tmp_path: Path) -> None:
    two_models(server, other)
    first, second, into = (tmp_path / f"{name}.db" for name in ("a", "b", "all"))
    run(first, server)
    run(second, other, "--task-arg", "seed=5")
    merge = ["merge", str(first), str(second), "--into", str(into)]
    said = " ".join(refused(*merge).split())
    assert "nothing was merged" in said and server.openai_url in said and "--same-model" in said
    assert not into.exists()
    assert here(*merge, "--same-model").code == 0
    assert here("merge", str(into), "--into", str(tmp_path / "again.db")).code == 0, "it was said already"
