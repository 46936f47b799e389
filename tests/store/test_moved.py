"""A store's file that is deleted or replaced while it is open: its contents are saved, and an error says where."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sparkles_eval.store.moved import StoreMoved
from sparkles_eval.store.store import Store
from tests.store.making import ENVIRONMENT


def _environments(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        return int(db.execute("SELECT count(*) FROM environments").fetchone()[0])


def _other(path: Path) -> Path:
    with Store(path) as other:
        for _ in range(5):
            other.add_environment(ENVIRONMENT)
    return path


def _opened(path: Path, accident: Callable[[], object], *, before: int = 1, after: int = 1) -> StoreMoved:
    """A store with commits before and after an accident; gives the error that closing it (or a commit) raises."""
    with pytest.raises(StoreMoved) as raised, Store(path) as store:  # noqa: PT012 - any of the commits may see it
        for _ in range(before):
            store.add_environment(ENVIRONMENT)
        accident()
        for _ in range(after):
            store.add_environment(ENVIRONMENT)
    return raised.value


def test_a_deleted_store_is_saved_with_the_commit_that_saw_it(tmp_path: Path) -> None:
    path, saved = tmp_path / "s.db", tmp_path / "s.rescued.db"
    error = _opened(path, path.unlink)
    assert (
        error.saved == saved
        and f"was deleted or moved away while it was open. All that was stored is saved in {saved}" in str(error)
    )
    assert _environments(saved) == 2
    with Store(saved, create=False) as again:
        again.add_environment(ENVIRONMENT)


def test_a_replaced_store_harms_neither_file(tmp_path: Path) -> None:
    path, other = tmp_path / "s.db", _other(tmp_path / "other.db")
    assert "replaced by another file" in str(_opened(path, lambda: other.replace(path)))
    assert _environments(path) == 5
    assert _environments(tmp_path / "s.rescued.db") == 2


@pytest.mark.parametrize("before", [0, 1])
def test_what_happens_after_the_last_commit_is_seen_at_the_end(tmp_path: Path, before: int) -> None:
    path = tmp_path / "s.db"
    _opened(path, path.unlink, before=before, after=0)
    assert _environments(tmp_path / "s.rescued.db") == before


def test_the_whole_folder_gone(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "s.db"
    _opened(path, lambda: shutil.rmtree(path.parent))
    assert _environments(path.with_name("s.rescued.db")) == 2


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    """SQLite then refuses to write: what was committed is saved all the same."""
    path = tmp_path / "s.db"

    def replace_it() -> None:
        path.unlink()
        path.mkdir()

    error = _opened(path, replace_it)
    assert error.saved == tmp_path / "s.rescued.db" and "was replaced by another file" in str(error)
    assert _environments(tmp_path / "s.rescued.db") >= 1


def test_a_name_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    path, taken = tmp_path / "s.db", tmp_path / "s.rescued.db"
    taken.write_bytes(b"an earlier one")
    _opened(path, path.unlink)
    assert taken.read_bytes() == b"an earlier one"
    assert _environments(tmp_path / "s.rescued1.db") == 2


def test_who_listens_goes_on_and_gets_the_error_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    heard: list[StoreMoved] = []
    store = Store(path)
    assert store.file is not None
    store.file.on_moved = heard.append
    path.unlink()
    for _ in range(3):
        store.add_environment(ENVIRONMENT)
    assert len(heard) == 1
    with pytest.raises(StoreMoved):
        store.__exit__(None, None, None)
    assert _environments(tmp_path / "s.rescued.db") == 3
    assert not (tmp_path / "s.rescued1.db").exists()


def test_a_file_that_is_only_written_is_where_it_was(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        store.add_environment(ENVIRONMENT)
        assert store.file is not None and store.file.in_place
    assert sorted(file.name for file in tmp_path.iterdir()) == ["s.db"]
