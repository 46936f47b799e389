"""Turns picture cells into images: bytes, base64, paths in a folder or in a zip archive; never encodes them anew.

Pictures that are no files of their own are kept in the cache under the SHA-256 of their bytes, as they were given.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Self

from sparkles_eval.core import Image
from sparkles_eval.core.files import replacing
from sparkles_eval.tasks.columns.cell_values import as_list, is_empty
from sparkles_eval.tasks.image_headers import read_header
from sparkles_eval.tasks.images import MAX_BYTES, ImageFolder

_BASE64 = re.compile(r"[A-Za-z0-9+/\s]+={0,2}\s*")
_DATA = re.compile(r"data:image/[\w.+-]+;base64,", re.IGNORECASE)
_SHORT = 64
"""Characters of a text that is too short for an encoded picture."""
_ENDINGS = {"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "image/bmp": ".bmp"}


class RowPictures:
    """The pictures of a table's rows. `folder` is where its paths count from; zip files are looked into after it."""

    def __init__(self, folder: Path, root: Path, archives: Iterable[Path], cache: Path) -> None:
        self.folder = ImageFolder(folder, root)
        self._cache = cache
        self._archives = [(path, zipfile.ZipFile(path)) for path in archives]
        self._members: dict[str, tuple[zipfile.ZipFile, str]] = {}
        for path, opened in self._archives:
            for name in opened.namelist():
                plain = _plain_path(name)
                if plain:
                    self._members.setdefault(plain, (opened, name))
                    self._members.setdefault(f"{path.stem}/{plain}", (opened, name))
        self.kept = 0
        """Pictures that were written to the cache or found there."""

    def close(self) -> None:
        for _, opened in self._archives:
            opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, value: object, *, beside: tuple[Path, str] | None = None) -> list[Image | str]:
        """The pictures of a cell in order, or for each the reason why it cannot be used.

        `beside`: the archive and the folder in it in which the row itself lies.
        """
        return [self._one(entry, beside) for entry in flat(value)]

    def _one(self, value: object, beside: tuple[Path, str] | None) -> Image | str:
        if isinstance(value, Mapping):  # how parquet keeps a picture: its bytes, or a path; "url" in messages
            data = value.get("bytes")
            if not is_empty(data):
                return self._one(data, beside)
            inner = value.get("path") or value.get("url") or value.get("image")
            return self._one(inner, beside) if inner else "a picture without bytes and path"
        if isinstance(value, bytes | bytearray):
            return self._keep(bytes(value))
        return self._text(value.strip(), beside) if isinstance(value, str) else f"no picture but {value!r:.40}"

    def _text(self, text: str, beside: tuple[Path, str] | None) -> Image | str:
        if match := _DATA.match(text):
            return self._decode(text[match.end() :])
        if re.match(r"https?://", text):
            return f"the address {text[:80]}, from which nothing is fetched; download the pictures and name their paths"
        if len(text) > _SHORT and "." not in text[-6:] and _BASE64.fullmatch(text):
            return self._decode(text)
        return self._named(text, beside)

    def _decode(self, text: str) -> Image | str:
        if len(text) > MAX_BYTES * 4 // 3 + 4:
            return f"a picture of more than {MAX_BYTES // 2**20} MiB"
        try:
            return self._keep(base64.b64decode("".join(text.split()), validate=True))
        except (binascii.Error, ValueError):
            return "a picture whose base64 is damaged"

    def _named(self, text: str, beside: tuple[Path, str] | None) -> Image | str:
        plain = _plain_path(text)
        if not plain:
            return f"the path {text[:80]} leaves the data folder"
        if beside is not None:
            return self._in_own_archive(beside, plain)
        if not self.folder.has(plain) and plain in self._members:
            return self._member(*self._members[plain])
        return self.folder.read(plain)

    def _in_own_archive(self, beside: tuple[Path, str], plain: str) -> Image | str:
        archive, folder = beside
        opened = next((opened for path, opened in self._archives if path == archive), None)
        if opened is None:
            opened = zipfile.ZipFile(archive)
            self._archives.append((archive, opened))
        names = [f"{folder}/{plain}" if folder else plain, plain]
        known = set(opened.namelist())
        name = next((name for name in names if name in known), None)
        return f"missing file {plain} in {archive.name}" if name is None else self._member(opened, name)

    def _member(self, opened: zipfile.ZipFile, name: str) -> Image | str:
        try:
            if opened.getinfo(name).file_size > MAX_BYTES:
                return f"{name} is too large for a picture"
            with opened.open(name) as file:
                data = file.read(MAX_BYTES + 1)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError) as error:
            return f"{name} cannot be unpacked ({error})"
        return self._keep(data)

    def _keep(self, data: bytes) -> Image | str:
        if len(data) > MAX_BYTES:
            return f"a picture of more than {MAX_BYTES // 2**20} MiB"
        header = read_header(data)
        if isinstance(header, str):
            return f"a picture that is {header}"
        kind, width, height = header
        digest = hashlib.sha256(data).hexdigest()
        relpath = f"{digest[:2]}/{digest}{_ENDINGS.get(kind, '')}"
        place = self._cache / relpath
        if not place.is_file() or place.stat().st_size != len(data):
            with replacing(place) as part:
                part.write_bytes(data)
        self.kept += 1
        return Image(digest, kind, width, height, len(data), relpath, path=place)


def flat(value: object) -> Iterator[object]:
    """The picture cells in a value: lists, also written as text, are taken apart; empty cells are left out."""
    if is_empty(value):
        return
    inner = as_list(value)
    if inner is None:
        yield value
    else:
        for entry in inner:
            yield from flat(entry)


def _plain_path(name: str) -> str:
    """A path of the data without "./" and a leading slash; "" where it leads out."""
    parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", ".")]
    return "" if ".." in parts or "\0" in name else "/".join(parts)
