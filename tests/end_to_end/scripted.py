"""A chat server whose every reply a test writes itself, for cases in which what the body holds is the point."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, TypeAlias

Script: TypeAlias = Callable[[Mapping[str, Any], int], Mapping[str, Any]]
"""From a request's body, and how many came before it, to the body of the reply."""


def completion(
    content: object, finish: str | None = "stop", usage: object = None, **message: object
) -> dict[str, object]:
    """A chat completion with one choice."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content, **message}, "finish_reason": finish}
    return {"model": "m-1", "choices": [choice], "usage": usage}


class ScriptedServer:
    """Serves a script on loopback and keeps the bodies that it was sent. Use as a context manager."""

    def __init__(self, script: Script) -> None:
        self.bodies: list[Mapping[str, Any]] = []
        bodies = self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                bodies.append(body)
                text = json.dumps(script(body, len(bodies) - 1)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                """Nothing on the screen."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def model(self, *more: str) -> list[str]:
        """The options of a command that ask it."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        args = [word for pair in (f"base_url={url}", *more) for word in ("--model-arg", pair)]
        return ["--model", "openai/m", *args]
