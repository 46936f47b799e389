"""The folder where drawn scenes are kept, so that each is drawn once. Knows nothing of what is asked about them.

A file's name carries the first digits of its own SHA-256, so a file is checked by reading it; one that does not match
(cut off, changed) is drawn again. Files appear complete (written beside, then moved), so two processes may fill the
same folder at once: both write the same bytes under the same names.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from pathlib import Path

import PIL

from sparkles_eval.errors import ContentError
from sparkles_eval.records import Image
from sparkles_eval.tasks.mini.draw import EDGE, draw, png
from sparkles_eval.tasks.mini.scene import GENERATOR, Scene

_DIGITS = 16
_NAME = re.compile(rf"(\d+-\d+)-[0-9a-f]{{{_DIGITS}}}\.png")
_SHELF = 1000
"""Items that share a sub-folder, so that no folder grows without bound."""


class Gallery:
    """Drawn scenes of one benchmark and seed. `root` is what the images' `relpath`s are relative to."""

    def __init__(self, cache: Path, benchmark: str, seed: int) -> None:
        self.root = cache / f"mini-{GENERATOR}-pillow-{PIL.__version__}"
        self._place = Path(benchmark) / f"seed-{seed}"
        self._known: dict[Path, dict[str, Path]] = {}

    def picture(self, index: int, number: int, scene: Scene, caption: str) -> Image:
        """The scene as picture `number` (from 1, its id too) of item `index`; drawn when no sound file is there.

        Raises errors.ContentError when the cache folder cannot be written.
        """
        shelf = self.root / self._place / f"{index // _SHELF:03d}"
        stem = f"{index:05d}-{number}"
        path = self._files(shelf).get(stem)
        data = None if path is None else _sound(path)
        if path is None or data is None:
            data = png(draw(scene))
            path = shelf / f"{stem}-{hashlib.sha256(data).hexdigest()[:_DIGITS]}.png"
            _write(path, data)
        return Image(
            sha256=hashlib.sha256(data).hexdigest(),
            media_type="image/png",
            width=EDGE,
            height=EDGE,
            size=len(data),
            relpath=path.relative_to(self.root).as_posix(),
            id=str(number),
            caption=caption,
            path=path,
        )

    def _files(self, shelf: Path) -> dict[str, Path]:
        """The files of a sub-folder by item and picture, listed once."""
        if shelf not in self._known:
            files = sorted(shelf.iterdir()) if shelf.is_dir() else []
            self._known[shelf] = {match[1]: path for path in files if (match := _NAME.fullmatch(path.name))}
        return self._known[shelf]


def _sound(path: Path) -> bytes | None:
    """The file's bytes when they are what its name says, else None."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data if path.stem.endswith(f"-{hashlib.sha256(data).hexdigest()[:_DIGITS]}") else None


def _write(path: Path, data: bytes) -> None:
    """Put the file in place at once. A half-written one of a process that died stays beside, under another name."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(data)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ContentError(
            f"cannot keep drawn scenes in {path.parent}: {error.strerror}; "
            "name a folder that can be written in the environment variable SPARKLES_CACHE"
        ) from error
