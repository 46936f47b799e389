"""Fetches images that a data set names by their web addresses, and keeps a table with the outcome of each."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import ipaddress
import socket
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol
from urllib.parse import urljoin, urlsplit

import httpx
import numpy as np
from PIL import Image as Pillow

from sparkles_eval.core.errors import ContentError
from sparkles_eval.core.files import write_file
from sparkles_eval.data.sources.download import AGENT, FetchError
from sparkles_eval.tasks.loaders.common import read_rows
from sparkles_eval.tasks.loaders.nlvr2 import names
from sparkles_eval.tasks.validation import Foreign, parse_json, read_text


def average_hash(data: bytes) -> str | None:
    """The average hash of a picture as sixteen hex digits, or None where the bytes cannot be decoded completely."""
    try:
        with Pillow.open(io.BytesIO(data)) as opened:
            opened.load()
            grey = opened.convert("L").resize((8, 8), Pillow.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError):
        return None
    values = np.asarray(grey, dtype=np.float64)
    bits = (values > values.mean()).flatten()
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"


TABLE = "photographs.csv"
AT_ONCE = 16
LONGEST_S = 20.0
MOST_BYTES = 32 * 2**20
NEAR = 2
"""Bits by which hashes of the same picture may differ, since decoders round differently."""
_REDIRECTS = 5


class FetchOutcome(StrEnum):
    """The outcome of fetching a photograph."""

    KEPT = "kept"
    GONE = "gone"
    """The server answers, without a picture."""
    OTHER = "another picture"
    """The picture has another hash: the address is now used for something else."""
    UNREACHABLE = "unreachable"
    """No answer in time; the next call tries again."""
    REFUSED = "refused"
    """An address that must not be requested."""


_SETTLED = frozenset({FetchOutcome.KEPT, FetchOutcome.GONE, FetchOutcome.OTHER, FetchOutcome.REFUSED})


@dataclass(frozen=True, slots=True)
class RemoteImage:
    """A photograph: its file name, its address, and its hash where that is published."""

    name: str
    url: str
    look: str | None


@dataclass(frozen=True, slots=True)
class FetchedImage:
    """A row of the table."""

    name: str
    url: str
    outcome: FetchOutcome
    detail: str


class _Row(Foreign):
    identifier: str
    left_url: str = ""
    right_url: str = ""


def read_image_urls(annotations: Path, hashes: Path | None) -> list[RemoteImage]:
    """The photographs of an annotation file, each once. Raises errors.ContentError for files of another shape."""
    looks: Mapping[str, str] = {}
    if hashes is not None:
        raw = parse_json(read_text(hashes))
        if not isinstance(raw, dict) or not all(isinstance(value, str) for value in raw.values()):
            raise ContentError(f"{hashes}: must be a JSON object of file names and hashes")
        looks = {str(name): str(value) for name, value in raw.items()}
    found = read_rows(annotations, _Row)
    if found.problems:
        raise ContentError(f"{annotations}: {found.problems[0].item}: {found.problems[0].what}")
    listed: dict[str, RemoteImage] = {}
    for place, row in found.rows:
        try:
            parts = names(row.identifier)
        except ValueError as error:
            raise ContentError(f"{annotations}: {place}: {error}") from None
        if Path(parts.left).name != parts.left or "\\" in parts.left:
            raise ContentError(f"{annotations}: {place}: {row.identifier!r} would be a file outside of the folder")
        for name, url in ((parts.left, row.left_url), (parts.right, row.right_url)):
            if url:
                listed.setdefault(name, RemoteImage(name, url, looks.get(name)))
    return list(listed.values())


def fetch_images(
    photographs: Sequence[RemoteImage],
    folder: Path,
    *,
    mirrors: Mapping[str, str] | None = None,
    again: bool = False,
    tell: FetchProgress | None = None,
) -> list[FetchedImage]:
    """Fetch the photographs without an outcome; returns the outcome of all, in order. `again` retries those gone, too.

    Sends at most sixteen requests at a time, of 20 s and 32 MiB each. After an interruption the table has everything
    up to then. Raises download.FetchError where pictures or table cannot be written.
    """
    table = folder.parent / f"{folder.name}.{TABLE}"
    fates = _read_table(table)
    for photograph in photographs:
        old = fates.get(photograph.name)
        if old and (
            old.url != photograph.url or (old.outcome is FetchOutcome.KEPT) != (folder / photograph.name).is_file()
        ):
            del fates[photograph.name]
    settled = {FetchOutcome.KEPT} if again else _SETTLED
    open_ones = [one for one in photographs if one.name not in fates or fates[one.name].outcome not in settled]
    if tell:
        tell.begin(len(photographs), len(photographs) - len(open_ones))
    if open_ones:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            asyncio.run(_fetch_all(open_ones, folder, table, fates, mirrors or {}, tell))
        except (OSError, ExceptionGroup) as error:
            raise _unwritable(folder, error) from None
    return [fates[one.name] for one in photographs]


def _unwritable(folder: Path, error: OSError | ExceptionGroup[Exception]) -> Exception:
    """The exception to raise where writing failed, in one or several tasks; other errors are returned unchanged."""
    while isinstance(error, ExceptionGroup):
        first = error.exceptions[0]
        if not isinstance(first, OSError | ExceptionGroup):
            return first
        error = first
    return FetchError(f"{folder}: cannot be written ({error.strerror}); make room and run the same command again")


class FetchProgress(Protocol):
    """Shows how many photographs are done."""

    def begin(self, total: int, done: int) -> None:
        """`done` of `total` have an outcome already."""

    def one(self, fate: FetchedImage) -> None:
        """A photograph has its outcome."""


def count_outcomes(fates: Iterable[FetchedImage]) -> dict[FetchOutcome, int]:
    """How many photographs there are of each outcome."""
    found = Counter(fate.outcome for fate in fates)
    return {outcome: found[outcome] for outcome in FetchOutcome if found[outcome]}


async def _fetch_all(
    photographs: Sequence[RemoteImage],
    folder: Path,
    table: Path,
    fates: dict[str, FetchedImage],
    mirrors: Mapping[str, str],
    tell: FetchProgress | None,
) -> None:
    _drop_half_line(table)
    waiting = iter(photographs)
    limits = httpx.Limits(max_connections=AT_ONCE)
    with table.open("a", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        if file.tell() == 0:
            rows.writerow(["name", "url", "outcome", "detail"])
        async with httpx.AsyncClient(headers=AGENT, timeout=LONGEST_S, limits=limits) as client:

            async def work() -> None:
                for photograph in waiting:
                    fate = await _one(client, photograph, folder, mirrors)
                    fates[photograph.name] = fate
                    rows.writerow([fate.name, fate.url, fate.outcome.value, fate.detail])
                    file.flush()
                    if tell:
                        tell.one(fate)

            async with asyncio.TaskGroup() as group:
                for _ in range(min(AT_ONCE, len(photographs))):
                    group.create_task(work())


async def _one(
    client: httpx.AsyncClient, photograph: RemoteImage, folder: Path, mirrors: Mapping[str, str]
) -> FetchedImage:
    def fate(outcome: FetchOutcome, detail: str) -> FetchedImage:
        return FetchedImage(photograph.name, photograph.url, outcome, detail[:200])

    try:
        async with asyncio.timeout(LONGEST_S):
            data = await _get(client, photograph.url, mirrors)
    except (_ImageRefused, httpx.InvalidURL) as error:
        return fate(FetchOutcome.REFUSED, str(error))
    except _ImageGone as error:
        return fate(FetchOutcome.GONE, str(error))
    except (TimeoutError, httpx.HTTPError, OSError) as error:
        return fate(
            FetchOutcome.UNREACHABLE, f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        )
    looks = await asyncio.to_thread(average_hash, data)
    if looks is None:
        return fate(FetchOutcome.GONE, f"{len(data):,} bytes that are no picture")
    if photograph.look is not None and _distance(looks, photograph.look) > NEAR:
        return fate(FetchOutcome.OTHER, f"look {looks}, published {photograph.look}")
    write_file(folder / photograph.name, data)
    return fate(FetchOutcome.KEPT, f"sha256 {hashlib.sha256(data).hexdigest()}")


class _ImageGone(Exception):
    """The server answers without a picture."""


class _ImageRefused(Exception):
    """An address that must not be requested."""


async def _get(client: httpx.AsyncClient, url: str, mirrors: Mapping[str, str]) -> bytes:
    for _ in range(_REDIRECTS + 1):
        mirrored = next((to + url[len(start) :] for start, to in mirrors.items() if url.startswith(start)), None)
        if mirrored is None:
            await _public(url)
        async with client.stream("GET", mirrored or url) as response:
            if response.is_redirect:
                url = urljoin(url, response.headers.get("location", ""))
                continue
            if response.status_code in (408, 429) or response.status_code >= 500:
                raise httpx.HTTPError(f"HTTP {response.status_code}")
            if response.status_code != 200:
                raise _ImageGone(f"HTTP {response.status_code}")
            return await _bounded(response)
    raise _ImageGone(f"more than {_REDIRECTS} redirects")


async def _bounded(response: httpx.Response) -> bytes:
    data = io.BytesIO()
    async for chunk in response.aiter_bytes():
        data.write(chunk)
        if data.tell() > MOST_BYTES:
            raise _ImageGone(f"more than {MOST_BYTES >> 20} MiB")
    return data.getvalue()


async def _public(url: str) -> None:
    """Raise _ImageRefused unless every address of the host belongs to the public internet."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 0
    except ValueError:
        raise _ImageRefused("is no address") from None
    if parts.scheme not in ("http", "https") or not host:
        raise _ImageRefused("is no http(s) address")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise _ImageRefused(f"{host[:80]} cannot be the name of a host") from None
    for *_, place in found:
        if not ipaddress.ip_address(str(place[0]).split("%")[0]).is_global:
            raise _ImageRefused(f"{host} is inside the own network")


def _distance(first: str, second: str) -> int:
    try:
        return (int(first, 16) ^ int(second, 16)).bit_count()
    except ValueError:
        return 64


def _drop_half_line(table: Path) -> None:
    """Remove a line that a crash left incomplete, because its open quotation mark would include the next ones."""
    if table.is_file() and (text := table.read_bytes()) and not text.endswith(b"\n"):
        table.write_bytes(text[: text.rfind(b"\n") + 1])


def _read_table(table: Path) -> dict[str, FetchedImage]:
    """The last outcome of each photograph, without a line that a crash left incomplete."""
    if not table.is_file():
        return {}
    fates: dict[str, FetchedImage] = {}
    with table.open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            try:
                fates[row[0]] = FetchedImage(row[0], row[1], FetchOutcome(row[2]), row[3])
            except (ValueError, IndexError):
                continue
    return fates
