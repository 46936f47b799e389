"""Archives that were made to do harm write nothing outside, and nothing beyond their bounds."""

from __future__ import annotations

import hashlib
import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from sparkles_eval.core.errors import UserError
from sparkles_eval.publishing.bundle import BadBundle, pack, unpack
from tests.hanging import ends

BOUNDS = {"a.json": 1000, "b.db": 100_000}


def archive(path: Path, *members: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in members:
            made.writestr(name, data)
    return path


def info(name: str, mode: int = 0) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.external_attr = mode << 16
    return made


def refused(path: Path, tmp_path: Path) -> str:
    room = tmp_path / "room"
    room.mkdir()
    with pytest.raises(BadBundle) as told, ends():
        unpack(path, room, BOUNDS)
    assert {file.name for file in room.rglob("*")} <= set(BOUNDS)
    assert all(file.stat().st_size <= BOUNDS[file.name] + (1 << 20) for file in room.iterdir())
    return str(told.value)


def test_what_was_packed_comes_out_with_its_hashes(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"{}")
    (tmp_path / "two").write_bytes(b"x" * 5000)
    pack(tmp_path / "out" / "b.zip", {"b.db": tmp_path / "two", "a.json": tmp_path / "one"})
    room = tmp_path / "room"
    room.mkdir()
    found = unpack(tmp_path / "out" / "b.zip", room, BOUNDS)
    assert found["b.db"].path.read_bytes() == b"x" * 5000
    assert (found["b.db"].size, found["b.db"].sha256) == (5000, hashlib.sha256(b"x" * 5000).hexdigest())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.zip"]


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"{}")
    for name in ("x.zip", "y.zip"):
        pack(tmp_path / name, {"a.json": tmp_path / "one"})
        (tmp_path / "one").touch()
    assert (tmp_path / "x.zip").read_bytes() == (tmp_path / "y.zip").read_bytes()


@pytest.mark.parametrize(
    "name",
    ["../a.json", "/etc/a.json", "a.json/", "x/a.json", "C:\\a.json", "..\\a.json", "A.JSON", "a.json\0.txt", "c"],
)
def test_names_that_are_not_ours_are_refused(tmp_path: Path, name: str) -> None:
    entry = info("a.json")
    entry.filename = entry.orig_filename = name  # past what ZipInfo would do to it
    path = archive(tmp_path / "x.zip", (entry, b"{}"), ("b.db", b"x"))
    assert "and nothing else" in refused(path, tmp_path) or "not a file" in refused(path, tmp_path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_links_and_devices_are_refused(tmp_path: Path, kind: int) -> None:
    path = archive(tmp_path / "x.zip", (info("a.json", kind | 0o777), b"/etc/passwd"), ("b.db", b"x"))
    assert "a.json is a link or a device, not a file" in refused(path, tmp_path)


def test_a_member_that_stands_twice_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        path = archive(tmp_path / "x.zip", ("a.json", b"{}"), ("a.json", b"[]"), ("b.db", b"x"))
    assert "holds a.json twice" in refused(path, tmp_path)


def test_a_missing_member_is_named(tmp_path: Path) -> None:
    assert "holds no b.db" in refused(archive(tmp_path / "x.zip", ("a.json", b"{}")), tmp_path)


def test_a_bomb_is_refused_by_what_it_says_of_its_size(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.zip", ("a.json", b"{}"), ("b.db", bytes(50_000_000)))
    assert path.stat().st_size < 60_000
    assert "b.db unpacks to 50,000,000 bytes, at most 100,000 are taken" in refused(path, tmp_path)


def test_a_bomb_that_lies_about_its_size_is_refused_while_it_is_unpacked(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.zip", ("a.json", b"{}"), ("b.db", bytes(50_000_000)))
    data = bytearray(path.read_bytes())
    for at in (found for found in range(len(data) - 4) if data[found : found + 4] == struct.pack("<I", 50_000_000)):
        data[at : at + 4] = struct.pack("<I", 99_999)
    path.write_bytes(data)
    told = refused(path, tmp_path)
    assert "unpacks to more than" in told or "no zip archive that can be read" in told


def test_an_archive_of_thousands_of_members_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.zip", *((f"{number}", b"") for number in range(3000)))
    assert "is larger than" in refused(path, tmp_path)


def test_encrypted_and_oddly_packed_members_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.zip", ("a.json", b"{}"), ("b.db", b"x"))
    data = bytearray(path.read_bytes())
    central = data.find(b"PK\x01\x02")
    data[central + 8] |= 1
    (tmp_path / "y.zip").write_bytes(data)
    assert "a.json is encrypted" in refused(tmp_path / "y.zip", tmp_path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as made:
        made.writestr("a.json", b"{}")
        made.writestr("b.db", b"x")
    (tmp_path / "z.zip").write_bytes(buffer.getvalue())
    (tmp_path / "room").rmdir()
    assert "packed in a way that bundles are not" in refused(tmp_path / "z.zip", tmp_path)


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"PK\x03\x04" + b"\xff" * 200, b"GIF89a" * 50], ids=["empty", "start", "rubbish", "other"]
)
def test_what_is_no_archive_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(data)
    assert "no zip archive that can be read" in refused(tmp_path / "x.zip", tmp_path)


def test_a_cut_off_archive_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.zip", ("a.json", b"{}"), ("b.db", bytes(range(256)) * 100))
    path.write_bytes(path.read_bytes()[:-30])
    refused(path, tmp_path)


def test_an_archive_behind_a_link_is_refused(tmp_path: Path) -> None:
    archive(tmp_path / "x.zip", ("a.json", b"{}"), ("b.db", b"x"))
    (tmp_path / "y.zip").symlink_to(tmp_path / "x.zip")
    assert "is no plain file" in refused(tmp_path / "y.zip", tmp_path)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        pack(tmp_path / "file" / "x.zip", {"a.json": tmp_path / "file"})
