"""Files that the store opens, brings up to date, or refuses, also while another process does the same."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sparkles_eval.core.errors import StoreError
from sparkles_eval.store import database
from sparkles_eval.store.database import APPLICATION_ID, connect, connect_read_only, version
from sparkles_eval.store.store import Store


def test_a_new_file_gets_every_migration_and_our_mark(tmp_path: Path) -> None:
    connection = connect(tmp_path / "deep" / "new.db", create=True)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == version()
    assert connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1
    assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    connection.close()


def test_nothing_is_made_where_none_is_wished(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        connect(tmp_path / "none.db", create=False)
    assert not (tmp_path / "none.db").exists()


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "newer.db"
    connection = connect(path, create=True)
    connection.execute(f"PRAGMA user_version = {version() + 1}")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"newer sparkles-eval.*upgrade"):
        connect(path, create=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("kind", ["sqlite", "text", "half"])
def test_what_is_not_ours_is_refused_and_left_as_it_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "other.db"
    if kind == "sqlite":
        foreign = sqlite3.connect(path)
        foreign.execute("CREATE TABLE t (x)")
        foreign.commit()
        foreign.close()
    else:
        path.write_bytes(b"a,b\n1,2\n" * 500 if kind == "text" else b"SQLite format 3\0" + b"\xff" * 90)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"not a store of sparkles-eval|cannot be opened"):
        connect(path, create=True)
    assert path.read_bytes() == before


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        connect(tmp_path, create=True)


def test_an_older_file_is_brought_up_to_date_in_one_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tmp_path / "migrations"
    first.mkdir()
    (first / "0001_a.sql").write_text("CREATE TABLE a (x);\n")
    monkeypatch.setattr(database, "_MIGRATIONS", first)
    path = tmp_path / "runs.db"
    old = connect(path, create=True)
    old.execute("INSERT INTO a VALUES (7)")
    old.close()
    (first / "0002_b.sql").write_text("ALTER TABLE a ADD COLUMN y DEFAULT 8;\nCREATE TABLE b (z);\n")
    new = connect(path, create=False)
    assert tuple(new.execute("SELECT x, y FROM a").fetchone()) == (7, 8)
    assert new.execute("PRAGMA user_version").fetchone()[0] == 2
    new.close()


def test_a_migration_that_fails_leaves_the_file_at_its_old_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_a.sql").write_text("CREATE TABLE a (x);\n")
    monkeypatch.setattr(database, "_MIGRATIONS", folder)
    path = tmp_path / "runs.db"
    connect(path, create=True).close()
    (folder / "0002_b.sql").write_text("CREATE TABLE b (x);\nCREATE TABLE a (x);\n")
    with pytest.raises(StoreError):
        connect(path, create=False)
    raw = sqlite3.connect(path)
    assert raw.execute("PRAGMA user_version").fetchone()[0] == 1
    assert raw.execute("SELECT count(*) FROM sqlite_master WHERE name = 'b'").fetchone()[0] == 0
    raw.close()


_OPEN = """
import sys, time
from pathlib import Path
from sparkles_eval.store.store import Store
import sqlite_utils
print("ready", flush=True)
sys.stdin.readline()
for path in sys.argv[1:]:
    with Store(Path(path)) as store:
        assert store.connection.execute("SELECT count(*) FROM runs").fetchone()[0] == 0
print("done", flush=True)
"""


def test_processes_that_create_the_same_files_at_the_same_moment_all_succeed(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{n}.db") for n in range(12)]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", _OPEN, *paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in started:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in started:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out) == (0, "done\n"), err
    for path in paths:
        connection = connect(Path(path), create=False)
        assert connection.execute("SELECT count(*) FROM _sqlite_migrations").fetchone()[0] == version()
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        connection.close()


def test_who_only_reads_sees_what_others_write_and_can_write_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Store(path) as writer, Store(path, read_only=True) as reader:
        assert reader.read_only and not writer.read_only
        writer.connection.execute("INSERT INTO images VALUES ('a', 'image/png', 1, 1, 1, 'a.png', NULL, NULL)")
        assert reader.connection.execute("SELECT count(*) FROM images").fetchone()[0] == 1
        with pytest.raises(StoreError, match="or written"), reader.transaction() as db:
            db.execute("DELETE FROM images")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.connection.execute("CREATE TABLE x (y)")


def test_who_only_reads_makes_and_changes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        connect_read_only(tmp_path / "none.db")
    (tmp_path / "text.db").write_text("a,b\n" * 500)
    with pytest.raises(StoreError, match="is not a store"):
        connect_read_only(tmp_path / "text.db")
    older = connect(tmp_path / "older.db", create=True)
    older.execute(f"PRAGMA user_version = {version() - 1}")
    older.close()
    before = (tmp_path / "older.db").read_bytes()
    with pytest.raises(StoreError, match=r"older version; `sparkles-eval list runs"):
        connect_read_only(tmp_path / "older.db")
    assert (tmp_path / "older.db").read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="needs a user who may not write everywhere")
def test_a_store_on_a_disk_that_cannot_be_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    Store(path).close()
    tmp_path.chmod(0o555)
    try:
        connect_read_only(path).close()
    finally:
        tmp_path.chmod(0o755)
