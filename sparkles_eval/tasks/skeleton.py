"""Writes the commented folder of a new task that runs as it is. Knows nothing of loading or running it.

`copy_skeleton` serves judges too: a skeleton is a shipped folder, copied with the new name in it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from sparkles_eval.content import Kind, content_dir
from sparkles_eval.errors import ContentError, UserError
from sparkles_eval.tasks.spec import FILE, valid_name

_MARK = "@NAME@"


def write_skeleton(name: str, where: Path) -> Path:
    """Make the folder `where`/`name` with task.yaml, prompt, three samples, two drawn images and a card; its path.

    Raises errors.UserError when the name cannot be one, or when anything of that name is there already: nothing is
    ever overwritten.
    """
    files = (FILE, "prompt.md.j2", "samples.jsonl", "README.md")
    return copy_skeleton("tasks", files, name, where, add=lambda folder: _draw(folder / "images"))


def copy_skeleton(
    kind: Kind, files: Sequence[str], name: str, where: Path, add: Callable[[Path], None] = lambda _: None
) -> Path:
    """Copy `files` of the shipped folder `kind`/_skeleton to `where`/`name`, then `add` what is no text; its path.

    What could not be written whole is taken away again. Raises as `write_skeleton`.
    """
    if not valid_name(name):
        raise UserError(f"{name!r} cannot be a name; use lower case letters, digits, '.', '_' and '-'")
    source = content_dir(kind) / "_skeleton"
    missing = [file for file in files if not (source / file).is_file()]
    if missing:
        raise ContentError(f"{source}: {', '.join(missing)} is missing; reinstall sparkles-eval")
    folder = where.expanduser() / name
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise UserError(f"{folder} is there already; take another name or remove it first") from None
    except OSError as error:
        raise UserError(f"{folder} cannot be made: {error.strerror}") from None
    try:
        for file in files:
            text = (source / file).read_text(encoding="utf-8").replace(_MARK, name)
            (folder / file).write_text(text, encoding="utf-8")
        add(folder)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise UserError(f"{folder} cannot be written: {error.strerror}") from None
    return folder


def _draw(folder: Path) -> None:
    """Two small pictures, drawn so that no binary file has to be shipped."""
    from PIL import Image, ImageDraw

    folder.mkdir()
    circle = Image.new("RGB", (128, 128), "#f4f1ea")
    ImageDraw.Draw(circle).ellipse((28, 28, 100, 100), fill="#c8372d")
    circle.save(folder / "red_circle.png")
    square = Image.new("RGB", (128, 128), "#f4f1ea")
    ImageDraw.Draw(square).rectangle((32, 32, 96, 96), fill="#2f5fb3")
    square.save(folder / "blue_square.png")
