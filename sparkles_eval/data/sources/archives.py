"""Unpacks untrusted archives: refuses links, devices and paths out of the folder, and bounds sizes."""

from __future__ import annotations

import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Literal
from zlib import error as ZlibError  # noqa: N812 - it is an exception

from sparkles_eval.data.sources.download import FetchError

MOST_FILES = 2_000_000
MOST_BYTES = 2**40
_RATIO = 200
"""Largest ratio of unpacked to packed bytes: pictures and JSON are far below, archive bombs far above."""
_SMALL = 64 * 2**20
"""Bytes below which no ratio is suspicious."""


_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError, ZlibError, IndexError)
"""Errors of the standard library for bytes that are not an archive; IndexError for a member without a name."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A plain file of an archive. `name` is its path relative to the target."""

    name: PurePosixPath
    size: int
    key: object


def unpack(archive: Path, kind: Literal["zip", "tar"], target: Path, *, only: str | None = None) -> int:
    """Unpack the plain files of an archive into `target`; returns their number. Existing files are replaced.

    `only` restricts it to that folder of the archive. Raises FetchError, with nothing written, for a member that would
    leave the target, a link, a device, too many files, too many bytes, or a damaged archive.
    """
    try:
        if kind == "zip":
            with zipfile.ZipFile(archive) as opened:
                return _write(archive, list(_zip_members(opened, archive, only)), target, _Zip(opened))
        with tarfile.open(archive) as tar:
            return _write(archive, list(_tar_members(tar, archive, only)), target, _Tar(tar))
    except OSError as error:
        raise FetchError(f"{archive}: cannot be unpacked into {target} ({error.strerror or error})") from None
    except _DAMAGE as error:
        raise FetchError(f"{archive}: damaged or no {kind} archive ({error}); delete it and fetch it again") from None


class _Zip:
    def __init__(self, opened: zipfile.ZipFile) -> None:
        self._opened = opened

    def open(self, key: object) -> IO[bytes]:
        assert isinstance(key, zipfile.ZipInfo)
        return self._opened.open(key)


class _Tar:
    def __init__(self, opened: tarfile.TarFile) -> None:
        self._opened = opened

    def open(self, key: object) -> IO[bytes]:
        assert isinstance(key, tarfile.TarInfo)
        found = self._opened.extractfile(key)
        assert found is not None  # plain files only
        return found


def _zip_members(opened: zipfile.ZipFile, archive: Path, only: str | None) -> Iterator[_Member]:
    for info in opened.infolist():
        mode = info.external_attr >> 16
        if info.is_dir():
            continue
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise FetchError(f"{archive}: {info.filename} is a link or device; the archive is not trusted")
        if info.flag_bits & 1:
            raise FetchError(f"{archive}: {info.filename} is encrypted; unpack it by hand")
        name = _place(info.filename, archive, only)
        if name is not None:
            yield _Member(name, info.file_size, info)


def _tar_members(opened: tarfile.TarFile, archive: Path, only: str | None) -> Iterator[_Member]:
    for count, info in enumerate(opened):
        if count > MOST_FILES:
            raise FetchError(f"{archive}: holds more than {MOST_FILES:,} entries; the archive is not trusted")
        if info.isdir():
            continue
        if not info.isreg():
            raise FetchError(f"{archive}: {info.name} is a link or device; the archive is not trusted")
        name = _place(info.name, archive, only)
        if name is not None:
            yield _Member(name, info.size, info)


def _place(name: str, archive: Path, only: str | None) -> PurePosixPath | None:
    """The path of a member, None where it is outside of `only`."""
    path = PurePosixPath(name)
    outside = not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]
    if outside or "\\" in name or "\0" in name:
        raise FetchError(f"{archive}: {name!r} leads out of the folder; the archive is not trusted")
    if only is None:
        return path
    wanted = PurePosixPath(only)
    return path.relative_to(wanted) if path.is_relative_to(wanted) and path != wanted else None


def _write(archive: Path, members: list[_Member], target: Path, source: _Zip | _Tar) -> int:
    total = sum(member.size for member in members)
    packed = archive.stat().st_size
    if len({member.name for member in members}) < len(members):
        raise FetchError(f"{archive}: holds two files of one name; it is not trusted")
    if not members:
        raise FetchError(f"{archive}: holds nothing of what is wanted; has its layout changed?")
    if len(members) > MOST_FILES or total > MOST_BYTES or (total > _SMALL and total > _RATIO * packed):
        raise FetchError(
            f"{archive}: would become {len(members):,} files of {total:,} bytes out of {packed:,}; it is not trusted"
        )
    free = shutil.disk_usage(archive.parent).free
    if total > free:
        raise FetchError(f"{archive}: {total / 2**30:.1f} GiB unpacked, {free / 2**30:.1f} GiB are free; make room")
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
        beside = Path(folder)
        for member in members:
            _copy(archive, member, beside / member.name, source)
        for member in members:
            place = target / member.name
            place.parent.mkdir(parents=True, exist_ok=True)
            (beside / member.name).replace(place)
    return len(members)


def _copy(archive: Path, member: _Member, place: Path, source: _Zip | _Tar) -> None:
    """Copy a member, but never more bytes than the archive declares."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with source.open(member.key) as packed, place.open("xb") as file:
        left = member.size + 1
        while left and (chunk := packed.read(min(left, 1 << 20))):
            file.write(chunk)
            left -= len(chunk)
    if not left or place.stat().st_size != member.size:
        raise FetchError(f"{archive}: {member.name} is not as long as promised; delete the archive and fetch it again")
