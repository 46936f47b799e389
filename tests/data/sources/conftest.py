"""A file server on loopback that can break off, change its files, send web pages, redirect and count."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@dataclass
class Files:
    """What the server has and how it behaves. `asked` are the requests as (path, range)."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    failures: dict[str, list[int]] = field(default_factory=dict)
    """Statuses that the next requests of a path get."""
    break_after: dict[str, list[int]] = field(default_factory=dict)
    """Bytes after which the connection of the next requests of a path ends."""
    ranges: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: Files

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Says nothing."""

    def do_GET(self) -> None:
        known = self.files
        path, wanted = self.path, self.headers.get("Range", "")
        known.asked.append((path, wanted))
        if known.failures.get(path):
            return self._empty(known.failures[path].pop(0))
        if path in known.redirects:
            return self._empty(302, {"Location": known.redirects[path]})
        if path not in known.files:
            return self._empty(404)
        data, tag = known.files[path], known.tags.get(path, '"one"')
        headers = {"ETag": tag, "Content-Type": known.kinds.get(path, "application/octet-stream")}
        status = 200
        if wanted and known.ranges and self.headers.get("If-Range") == tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                return self._empty(416)
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            data, status = data[start:], 206
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if known.break_after.get(path):
            self.wfile.write(data[: known.break_after[path].pop(0)])
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(2)
            return None
        self.wfile.write(data)
        return None

    def _empty(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def web() -> Iterator[Files]:
    """A running file server without files."""
    files = Files()
    handler = type("Handler", (_Handler,), {"files": files})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    files.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield files
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
