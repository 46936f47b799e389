"""Writes files and folders whole or not at all, hashes files, and names the folders of the cache."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import platformdirs

from sparkles_eval.core.errors import UserError


def cache_dir(*parts: str) -> Path:
    """A folder of the cache, not created here.

    The cache is the folder named by the environment variable SPARKLES_CACHE, else the user's cache folder, else (where
    that cannot be written: no home, a read-only one) a folder of the user's own among the temporary files.
    """
    named = os.environ.get("SPARKLES_CACHE")
    if named:
        return Path(named).expanduser().joinpath(*parts)
    root = platformdirs.user_cache_path("sparkles-eval")
    return (root if _can_be_written(root) else _temporary_cache()).joinpath(*parts)


def _can_be_written(folder: Path) -> bool:
    """True where a folder, or the nearest one above it that is there, takes files."""
    there = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


@cache
def _temporary_cache() -> Path:
    """A folder that nobody else can write to: compiled templates are run from it. Another one where it is another's."""
    user = getattr(os, "getuid", lambda: "user")()
    folder = Path(tempfile.gettempdir()) / f"sparkles-eval-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        own = stat.S_ISDIR(found.st_mode) and (user == "user" or (found.st_uid == user and not found.st_mode & 0o022))
    except OSError:
        own = False
    return folder if own else Path(tempfile.mkdtemp(prefix="sparkles-eval-"))


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal digits, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def replacing(out: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path for the block to write; the file replaces `out` once the block succeeds.

    A reader sees the old file or the new one, never a part; two processes may write the same file. The temporary file
    is in the folder of `out` (same file system) and is removed if the block fails. It gets the permissions of the file
    that it replaces, else those of the umask. A link is followed; a device or pipe cannot be replaced and is written
    to directly. With `durable` the bytes are on the disk before the name is: for what cannot be made again (bundles,
    checkpoints, downloads), not for caches and pages.

    Raises OSError.
    """
    target = out.resolve() if out.is_symlink() else out
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists() and not target.is_file() and not target.is_dir():
        yield from _into_device(target)
        return
    part = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        yield part
        with suppress(FileNotFoundError):
            part.chmod(stat.S_IMODE(target.stat().st_mode))
        if durable:
            _sync(part)
        os.replace(part, target)  # noqa: PTH105 - one place
        if durable and os.name == "posix":
            _sync(target.parent)
    finally:
        with suppress(OSError):
            part.unlink()


def _into_device(target: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sparkles-out-") as folder:
        part = Path(folder) / "part"
        yield part
        with part.open("rb") as made, target.open("wb") as file:
            shutil.copyfileobj(made, file)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(out: Path, data: bytes | str, *, durable: bool = False) -> Path:
    """Write a file whole or not at all (see `replacing`); its folder is made. Text is UTF-8. Raises OSError."""
    with replacing(out, durable=durable) as part:
        part.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", errors="replace"))
    return out


def write_output(out: Path, data: bytes | str, fix: str = "name another place", *, durable: bool = False) -> Path:
    """`write_file` for a file that the user named. Raises errors.UserError, with `fix`, where it cannot be written."""
    try:
        return write_file(out, data, durable=durable)
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror}); {fix}") from error


@contextmanager
def replacing_folder(out: Path) -> Iterator[Path]:
    """Yield an empty folder for the block to fill; it replaces `out` once the block succeeds. Raises OSError.

    An earlier folder is moved aside first, and moved back if the new one cannot be put in its place. A process that is
    killed between the two leaves it aside; the next one puts it back before anything else.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_name(f".{out.name}.new")
    old = out.with_name(f".{out.name}.old")
    if old.is_dir() and not out.exists():
        old.rename(out)
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh.mkdir()
    try:
        yield fresh
        if out.exists():
            out.rename(old)
        try:
            fresh.rename(out)
        except OSError:
            if old.exists():
                old.rename(out)
            raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
