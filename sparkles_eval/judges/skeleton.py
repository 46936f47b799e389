"""Writes the commented folder of a new judge that works as it is. Knows nothing of loading or asking it."""

from __future__ import annotations

from pathlib import Path

from sparkles_eval.content import content_dir
from sparkles_eval.errors import ContentError, UserError
from sparkles_eval.judges.spec import FILE
from sparkles_eval.tasks.spec import valid_name

_FILES = (FILE, "rubric.md.j2", "README.md")
_MARK = "@NAME@"


def write_skeleton(name: str, where: Path) -> Path:
    """Make the folder `where`/`name` with judge.yaml, rubric and card; its path.

    The text is that of the shipped folder judges/_skeleton. Raises errors.UserError when the name cannot be one, or
    when anything of that name is there already: nothing is ever overwritten.
    """
    if not valid_name(name):
        raise UserError(f"{name!r} cannot be a judge's name; use lower case letters, digits, '.', '_' and '-'")
    source = content_dir("judges") / "_skeleton"
    missing = [file for file in _FILES if not (source / file).is_file()]
    if missing:
        raise ContentError(f"{source}: {', '.join(missing)} is missing; reinstall sparkles-eval")
    folder = where.expanduser() / name
    try:
        folder.mkdir(parents=True)
        for file in _FILES:
            text = (source / file).read_text(encoding="utf-8").replace(_MARK, name)
            (folder / file).write_text(text, encoding="utf-8")
    except FileExistsError:
        raise UserError(f"{folder} is there already; take another name or remove it first") from None
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from None
    return folder
