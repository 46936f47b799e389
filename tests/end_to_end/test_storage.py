"""Accidents of the store's file: deleted or replaced during the work, damaged, where nothing can be written."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from tests.end_to_end.running import Done, end, here, models, rows, sound, start, tables, total
from tests.server import Behaviour, LoopbackServer, Settings


def arguments(server: LoopbackServer, store: Path) -> list[str]:
    asked = ["-t", "nlvr2-mini", "--task-arg", "n=40", *models(server, "openai/good")]
    return ["run", *asked, "--max-connections", "3", "--no-report", "--store", str(store)]


def _slow(server: LoopbackServer) -> None:
    server.configure(Settings(models={"good": Behaviour(latency_s=0.05)}))


def _interfered(server: LoopbackServer, store: Path, interfere: Callable[[], None]) -> Done:
    """A run at whose tenth request something happens to its store."""
    _slow(server)
    process: subprocess.Popen[str] = start(*arguments(server, store))
    while process.poll() is None and server.stats().requests < 10:
        time.sleep(0.005)
    assert process.poll() is None
    interfere()
    return end(process)


def _goes_on(server: LoopbackServer, rescued: Path) -> None:
    """Nothing that was answered is asked again, and the numbers are those of a run that nothing happened to."""
    sound(rescued)
    stored = total(rows(rescued, "SELECT count(*) FROM responses"))
    assert stored == server.stats().requests, "what was on its way is kept too"
    assert here(*arguments(server, rescued)).code == 0
    assert max(server.stats().asked.values()) == 1
    beside = rescued.with_name("undisturbed.db")
    server.configure(Settings())
    assert here(*arguments(server, beside)).code == 0
    assert tables(rescued) == tables(beside)


def test_a_store_that_is_deleted_during_a_run_is_saved(server: LoopbackServer, tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    done = _interfered(server, store, store.unlink)
    assert done.code == 2, done.shown
    assert "was deleted or moved away while it was open" in done.shown and "s.rescued.db" in done.shown
    assert "Traceback" not in done.shown and not store.exists()
    _goes_on(server, tmp_path / "s.rescued.db")


def test_a_store_that_is_replaced_during_a_run_is_saved_and_the_other_stays_whole(
    server: LoopbackServer, tmp_path: Path
) -> None:
    store, other = tmp_path / "s.db", tmp_path / "other.db"
    assert here("run", "-t", "nlvr2-mini", "-m", "baseline/chance", "--store", str(other), "--no-report").code == 0
    before = tables(other)

    def replace() -> None:
        other.replace(store)

    done = _interfered(server, store, replace)
    assert done.code == 2, done.shown
    assert "was replaced by another file" in done.shown and "Traceback" not in done.shown
    sound(store)
    assert tables(store) == before
    _goes_on(server, tmp_path / "s.rescued.db")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of a small run."""
    store = tmp_path_factory.mktemp("whole") / "s.db"
    asked = ("run", "-t", "nlvr2-mini", "--task-arg", "n=60", "-m", "baseline/chance", "-m", "baseline/oracle")
    assert here(*asked, "--no-report", "--store", str(store)).code == 0
    return store


def _verbs(store: Path, out: Path) -> list[list[str]]:
    return [
        ["list", "runs", "--store", str(store)],
        ["report", "--store", str(store), "--out", str(out / "r.html")],
        ["compare", "baseline/oracle", "baseline/chance", "--store", str(store)],
        ["export", "--as", "model-index", "--store", str(store)],
        ["judges", "compare", "a", "b", "--store", str(store)],
        ["verify", str(store)],
        ["submit", "--store", str(store), "--out", str(out / "b.zip"), "--contact", "me", "--licence", "CC0"],
        ["merge", str(store), "--into", str(out / "into.db")],
    ]


def _said(*args: str) -> Done:
    """A command within this process; what is the user's error is that, and anything else a traceback that fails."""
    try:
        return here(*args)
    except UserError as error:
        return Done(2, "", str(error))


def _copied(store: Path, place: Path) -> Path:
    place.mkdir(exist_ok=True)
    with closing(sqlite3.connect(store)) as source, closing(sqlite3.connect(place / "s.db")) as copy:
        source.backup(copy)
    return place / "s.db"


def test_damaged_pages_are_one_clear_line_in_every_command(whole: Path, tmp_path: Path) -> None:
    damaged = _copied(whole, tmp_path / "damaged")
    data = bytearray(damaged.read_bytes())
    for page in range(2, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = b"\xa5" * 64
    damaged.write_bytes(data)
    for verb in [
        *_verbs(damaged, tmp_path),
        ["run", "-t", "nlvr2-mini", "-m", "baseline/chance", "--store", str(damaged)],
    ]:
        done = _said(*verb)
        assert done.code in ((1, 2) if verb[0] == "verify" else (2,)), (verb, done.shown)
        assert "Traceback" not in done.shown
        assert "malformed" in done.shown, (verb, done.shown)


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("tasks", "metrics", "{"),
        ("tasks", "args", "3"),
        ("judges", "criteria", '[{"id": 1}]'),
        ("samples", "body", "{}"),
    ],
)
def test_damaged_json_is_one_clear_line(whole: Path, tmp_path: Path, table: str, column: str, value: str) -> None:
    damaged = _copied(whole, tmp_path / "damaged")
    with closing(sqlite3.connect(damaged)) as db:
        db.execute(f"UPDATE {table} SET {column} = ?", (value,))  # noqa: S608
        db.commit()
    for verb in _verbs(damaged, tmp_path):
        if verb[0] in ("report", "verify"):
            done = _said(*verb)
            assert done.code != 0 and "Traceback" not in done.shown, (verb, done.shown)


def test_commands_that_read_work_where_nothing_can_be_written(
    whole: Path, tmp_path: Path, read_only: Callable[[Path], Path]
) -> None:
    here_written = _copied(whole, tmp_path / "published")
    expected = [_said(*verb) for verb in _verbs(here_written, tmp_path)[:5]]
    assert [done.code for done in expected] == [0, 0, 0, 0, 2]
    place = read_only(here_written.parent)
    for verb, known in zip(_verbs(place / "s.db", tmp_path), expected, strict=False):
        done = _said(*verb)
        assert done.code == known.code, (verb, done.shown)
        assert done.shown.replace(str(place), "") == known.shown.replace(str(here_written.parent), ""), verb
    for verb in _verbs(place / "s.db", tmp_path)[5:]:
        done = _said(*verb)
        assert done.code == 0, (verb, done.shown)
    assert [file.name for file in here_written.parent.iterdir()] == ["s.db"]
    refused = _said("run", "-t", "nlvr2-mini", "-m", "baseline/chance", "--store", str(place / "s.db"))
    assert refused.code == 2 and "its folder cannot be written" in " ".join(refused.shown.split()), refused.shown
