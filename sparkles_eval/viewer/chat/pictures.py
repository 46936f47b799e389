"""The pictures of a session, each once, known by their bytes and kept in a folder. Knows nothing of conversations."""

from __future__ import annotations

import hashlib
from pathlib import Path

from sparkles_eval.errors import UserError
from sparkles_eval.records import Image
from sparkles_eval.tasks.formats import read_header
from sparkles_eval.tasks.images import thumbnail

LARGEST = 32 * 2**20
"""Bytes of one picture."""
MOST = 2000
"""Pictures of one session: a page that adds them in a loop does not fill the disk."""
PREVIEW_EDGE = 360
"""Pixels."""
_SUFFIXES = {"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp"}


class Album:
    """Takes pictures and gives them back by the SHA-256 of their bytes. `folder` is there, and the album's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._images: dict[str, Image] = {}
        self._previews: dict[str, bytes] = {}

    def add(self, data: bytes, name: str = "the picture") -> Image:
        """Keep a picture. Raises errors.UserError, with `name` and the reason, for what cannot be one."""
        if len(data) > LARGEST:
            raise UserError(f"{name}: more than {LARGEST // 2**20} MiB; make it smaller")
        header = read_header(data)
        if isinstance(header, str):
            raise UserError(f"{name} is {header}")
        sha = hashlib.sha256(data).hexdigest()
        if sha in self._images:
            return self._images[sha]
        if len(self._images) >= MOST:
            raise UserError(f"{name}: there are {MOST} pictures already; start the program again")
        preview = thumbnail(data, PREVIEW_EDGE)
        if not preview:
            raise UserError(f"{name} is damaged: it cannot be decoded; save it again")
        kind, width, height = header
        file = self._folder / f"{sha}{_SUFFIXES[kind]}"
        file.write_bytes(data)
        self._previews[sha] = preview
        self._images[sha] = Image(sha, kind, width, height, len(data), file.name, id=sha, path=file)
        return self._images[sha]

    def read(self, path: Path) -> Image:
        """Keep the picture in a file of the user's. Raises errors.UserError where there is none."""
        path = path.expanduser()
        try:
            if path.stat().st_size > LARGEST:
                raise UserError(f"{path}: more than {LARGEST // 2**20} MiB; make it smaller")
            data = path.read_bytes()
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror}); name a picture's file") from None
        return self.add(data, str(path))

    def get(self, sha: str) -> Image:
        """A picture that was added. Raises errors.UserError where there is none of that hash."""
        if sha not in self._images:
            raise UserError("this picture is not here any more; choose it again")
        return self._images[sha]

    def preview(self, sha: str) -> bytes:
        """A small JPEG of it. Raises as `get`."""
        self.get(sha)
        return self._previews[sha]
