"""Archives nobody vouches for: what leaves the folder, links, devices and bombs are refused; nothing is written."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparkles_eval.data.sources.archives import unpack
from sparkles_eval.data.sources.download import FetchError

Kind = Literal["zip", "tar"]
GOOD = {"set/images/a.jpg": b"aaa", "set/list.json": b"{}", "other/b.txt": b"bb"}


def write(path: Path, kind: Kind, members: dict[str, bytes]) -> Path:
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
            for name, data in members.items():
                opened.writestr(name, data)
    else:
        with tarfile.open(path, "w:gz") as tar:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return path


def found(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_good_archive(tmp_path: Path, kind: Kind) -> None:
    archive = write(tmp_path / "a", kind, GOOD)
    assert unpack(archive, kind, tmp_path / "out") == 3
    assert found(tmp_path / "out") == {name.replace("/", os.sep): data for name, data in GOOD.items()}
    assert unpack(archive, kind, tmp_path / "part", only="set") == 2
    assert found(tmp_path / "part") == {str(Path("images", "a.jpg")): b"aaa", "list.json": b"{}"}
    assert unpack(archive, kind, tmp_path / "part", only="set") == 2
    with pytest.raises(FetchError, match="has its layout changed"):
        unpack(archive, kind, tmp_path / "none", only="no/such")


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x", "C:/x", "a\\..\\x", "."])
def test_nothing_leaves_the_folder(tmp_path: Path, kind: Kind, name: str) -> None:
    archive = write(tmp_path / "a", kind, {"good": b"1", name: b"2"})
    with pytest.raises(FetchError, match="not trusted"):
        unpack(archive, kind, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_member_without_a_name(tmp_path: Path) -> None:
    nameless = zipfile.ZipInfo("x")
    nameless.filename = ""
    with zipfile.ZipFile(tmp_path / "a", "w") as opened:
        opened.writestr(nameless, b"1")
    with pytest.raises(FetchError, match="damaged"):
        unpack(tmp_path / "a", "zip", tmp_path / "out")


def test_links_and_devices_are_refused(tmp_path: Path) -> None:
    for number, kind in enumerate((tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE)):
        with tarfile.open(tmp_path / f"{number}.tar", "w") as tar:
            info = tarfile.TarInfo("x")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
        with pytest.raises(FetchError, match="is a link or device"):
            unpack(tmp_path / f"{number}.tar", "tar", tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "l.zip", "w") as opened:
        link = zipfile.ZipInfo("x")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(FetchError, match="is a link or device"):
        unpack(tmp_path / "l.zip", "zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    archive = write(tmp_path / "a", "zip", {"zeros": bytes(100 * 2**20)})
    with pytest.raises(FetchError, match="it is not trusted"):
        unpack(archive, "zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_member_that_is_longer_than_promised(tmp_path: Path) -> None:
    archive = write(tmp_path / "a", "zip", {"x": b"long" * 100})
    data = bytearray(archive.read_bytes())
    size = (400).to_bytes(4, "little")
    while (place := data.find(size)) >= 0:  # in the local header and in the directory
        data[place : place + 4] = (40).to_bytes(4, "little")
    archive.write_bytes(data)
    with pytest.raises(FetchError):
        unpack(archive, "zip", tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))


def test_two_files_of_one_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as opened:
        opened.writestr("x", "1")
        with pytest.warns(UserWarning, match="Duplicate"):
            opened.writestr("x", "2")
    with pytest.raises(FetchError, match="two files of one name"):
        unpack(tmp_path / "a", "zip", tmp_path / "out")


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(["zip", "tar"]), st.integers(0, 300), st.integers(0, 255))
def test_damage_is_named_and_leaves_nothing(noise: bytes, kind: Kind, place: int, value: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = write(folder / "a", kind, GOOD)
        data = bytearray(archive.read_bytes())
        data[place % len(data)] = value
        for number, content in enumerate((bytes(data), noise)):
            archive.write_bytes(content)
            out = folder / f"out{number}"
            try:
                unpack(archive, kind, out)
            except FetchError:
                assert not out.is_dir() or not list(out.iterdir())
        assert {path.name for path in folder.iterdir()} <= {"a", "out0", "out1"}
