"""Merging: parts become the whole, in any order and again; contradictions are named; a kill harms nothing."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparkles_eval.core.errors import StoreError
from sparkles_eval.publishing.merge import merge, refresh
from sparkles_eval.publishing.verify import verify_file
from sparkles_eval.store import database
from sparkles_eval.store.store import Store
from tests.end_to_end.running import rows, sound, tables
from tests.publishing.making import content, copied, edited, part, runs_of


def merged(sources: list[Path], into: Path, *, keep_first: bool = False) -> Path:
    merge(sources, into, keep_first=keep_first)
    with Store(into, create=False) as store:
        refresh(store)
    return into


def test_the_parts_of_jobs_become_the_store_of_one_run(whole: Path, tmp_path: Path) -> None:
    jobs = [part(whole, tmp_path / f"job-{job}.db", lambda _, at, job=job: at % 3 == job) for job in range(3)]  # type: ignore[misc]
    together = merged(jobs, tmp_path / "all.db")
    sound(together)
    assert tables(together) == tables(whole)
    assert content(together) == content(whole)
    assert verify_file(together).sound


def test_the_same_store_twice_is_said(whole: Path, tmp_path: Path) -> None:
    first, again = copied(whole, tmp_path / "a.db"), tmp_path / "b.db"
    shutil.copyfile(first, again)
    assert merge([first, again], tmp_path / "all.db").notes == (
        f"{again} is {first} again, byte for byte; it adds nothing",
    )
    assert merge([first], tmp_path / "one.db").notes == ()


def test_judges_panels_ratings_and_trainings_come_along(judged: Path, tmp_path: Path) -> None:
    first, second, third = runs_of(judged)
    jobs = [
        part(judged, tmp_path / "a.db", lambda run, at: run == first or at < 2),
        part(judged, tmp_path / "b.db", lambda run, at: run != first and at >= 1),
    ]
    # The other store has row numbers of its own.
    with edited(jobs[1]) as db:
        db.execute("UPDATE verdicts SET id = id + 1000")
        db.execute("UPDATE scores SET verdict_id = verdict_id + 1000")
        db.execute("UPDATE responses SET id = id + 1000")
        db.execute("UPDATE answers SET response_id = response_id + 1000")
    together = merged(jobs, tmp_path / "all.db")
    sound(together)
    assert tables(together) == tables(judged)
    assert content(together) == content(judged)
    assert rows(together, "SELECT count(*) FROM ratings") == [(4,)]
    assert rows(together, "SELECT run_id FROM checkpoint_runs") == [(first,)]
    assert {second, third} <= set(runs_of(together))
    assert verify_file(together).sound


def test_merging_again_changes_nothing(judged: Path, tmp_path: Path) -> None:
    together = merged([judged], tmp_path / "all.db")
    before = content(together)
    again = merge([judged, judged], together)
    assert not again.changed and content(together) == before


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(owners=st.lists(st.integers(0, 2), min_size=8, max_size=8), order=st.permutations(range(3)))
def test_however_the_work_was_shared_and_in_whatever_order_it_is_merged(
    whole: Path, tmp_path: Path, owners: list[int], order: list[int]
) -> None:
    folder = tmp_path / "drawn"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    jobs = [part(whole, folder / f"{job}.db", lambda _, at, job=job: owners[at] == job) for job in range(3)]  # type: ignore[misc]
    together = merged([jobs[job] for job in order], folder / "all.db")
    assert content(together) == content(whole)
    assert not merge(jobs, together).changed


def test_what_one_store_does_not_know_another_fills_in(whole: Path, tmp_path: Path) -> None:
    run = runs_of(whole)[0]
    a, b = copied(whole, tmp_path / "a.db"), copied(whole, tmp_path / "b.db")
    with edited(a) as db:
        db.execute("UPDATE scores SET value = NULL, reason = 'timed out' WHERE run_id = ?", (run,))
        db.execute("UPDATE images SET thumbnail = NULL")
        db.execute("UPDATE environments SET finished_at = NULL, outcome = NULL")
    for order in ([a, b], [b, a]):
        together = merged(order, tmp_path / f"{order[0].stem}.all.db")
        assert tables(together)[0] == tables(whole)[0]
        assert rows(together, "SELECT count(*) FROM images WHERE thumbnail IS NULL") == [(0,)]
        assert rows(together, "SELECT outcome FROM environments") == [("complete",)]


def test_of_two_reasons_the_later_stands_whatever_the_order(whole: Path, tmp_path: Path) -> None:
    stores = []
    for name, reason, at in (
        ("a", "timed out", "2026-01-01T00:00:00.000000Z"),
        ("b", "refused", "2026-02-01T00:00:00.000000Z"),
    ):
        stores.append(copied(whole, tmp_path / f"{name}.db"))
        with edited(stores[-1]) as db:
            db.execute("UPDATE scores SET value = NULL, verdict_id = NULL, reason = ?, created_at = ?", (reason, at))
    for order in (stores, stores[::-1]):
        together = merged(order, tmp_path / f"{order[0].stem}.all.db")
        assert rows(together, "SELECT DISTINCT reason FROM scores") == [("refused",)]


def contradicting(whole: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Two stores of which the second was told something else by the model on the first sample of the first run."""
    a, b = copied(whole, tmp_path / "a.db"), copied(whole, tmp_path / "b.db")
    with edited(b) as db:
        db.execute(
            "UPDATE responses SET text = 'Hm. IMAGE#1?' WHERE id = (SELECT response_id FROM answers a"
            " JOIN run_samples p ON p.run_id = a.run_id AND p.sample_id = a.sample_id"
            " WHERE p.position = 0 AND a.run_id = ?)",
            (runs_of(whole)[0],),
        )
    return a, b


def test_a_contradiction_names_file_and_row_and_nothing_is_merged(whole: Path, tmp_path: Path) -> None:
    a, b = contradicting(whole, tmp_path)
    with pytest.raises(StoreError, match=r"1 conflict, nothing was merged") as told:
        merge([a, b], tmp_path / "all.db")
    key, name, model, task = rows(
        b,
        "SELECT o.key, s.name, m.name, t.name FROM responses o JOIN answers a ON a.response_id = o.id JOIN samples s"
        " ON s.id = a.sample_id JOIN runs r ON r.id = a.run_id JOIN models m ON m.id = r.model_id"
        " JOIN tasks t ON t.id = r.task_id WHERE o.text = 'Hm. IMAGE#1?'",
    )[0]
    said = f"{b}: responses ({model} on {task}, sample {name}, turn 1, key {str(key)[:12]}…, attempt 1"
    assert said in str(told.value) and "another text" in str(told.value)
    assert str(key) not in str(told.value)
    assert "--keep first" in str(told.value)
    assert not list(tmp_path.glob("all.db*")), "what was made for nothing is gone"


def test_an_existing_store_stays_as_it_was_when_a_merge_is_refused(whole: Path, tmp_path: Path) -> None:
    a, b = contradicting(whole, tmp_path)
    before = content(a)
    with pytest.raises(StoreError, match="conflict"):
        merge([b], a)
    assert content(a) == before


@pytest.mark.parametrize("first", ["a", "b"])
def test_keeping_the_first_leaves_out_what_rests_on_the_other(whole: Path, tmp_path: Path, first: str) -> None:
    a, b = contradicting(whole, tmp_path)
    run = runs_of(whole)[0]
    order = [a, b] if first == "a" else [b, a]
    if first == "b":  # the first has the answer, the second its score: a score of other words is not taken
        with edited(b) as db:
            db.execute(
                "DELETE FROM scores WHERE run_id = ? AND sample_id ="
                " (SELECT sample_id FROM run_samples WHERE run_id = ? AND position = 0)",
                (run, run),
            )
    done = merge(order, tmp_path / "all.db", keep_first=True)
    assert [conflict.source for conflict in done.conflicts] == [order[1]]
    assert content(tmp_path / "all.db") == content(order[0])


def test_another_reading_of_one_verdict_is_a_contradiction(judged: Path, tmp_path: Path) -> None:
    a, b = copied(judged, tmp_path / "a.db"), copied(judged, tmp_path / "b.db")
    with edited(b) as db:
        db.execute("UPDATE verdicts SET raw = raw || ' ', prompt = 'asked in other words' WHERE raw IS NOT NULL")
    count = rows(b, "SELECT count(*) FROM verdicts WHERE status = 'graded' AND raw IS NOT NULL")[0][0]
    with pytest.raises(StoreError, match=rf"(?s){count} conflicts.*verdicts \(judge .*, sample .* on .*another raw"):
        merge([a, b], tmp_path / "all.db")
    done = merge([a, b], tmp_path / "all.db", keep_first=True)
    assert len(done.conflicts) == count and content(tmp_path / "all.db") == content(a)


def test_two_names_of_one_model_share_what_it_replied(whole: Path, tmp_path: Path) -> None:
    a, b = copied(whole, tmp_path / "a.db"), copied(whole, tmp_path / "b.db")
    with edited(b) as db:  # asked under another name; the key of a request covers the identity
        db.execute(
            "INSERT INTO models SELECT 'other', 'my/' || name, kind, model_id, identity, settings, prices, free"
            " FROM models LIMIT 1"
        )
        db.execute("UPDATE requests SET model_id = 'other'")
    merge([a, b], tmp_path / "all.db")
    assert rows(tmp_path / "all.db", "SELECT count(*) FROM requests") == rows(whole, "SELECT count(*) FROM requests")


def test_a_preference_is_one_whatever_the_sides(judged: Path, tmp_path: Path) -> None:
    a, b = copied(judged, tmp_path / "a.db"), copied(judged, tmp_path / "b.db")
    with edited(b) as db:
        db.execute("UPDATE preferences SET left_run = right_run, right_run = left_run, choice = 'right'")
    with pytest.raises(StoreError, match=r"preferences .*another left_run"):
        merge([a, b], tmp_path / "all.db")


def test_rows_that_this_program_does_not_know_are_refused_by_name(store_file: Path, tmp_path: Path) -> None:
    with edited(store_file) as db:
        db.execute("CREATE TABLE horoscopes (sign TEXT)")
    merge([store_file], tmp_path / "empty.db")
    with edited(store_file) as db:
        db.execute("INSERT INTO horoscopes VALUES ('lion')")
    with pytest.raises(StoreError, match=r"holds rows of horoscopes, which this program cannot merge"):
        merge([store_file], tmp_path / "all.db")


def test_rows_that_hang_in_the_air_are_refused(store_file: Path, tmp_path: Path) -> None:
    with edited(store_file) as db:
        db.execute("DELETE FROM responses WHERE id = 1")
    with pytest.raises(StoreError, match=r"a row of answers refers to one of responses.*verify"):
        merge([store_file], tmp_path / "all.db")


def test_sources_stay_as_they_are_to_the_last_byte(whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    source = copied(whole, folder / "source.db")
    before = source.read_bytes()
    folder.chmod(0o555)
    try:
        merge([source], tmp_path / "all.db")
    finally:
        folder.chmod(0o755)
    assert source.read_bytes() == before and [path.name for path in folder.iterdir()] == ["source.db"]


def test_a_store_of_an_older_version_is_brought_up_to_date_in_a_copy(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    with edited(old) as db:
        for file in database.migrations()[:1]:
            db.executescript(file.read_text(encoding="utf-8"))
        db.execute(f"PRAGMA application_id = {database.APPLICATION_ID}")
        db.execute("PRAGMA user_version = 1")
        db.execute("CREATE TABLE _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set, name, applied_at)")
        db.execute("INSERT INTO _sqlite_migrations VALUES (1, 'sparkles_eval', '0001_initial', '')")
        db.execute("INSERT INTO skipped VALUES ('r', 'i', 'why')")
        db.execute("DELETE FROM skipped")
        db.execute("INSERT INTO tasks VALUES ('t', 'n', 1, '', '[]', '[]', '{}', '', '', '')")
    before = old.read_bytes()
    assert merge([old], tmp_path / "all.db").added["tasks"] == 1
    assert old.read_bytes() == before


def test_a_store_cannot_be_merged_into_itself(store_file: Path) -> None:
    with pytest.raises(StoreError, match="is one of the stores that are merged"):
        merge([store_file], store_file)


def test_what_is_no_store_is_told_before_anything_is_made(whole: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("not a store " * 100)
    for other in (tmp_path / "notes.db", tmp_path / "none.db"):
        with pytest.raises(StoreError, match=r"not a store of sparkles-eval|there is no such store"):
            merge([whole, other], tmp_path / "all.db")
    assert not (tmp_path / "all.db").exists()


_KILLED = """
import sys, time
from pathlib import Path
from sparkles_eval.publishing import merge_rows
from sparkles_eval.publishing.merge import merge
insert = merge_rows._RowMerger._insert
def slow(self, table):
    insert(self, table)
    if table.name == "answers":
        print("half", flush=True)
        time.sleep(60)
merge_rows._RowMerger._insert = slow
merge([Path(sys.argv[1])], Path(sys.argv[2]))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_killed_merge_leaves_the_store_as_it_was(whole: Path, judged: Path, tmp_path: Path) -> None:
    into = copied(judged, tmp_path / "all.db")
    before = content(into)
    process = subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(whole), str(into)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "half\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    sound(into)
    assert content(into) == before
    merge([whole], into)
    sound(into)
    assert len(runs_of(into)) == len(runs_of(whole)) + len(runs_of(judged))


def test_a_store_that_is_being_written_can_be_merged(store_file: Path, whole: Path, tmp_path: Path) -> None:
    writer = sqlite3.connect(store_file, isolation_level=None)
    try:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM scores")
        merge([store_file], tmp_path / "all.db")
    finally:
        writer.close()
    assert content(tmp_path / "all.db") == content(whole)
