"""Reads image files, each once and only from inside its folder, and makes small previews.

Reading gives an Image record, or the reason why the file cannot be used.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import os
import stat
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sparkles_eval.core import Image, pictures
from sparkles_eval.core.errors import DataError, Problem
from sparkles_eval.tasks.image_headers import read_header
from sparkles_eval.tasks.picture_memory import known_files, remember_files, stamp

if TYPE_CHECKING:
    import PIL.Image

MAX_BYTES = 128 * 2**20
"""A larger file is refused: no provider takes it."""

SUFFIXES = (".jpg", ".png", ".jpeg", ".webp", ".gif")
"""File suffixes that are tried, in this order, for an image of which only the id is known."""

_READERS = 4
"""Threads of `ImageFolder.warm`; reading and hashing release the interpreter's lock."""


class ImageFolder:
    """The images of one folder, by the names that the data gives them. Every file is read once.

    Names are relative to `base`, `Image.relpath` to `root` (default: `base`). A name that leads out of `base` is
    refused, because names come with the data and the file is sent to a model. Links on the disk are the user's own
    (caches and clusters use them): they are followed, and `outside_links` names them but not their targets.
    """

    def __init__(self, base: Path, root: Path | None = None) -> None:
        self.base = base.absolute()
        self.root = (root or base).absolute()
        self._prefix = Path(os.path.relpath(self.base, self.root)).as_posix()
        self._seen: dict[str, Image | str] = {}

    def read(self, name: str, *, image_id: str = "", caption: str | None = None) -> Image | str:
        """The image of that name (a relative path with "/"), or in words why it cannot be used."""
        if name not in self._seen:
            self._seen[name] = self._look(name)
        found = self._seen[name]
        return found if isinstance(found, str) else replace(found, id=image_id, caption=caption)

    def has(self, name: str) -> bool:
        """True when the folder has a file of that name, which is not read."""
        try:
            return (self.base / name).is_file()
        except (OSError, ValueError):
            return False

    def named(self, image_id: str) -> str:
        """The file name of an image id; if there is no such file, the name with the first suffix, for the error."""
        files = [f"{image_id}{suffix}" for suffix in SUFFIXES]
        return next((file for file in files if self.has(file)), files[0])

    def warm(self, names: Iterable[str]) -> None:
        """Read many images in parallel, so that `read` has them at hand; unchanged files are not read again."""
        fresh = [name for name in dict.fromkeys(names) if name not in self._seen]
        if len(fresh) < 2 * _READERS:
            return
        self._recall(fresh)
        unread = [name for name in fresh if name not in self._seen]
        infos: dict[str, os.stat_result] = {}
        with ThreadPoolExecutor(_READERS) as pool:
            self._seen.update(zip(unread, pool.map(lambda name: self._look(name, infos), unread), strict=True))
        remember_files((info, found) for name, info in infos.items() if isinstance(found := self._seen[name], Image))

    def _recall(self, names: Sequence[str]) -> None:
        """Take over the images that an earlier process read and that have not changed since."""
        before = known_files(self.base / _normal(name) for name in names if _normal(name))
        for name in names:
            plain = _normal(name)
            stamped, image = before.get(str(self.base / plain), ("", None))
            if image is None or self._forbidden(name, plain) or image.path is None:
                continue
            with contextlib.suppress(OSError):
                if stamp(image.path.stat()) == stamped:
                    self._seen[name] = replace(image, relpath=self._relpath(plain))

    def _look(self, name: str, infos: dict[str, os.stat_result] | None = None) -> Image | str:
        """Read the image of that name, or say why it cannot be used; `infos` receives its file's state when read."""
        plain = _normal(name)
        if reason := self._forbidden(name, plain):
            return reason
        path = self.base / plain
        try:
            info = path.stat()
            data = _bytes(path, info)
        except FileNotFoundError:
            return f"missing file {name}"
        except OSError as error:
            return f"cannot read {name}: {error.strerror}"
        header = read_header(data) if isinstance(data, bytes) else data
        if isinstance(header, str) or isinstance(data, str):
            return f"{name} is {header}"
        if infos is not None:
            infos[name] = info
        digest = hashlib.sha256(data).hexdigest()
        kind, width, height = header
        return Image(digest, kind, width, height, len(data), self._relpath(plain), path=path)

    def _relpath(self, plain: str) -> str:
        return (plain if self._prefix == "." else f"{self._prefix}/{plain}").replace(os.sep, "/")

    def _forbidden(self, name: str, plain: str) -> str | None:
        """Why a file of that name may not be opened, or None."""
        if not plain:
            return f"no usable file name: {name!r}"
        if Path(plain).is_absolute() or plain.split(os.sep, 1)[0] == os.pardir:
            return f"the path {name} leaves the data folder"
        return None


def outside_links(images: Iterable[Image], root: Path | None) -> str | None:
    """A sentence about images that are links out of the data folder, or None where there are none.

    It names them as the data do, and does not show their targets.
    """
    if root is None:
        return None
    inside = os.path.realpath(root) + os.sep
    folders: dict[Path, str] = {}
    found: dict[str, None] = {}
    for image in images:
        if image.path is not None:
            folder = folders.setdefault(image.path.parent, os.path.realpath(image.path.parent))
            real = os.path.realpath(image.path) if image.path.is_symlink() else f"{folder}{os.sep}{image.path.name}"
            if not real.startswith(inside):
                found[image.relpath] = None
    if not found:
        return None
    few = ", ".join(list(found)[:3])
    return f"{len(found):,} pictures are links that lead out of the data folder and are followed, such as {few}"


def _normal(name: str) -> str:
    """A name of the data as a path without "." and "x/.."; "" if it cannot be a path."""
    return os.path.normpath(name) if name and "\0" not in name else ""


def _bytes(path: Path, info: os.stat_result) -> bytes | str:
    """The bytes of a file, or in words why it is not read (a folder, too large). A pipe or device is never opened."""
    if stat.S_ISDIR(info.st_mode):
        return "a folder, not a file"
    if not stat.S_ISREG(info.st_mode):
        return "not a plain file"
    if info.st_size > MAX_BYTES:
        return f"too large: {info.st_size / 2**20:.0f} MiB, at most {MAX_BYTES // 2**20} are read"
    return path.read_bytes()


def image_bytes(image: Image) -> bytes:
    """The image's bytes as they are now, without any check. Raises errors.DataError when its file is missing."""
    fix = "name the folder that it lies in with --data-root"
    if image.path is None:
        raise DataError("images", [Problem(image.id or image.relpath, f"no file is known for {image.relpath}")], fix)
    try:
        return image.path.read_bytes()
    except OSError as error:
        raise DataError(
            "images", [Problem(image.id or image.relpath, f"{image.path}: {error.strerror}")], fix
        ) from None


def pixels(image: Image) -> PIL.Image.Image:
    """The image as a person sees it, in RGB (core.pictures). Raises errors.DataError if it cannot be decoded."""
    try:
        return pictures.decode(image_bytes(image))
    except ValueError as error:
        what = Problem(image.id or image.relpath, f"{image.relpath}: cannot be decoded ({error})")
        raise DataError("images", [what], "replace the file") from None


def thumbnail(data: bytes, edge: int = 160) -> bytes:
    """A JPEG preview with no side longer than `edge` pixels: as a person sees it, a few kB, without metadata.

    Returns b"" when the image cannot be decoded: a missing preview must not end a run.
    """
    from PIL import Image as Pillow

    try:
        with Pillow.open(io.BytesIO(data), formats=pictures.FORMATS) as opened:
            # Let the decoder shrink it (a JPEG to 1/2, 1/4, 1/8): faster, with no visible difference.
            longest = max(1, *opened.size)
            opened.draft(None, (math.ceil(opened.width * edge / longest), math.ceil(opened.height * edge / longest)))
            picture = pictures.upright(opened)
            picture.thumbnail((edge, edge), Pillow.Resampling.BOX, reducing_gap=1.0)
            out = io.BytesIO()
            picture.save(out, "JPEG", quality=78)
            return out.getvalue()
    except (*pictures.UNREADABLE, Pillow.DecompressionBombError):
        return b""
