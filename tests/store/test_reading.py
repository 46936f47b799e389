"""Reading where nothing can be written: as the store lies, with a log beside it, of an older version."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from sparkles_eval.core.errors import StoreError
from sparkles_eval.store import database
from sparkles_eval.store.read_runs import runs
from sparkles_eval.store.reading import open_to_read, readable
from sparkles_eval.store.store import Store
from tests.store.making import Made


@pytest.fixture
def folder(tmp_path: Path, store: Store, made: Made) -> Path:
    """A folder with a copy of the store of one run, and no log beside it."""
    place = tmp_path / "published"
    place.mkdir()
    store.connection.execute("VACUUM INTO ?", (str(place / "s.db"),))
    Store(place / "s.db", create=False).close()  # in WAL mode, as every store
    return place


def test_a_store_that_nobody_has_open_is_read_as_it_lies(folder: Path, read_only: Callable[[Path], Path]) -> None:
    place = read_only(folder)
    with readable(place / "s.db") as where, open_to_read(place / "s.db") as store:
        assert where == place / "s.db"
        assert len(runs(store)) == 1
        with pytest.raises(StoreError, match="cannot be written"), store.transaction() as db:
            db.execute("DELETE FROM runs")
    assert [file.name for file in folder.iterdir()] == ["s.db"]


def test_what_is_still_in_the_log_is_read(
    folder: Path, store: Store, made: Made, tmp_path: Path, read_only: Callable[[Path], Path]
) -> None:
    assert store.connection.execute("PRAGMA wal_checkpoint").fetchone()[0] == 0
    store.connection.execute("DELETE FROM skipped")
    shutil.copyfile(store.path, folder / "s.db")
    shutil.copyfile(database.log_of(store.path), folder / "s.db-wal")
    place = read_only(folder)
    with open_to_read(place / "s.db") as opened:
        assert opened.path == place / "s.db"
        assert opened.connection.execute("SELECT count(*) FROM skipped").fetchone()[0] == 0
    assert sorted(file.name for file in folder.iterdir()) == ["s.db", "s.db-wal"]


def test_an_older_version_is_read_in_a_copy(folder: Path, read_only: Callable[[Path], Path]) -> None:
    kept = Path(__file__).parents[1] / "golden" / "kept"
    shutil.copyfile(next(kept.rglob("*.db")), folder / "s.db")
    place = read_only(folder)
    with open_to_read(place / "s.db") as opened:
        assert opened.connection.execute("PRAGMA user_version").fetchone()[0] == database.version()
        assert runs(opened)


def test_where_the_store_can_be_written_it_is_opened_as_ever(folder: Path) -> None:
    with open_to_read(folder / "s.db") as store:
        assert not store.read_only
    with pytest.raises(StoreError, match="there is no store"), open_to_read(folder / "none.db"):
        pass


def test_what_is_no_store_is_refused_there_too(folder: Path, read_only: Callable[[Path], Path]) -> None:
    (folder / "s.db").write_bytes(b"a text, " * 500)
    place = read_only(folder)
    with pytest.raises(StoreError, match="is not a store"), open_to_read(place / "s.db"):
        pass
