"""The folder of a site: refuses one with somebody else's files, and takes away what an older site left there.

Knows nothing of pages. `.sparkles-site` lists the files that were written; only files of that list are ever removed.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePosixPath

from sparkles_eval.errors import UserError
from sparkles_eval.reports.pages import write_bytes

MARK = ".sparkles-site"
_HEAD = "# Written by sparkles-eval, which writes over these files.\n"
_MOST = 20_000_000
"""Bytes of a list that is read."""


def claim(out: Path) -> frozenset[str]:
    """Make the folder and give the files of the site that was there, if there was one.

    Raises errors.UserError where it is a file, cannot be written, or holds files that are no site's.
    """
    mark = out / MARK
    try:
        if out.exists() and not out.is_dir():
            raise UserError(f"{out} is a file; a site needs a folder: name another with --out")
        if out.is_dir() and not mark.is_file():
            strange = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
            if strange:
                raise UserError(f"{out} holds files that are no site's ({strange[0]}); name an empty folder with --out")
        out.mkdir(parents=True, exist_ok=True)
        if not mark.is_file():
            write_bytes(mark, _HEAD.encode())  # a site that is left half written is a site all the same
        if mark.stat().st_size > _MOST:
            return frozenset()
        return frozenset(line for line in mark.read_text(encoding="utf-8", errors="replace").splitlines() if line)
    except OSError as error:
        raise UserError(f"{out}: a site cannot be written there ({error.strerror}); name another folder") from error


def settle(out: Path, before: Collection[str], written: Collection[str]) -> None:
    """Write the list of what is there now, and remove what the older site had besides."""
    names = "".join(f"{name}\n" for name in sorted(written))
    write_bytes(out / MARK, (_HEAD + names).encode())
    for name in sorted(set(before) - set(written)):
        path = out / name
        if _inside(out, name) and path.is_file() and not path.is_symlink():
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()


def _inside(out: Path, name: str) -> bool:
    """A list may have been changed by anybody: only what lies in the folder is removed."""
    parts = PurePosixPath(name).parts
    plain = bool(parts) and not name.startswith(("/", "#")) and ".." not in parts and "\\" not in name
    return plain and (out / name).parent.resolve().is_relative_to(out.resolve())
