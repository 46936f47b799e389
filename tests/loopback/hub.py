"""A small Hub on the loopback: data sets at commits, with branches, gates and connections that break.

Speaks what huggingface_hub asks of a Hub: what a revision holds, and its files, also by ranges of bytes.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass
class HubDataSet:
    """A data set: its commits with their files, the branches that name commits, and how it is guarded."""

    commits: dict[str, dict[str, bytes]]
    refs: dict[str, str] = field(default_factory=dict)
    licence: str = "cc-by-4.0"
    gated: str = ""
    cut_after: int | None = None
    """The next file that is larger is cut off after so many bytes, once."""


@dataclass
class LoopbackHub:
    """A running Hub. `asked` lists the requests as "METHOD path bytes=…"."""

    url: str
    sets: dict[str, HubDataSet]
    asked: list[str] = field(default_factory=list)
    sent: int = 0
    """Bytes of files that were sent."""


@contextmanager
def loopback_hub(**sets: HubDataSet) -> Iterator[LoopbackHub]:
    """Serve data sets, named as ORG__NAME, until the block ends."""
    named = {name.replace("__", "/"): one for name, one in sets.items()}
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    hub = LoopbackHub(f"http://127.0.0.1:{server.server_port}", named)
    server.hub = hub  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def hub(self) -> LoopbackHub:
        found = self.server.hub  # type: ignore[attr-defined]
        assert isinstance(found, LoopbackHub)
        return found

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_HEAD(self) -> None:
        self._serve(body=False)

    def do_GET(self) -> None:
        self._serve(body=True)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.raw = self.rfile.read(length)
        self._serve(body=True)

    def _serve(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path).strip("/")
        self.hub.asked.append(f"{self.command} {path} {self.headers.get('Range', '')}".strip())
        parts = path.removeprefix("api/").split("/")
        known = self.hub.sets.get("/".join(parts[1:3])) if parts[0] == "datasets" else None
        if known is None:
            self._refuse(404, "RepoNotFound")
            return
        kind, revision = (parts[3], parts[4]) if len(parts) > 4 else ("revision", "main")
        commit = known.refs.get(revision, revision)
        if commit not in known.commits:
            self._refuse(404, "RevisionNotFound")
        elif path.startswith("api/") and kind in ("paths-info", "tree"):
            self._json([_entry(name, data) for name, data in known.commits[commit].items()])
        elif path.startswith("api/"):
            self._json(_info("/".join(parts[1:3]), commit, known))
        elif known.gated and not self.headers.get("Authorization"):
            self._refuse(403, "GatedRepo")
        else:
            self._file(known, commit, "/".join(parts[5:]), body=body)

    def _json(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _refuse(self, code: int, error: str) -> None:
        self.send_response(code)
        self.send_header("X-Error-Code", error)
        self.send_header("X-Error-Message", error)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _file(self, known: HubDataSet, commit: str, name: str, *, body: bool) -> None:
        data = known.commits[commit].get(name)
        if data is None:
            self._refuse(404, "EntryNotFound")
            return
        start, end = 0, len(data)
        asked = self.headers.get("Range", "")
        if asked.startswith("bytes="):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end = int(first), int(last) + 1 if last else len(data)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{min(end, len(data)) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')  # noqa: S324 - as the Hub names blobs
        self.send_header("X-Repo-Commit", commit)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(min(end, len(data)) - start))
        self.end_headers()
        if not body:
            return
        cut = known.cut_after
        if cut is not None and len(data) > cut:
            known.cut_after = None
            end = start + cut
            self.close_connection = True
        self.hub.sent += len(data[start:end])
        self.wfile.write(data[start:end])


def _entry(name: str, data: bytes) -> dict[str, object]:
    return {"type": "file", "path": name, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}  # noqa: S324


def _info(name: str, commit: str, known: HubDataSet) -> dict[str, object]:
    return {
        "_id": "1",
        "id": name,
        "sha": commit,
        "private": False,
        "disabled": False,
        "gated": known.gated or False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "cardData": {"license": known.licence} if known.licence else {},
        "siblings": [{"rfilename": n, "size": len(data)} for n, data in known.commits[commit].items()],
    }
