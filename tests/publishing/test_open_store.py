"""Opening stores only to read them: what is looked at stays as it is, and who writes meanwhile is noticed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sparkles_eval.analysis.summary import summarise
from sparkles_eval.core.errors import StoreError
from sparkles_eval.publishing.open_store import open_readonly, open_untrusted, schema_differences
from sparkles_eval.store import database, read_runs
from sparkles_eval.store.store import Store
from tests.publishing.making import edited


def test_nothing_can_be_written(store_file: Path) -> None:
    for opened in (open_readonly(store_file), open_untrusted(store_file)):
        with opened as store, pytest.raises(sqlite3.OperationalError, match="readonly"):
            store.connection.execute("DELETE FROM scores")


def test_what_is_opened_only_to_read_is_summarised_like_the_file_itself(store_file: Path) -> None:
    with Store(store_file) as own:
        whole = summarise(own)
    for opened in (open_readonly(store_file), open_untrusted(store_file)):
        with opened as store:
            assert store.read_only
            assert summarise(store).tasks == whole.tasks


def test_a_store_that_is_written_meanwhile_is_not_believed(store_file: Path) -> None:
    def read_and_write() -> None:
        with open_readonly(store_file) as store:
            assert read_runs.runs(store)
            with edited(store_file) as db:
                db.execute("DELETE FROM scores")

    with pytest.raises(StoreError, match="was written while it was read"):
        read_and_write()


def test_a_running_evaluation_is_seen_as_it_was_when_it_was_opened(store_file: Path) -> None:
    with Store(store_file) as writer, open_readonly(store_file) as store:
        before = store.connection.execute("SELECT count(*) FROM scores").fetchone()[0]
        with writer.transaction() as db:
            db.execute("DELETE FROM scores")
        assert store.connection.execute("SELECT count(*) FROM scores").fetchone()[0] == before > 0


def test_every_schema_that_our_migrations_made_is_ours(tmp_path: Path) -> None:
    with closing(database.connect(tmp_path / "new.db", create=True)) as made:
        assert schema_differences(made, database.version()) == []


def test_what_does_not_end_is_ended(store_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparkles_eval.publishing.open_store.TIMEOUT_S", 0)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with open_untrusted(store_file) as store, pytest.raises(sqlite3.OperationalError, match="interrupted"):
        store.connection.execute(endless).fetchone()


def test_a_path_with_signs_of_an_address_is_a_path(store_file: Path, tmp_path: Path) -> None:
    odd = store_file.rename(tmp_path / "a?mode=rwc&b#c %41.db")
    with open_readonly(odd) as store:
        assert read_runs.runs(store)
