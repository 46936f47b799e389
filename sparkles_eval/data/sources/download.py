"""Downloads a file: resumes where it stopped, checks it, and gives it its name only when it is complete."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx

from sparkles_eval import __version__
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.files import sha256_file

AGENT = {"User-Agent": f"sparkles-eval/{__version__} (+research data, on a person's request)"}
TRIES = 5
_RETRY_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_SPARE = 256 * 2**20
"""Bytes that are left free on the disk."""


class FetchError(UserError):
    """Something could not be fetched; the message says what, why and the fix."""


class DownloadProgress(Protocol):
    """Receives the progress of a download."""

    def begin(self, name: str, done: int, total: int | None) -> None:
        """A file's download begins, or begins again, with `done` of `total` bytes present."""
        ...

    def advance(self, count: int) -> None:
        """`count` more bytes arrived."""
        ...


@dataclass(frozen=True, slots=True)
class HttpSession:
    """An HTTP client for downloads. `mirrors` maps prefixes of addresses to others."""

    client: httpx.Client
    mirrors: Mapping[str, str] = field(default_factory=dict)
    wait_s: float = 1.0
    """Seconds before the second try; doubled for each further one."""

    def address(self, url: str) -> str:
        """The address of `url` after mirrors."""
        for start, other in self.mirrors.items():
            if url.startswith(start):
                return other + url[len(start) :]
        return url


def make_session(mirrors: Mapping[str, str] | None = None, *, wait_s: float = 1.0) -> HttpSession:
    """An HTTP client with time limits that follows at most ten redirects."""
    limits = httpx.Timeout(60.0, connect=20.0)
    client = httpx.Client(headers=AGENT, timeout=limits, follow_redirects=True, max_redirects=10)
    return HttpSession(client, dict(mirrors or {}), wait_s)


def download(
    line: HttpSession,
    url: str,
    to: Path,
    watch: DownloadProgress,
    *,
    size: int | None = None,
    sha256: str | None = None,
) -> int:
    """Download `url` to `to`; returns its number of bytes. `size` is an estimate for the check of free space.

    Raises FetchError where the file cannot be downloaded, is not the expected one, or does not fit on the disk; a
    partial download is kept for the next try, unless it is wrong.
    """
    part = to.with_name(f"{to.name}.part")
    for attempt in range(1, TRIES + 1):
        try:
            _transfer(line, url, part, watch, size)
            break
        except _RetryDownload as again:
            if attempt == TRIES:
                raise FetchError(f"{url}: {again} ({TRIES} tries); run the same command again to go on") from None
            time.sleep(max(again.wait_s, line.wait_s * 2 ** (attempt - 1)))
    _check(part, url, to, sha256)
    count = part.stat().st_size
    part.replace(to)
    _mark(part).unlink(missing_ok=True)
    return count


class _RetryDownload(Exception):
    """A failure after which another try may succeed."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


def _mark(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _transfer(line: HttpSession, url: str, part: Path, watch: DownloadProgress, guess: int | None) -> None:
    have, version = _so_far(part, url)
    headers = {"Range": f"bytes={have}-", "If-Range": version} if have and version else {}
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with line.client.stream("GET", line.address(url), headers=headers) as response:
            _refuse(response, url, part)
            whole = response.status_code != 206 or not _starts_at(response, have)
            have = 0 if whole else have
            length = _length(response)
            total = None if length is None else have + length
            _room(part, total or guess, have, url)
            watch.begin(part.name.removesuffix(".part"), have, total)
            _mark(part).write_text(json.dumps({"url": url, "version": _version(response)}), encoding="utf-8")
            with part.open("wb" if whole else "ab") as file:
                for chunk in _bytes(response):
                    file.write(chunk)
                    watch.advance(len(chunk))
            if total is not None and part.stat().st_size != total:
                raise _RetryDownload(f"the connection ended at {part.stat().st_size:,} of {total:,} bytes")
    except httpx.InvalidURL as error:
        raise FetchError(f"{url}: is no address ({error}); fix the recipe or --mirror") from None
    except httpx.TooManyRedirects:
        raise FetchError(f"{url}: redirects without end; look at the address in a browser") from None
    except httpx.HTTPError as error:
        raise _RetryDownload(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__) from None
    except OSError as error:
        raise FetchError(f"{part}: cannot be written ({error.strerror}); name another folder with --to") from error


def _bytes(response: httpx.Response) -> Iterator[bytes]:
    """The bytes as they are on the server; they are not decoded, since a resumed file would mix both."""
    return response.iter_raw()


def _so_far(part: Path, url: str) -> tuple[int, str | None]:
    """The bytes that are present, and their version; (0, None) where the download cannot be continued."""
    try:
        mark = json.loads(_mark(part).read_text(encoding="utf-8"))
        if mark["url"] == url and isinstance(mark["version"], str):
            return part.stat().st_size, mark["version"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return 0, None


def _version(response: httpx.Response) -> str | None:
    """The server's tag of this version; a weak tag does not guarantee the same bytes."""
    tag = str(response.headers.get("etag", ""))
    changed = str(response.headers.get("last-modified", ""))
    return tag if tag and not tag.startswith("W/") else changed or None


def _refuse(response: httpx.Response, url: str, part: Path) -> None:
    status = response.status_code
    if status in (200, 206):
        kind = response.headers.get("content-type", "")
        if kind.startswith("text/html") and not url.endswith((".html", ".htm")):
            raise FetchError(
                f"{url}: the server sent a web page instead of the file (a login or a download limit?); open the "
                "address in a browser and put the file where `sparkles-eval data list NAME` says"
            )
        if "content-encoding" in response.headers:
            raise _RetryDownload(
                f"the server sent it as {response.headers['content-encoding']}, which was not asked for"
            )
        return
    if status == 416:
        part.unlink(missing_ok=True)
        raise _RetryDownload("the server has no such range; starting anew")
    if status in _RETRY_STATUS:
        wait = response.headers.get("retry-after", "")
        raise _RetryDownload(f"HTTP {status}", min(60.0, float(wait)) if wait.isdigit() else 0.0)
    raise FetchError(f"{url}: HTTP {status}; has the file moved? Its homepage is in `sparkles-eval data list`")


def _starts_at(response: httpx.Response, have: int) -> bool:
    return str(response.headers.get("content-range", "")).startswith(f"bytes {have}-")


def _length(response: httpx.Response) -> int | None:
    text = response.headers.get("content-length", "")
    return int(text) if text.isdigit() else None


def _room(part: Path, total: int | None, have: int, url: str) -> None:
    needed = (total or 0) - have
    free = shutil.disk_usage(part.parent).free
    if needed + _SPARE > free:
        raise FetchError(
            f"{url}: {max(0, needed) / 2**20:,.0f} MiB are needed and {_SPARE >> 20} MiB are left free, "
            f"{free / 2**20:,.0f} MiB are free at {part.parent}; make room or name another folder with --to"
        )


def _check(part: Path, url: str, to: Path, sha256: str | None) -> None:
    if sha256 is not None:
        found = sha256_file(part)
        if found != sha256:
            part.unlink()
            raise FetchError(
                f"{url}: its SHA-256 is {found}, its authors publish {sha256}; it was thrown away. Try again, and if "
                "that does not help ask them"
            )
    elif part.stat().st_size == 0:
        part.unlink()
        raise FetchError(f"{url}: the file for {to.name} is empty")
