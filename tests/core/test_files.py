"""Files and folders are there whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sparkles_eval.core import files
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import cache_dir, replacing, replacing_folder, sha256_file, write_file, write_output

PACKAGE = Path(__file__).resolve().parents[2] / "sparkles_eval"


def test_a_block_that_fails_leaves_the_old_file_and_nothing_beside(tmp_path: Path) -> None:
    out = write_file(tmp_path / "deep" / "a.txt", "old")

    def fail() -> None:
        with replacing(out) as part:
            part.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert out.read_text() == "old" and [path.name for path in out.parent.iterdir()] == ["a.txt"]


def test_permissions_are_the_old_files_or_what_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        out = write_file(tmp_path / "a", b"1")
        assert stat.S_IMODE(out.stat().st_mode) == 0o640
        out.chmod(0o600)
        write_file(out, b"2", durable=True)
        assert stat.S_IMODE(out.stat().st_mode) == 0o600 and out.read_bytes() == b"2"
    finally:
        os.umask(before)


def test_a_link_is_followed_and_a_pipe_is_written_into(tmp_path: Path) -> None:
    target, link, pipe = tmp_path / "target", tmp_path / "link", tmp_path / "pipe"
    target.write_text("old")
    link.symlink_to(target)
    write_file(link, "new")
    assert link.is_symlink() and target.read_text() == "new"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_file(pipe, "through")
    reader.join(10)
    assert read == ["through"] and stat.S_ISFIFO(pipe.stat().st_mode)


def test_half_a_character_is_no_reason_to_fail_and_line_ends_stay(tmp_path: Path) -> None:
    assert write_file(tmp_path / "a", "x\ud800\r\ny").read_bytes() == b"x?\r\ny"


def test_a_file_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"file/below/out.*cannot be written.*name another folder"):
        write_output(tmp_path / "file" / "below" / "out", "x", "name another folder")
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match="cannot be written"):
        write_output(tmp_path / "folder", "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_folder_takes_the_place_of_the_old_one_or_the_old_one_stays(tmp_path: Path) -> None:
    out = tmp_path / "site"
    with replacing_folder(out) as fresh:
        (fresh / "a").write_text("1")
    with replacing_folder(out) as fresh:
        (fresh / "b").write_text("2")
    assert [path.name for path in out.iterdir()] == ["b"]

    def fail() -> None:
        with replacing_folder(out) as fresh:
            (fresh / "c").write_text("3")
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - the one just raised
        fail()
    assert [path.name for path in tmp_path.rglob("*")] == ["site", "b"]


def test_a_folder_that_a_kill_left_aside_is_put_back_before_it_is_replaced(tmp_path: Path) -> None:
    out = tmp_path / "site"
    with replacing_folder(out) as fresh:
        (fresh / "index.html").write_text("whole")
    out.rename(tmp_path / ".site.old")  # as killed between moving the old one aside and the new one in

    def fail() -> None:
        with replacing_folder(out) as fresh:
            (fresh / "index.html").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert (out / "index.html").read_text() == "whole" and [path.name for path in tmp_path.iterdir()] == ["site"]


def test_hash_and_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sha256_file(write_file(tmp_path / "abc", "abc")).startswith("ba7816bf8f01cfea")
    monkeypatch.setenv("SPARKLES_CACHE", str(tmp_path / "cache"))
    assert cache_dir("a", "b") == tmp_path / "cache" / "a" / "b" and not (tmp_path / "cache").exists()


def test_nobody_else_replaces_files_by_hand() -> None:
    """A download keeps its part under one name, to go on with it: it is the one exception."""
    by_hand = {"core/files.py", "data/sources/download.py"}
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(mark in path.read_text(encoding="utf-8") for mark in ('.part"', "mkstemp", "os.replace"))
    }
    assert found == by_hand


@pytest.fixture
def _new_cache() -> Iterator[None]:
    files._temporary_cache.cache_clear()
    yield
    files._temporary_cache.cache_clear()


@pytest.mark.usefixtures("_new_cache")
def test_without_a_home_that_can_be_written_the_cache_is_temporary(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    no_folder = write_file(tmp_path / "home", "a file")
    monkeypatch.delenv("SPARKLES_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(no_folder))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    place = cache_dir("scenes")
    assert place.parent.parent == tmp_path / "tmp" and place.parent.stat().st_mode & 0o777 == 0o700
    write_file(place / "a", "kept")
    assert cache_dir("scenes") == place


@pytest.mark.usefixtures("_new_cache")
def test_a_temporary_folder_that_somebody_laid_out_is_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is in the cache is run, and everybody can make names among the temporary files."""
    monkeypatch.delenv("SPARKLES_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(write_file(tmp_path / "home", "a file")))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    named = tmp_path / f"sparkles-eval-{os.getuid()}"
    named.symlink_to(theirs)
    assert theirs not in cache_dir().resolve().parents and cache_dir().resolve() != theirs
    named.unlink()
    named.mkdir()
    named.chmod(0o777)
    files._temporary_cache.cache_clear()
    assert cache_dir() != named
