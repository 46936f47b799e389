"""Downloads a file of a Hub data set into the Hub's cache, and goes on where an earlier process stopped.

huggingface_hub begins a file anew in each process. A large file is therefore put into the cache here, under the name
that its blobs have, and huggingface_hub then finds and links it.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import httpx

from sparkles_eval.core.errors import UserError
from sparkles_eval.tasks.columns.hub_files import hub_cache, repo_folder

LARGE_FILE = 10_000_000
"""Bytes above which a file is worth going on with."""
_HOST = "https://huggingface.co"
_TIMEOUT = httpx.Timeout(30.0, read=60.0)


def endpoint() -> str:
    """The address of the Hub, by HF_ENDPOINT."""
    return os.environ.get("HF_ENDPOINT", _HOST).rstrip("/")


def download(name: str, file: str, commit: str) -> Path:
    """The file in the cache, fetched where it is not there. Raises as huggingface_hub and httpx do, and UserError."""
    import huggingface_hub

    pointer = repo_folder(name) / "snapshots" / commit / file
    if not pointer.is_file():
        _fetch_blob(name, file, commit)
    found = huggingface_hub.hf_hub_download(
        name, file, repo_type="dataset", revision=commit, cache_dir=hub_cache(), endpoint=endpoint()
    )
    return Path(found)


def _fetch_blob(name: str, file: str, commit: str) -> None:
    """Put a large file's bytes where huggingface_hub looks for them; small files are left to it."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.utils import WeakFileLock, build_hf_headers, tqdm  # type: ignore[attr-defined]

    url = hf_hub_url(name, file, repo_type="dataset", revision=commit, endpoint=endpoint())
    found = get_hf_file_metadata(url)
    size, etag = found.size, found.etag
    if size is None or size < LARGE_FILE or etag is None or not re.fullmatch(r"[\w.-]{8,100}", etag):
        return
    blob = repo_folder(name) / "blobs" / etag
    blob.parent.mkdir(parents=True, exist_ok=True)
    part = blob.with_name(f"{etag}.sparkles-part")
    with WeakFileLock(blob.with_name(f"{etag}.sparkles-lock")):
        if blob.is_file():
            return
        have = part.stat().st_size if part.is_file() else 0
        headers = build_hf_headers() | ({"Range": f"bytes={have}-"} if 0 < have < size else {})
        with tqdm(total=size, initial=have, unit="B", unit_scale=True, desc=file) as bar:  # type: ignore[no-untyped-call]
            _stream(url, headers, part, bar.update, whole=have >= size)
        _check(part, size, etag, f"data set {name}: {file}")
        part.replace(blob)


def _stream(url: str, headers: dict[str, str], part: Path, advance: object, *, whole: bool) -> None:
    if whole:
        return
    # httpx leaves the key out where the Hub sends the request on to another host.
    with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=_TIMEOUT) as reply:
        reply.raise_for_status()
        with part.open("ab" if reply.status_code == httpx.codes.PARTIAL_CONTENT else "wb") as out:
            for piece in reply.iter_raw():  # as it comes: what has arrived is kept
                out.write(piece)
                if callable(advance):
                    advance(len(piece))


def _check(part: Path, size: int, etag: str, who: str) -> None:
    """Check the length, and the hash where the Hub names a large file by it. Raises errors.UserError."""
    wrong = part.stat().st_size != size
    if not wrong and re.fullmatch(r"[0-9a-f]{64}", etag):
        with part.open("rb") as file:
            wrong = hashlib.file_digest(file, "sha256").hexdigest() != etag
    if wrong:
        part.unlink()
        raise UserError(f"{who}: what arrived is not what the Hub holds; fetch it again")
