"""A loopback model server in a process of its own: the context manager that tests and benchmarks use, and its main.

`python -m tests.server --port 8080` starts one by hand; what its models say and how they fail is in tests/loopback.
Knows nothing of the package that is tested.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web
from pydantic import BaseModel, ConfigDict, TypeAdapter

from tests.loopback.app import make_app
from tests.loopback.settings import Behaviour, Rule, Settings

__all__ = ["Behaviour", "LoopbackServer", "RequestRecord", "Rule", "ServerStats", "Settings"]

_ROOT = Path(__file__).resolve().parents[1]


class ServerStats(BaseModel):
    """Counts since the start, the last reset or the last configuration. See tests/loopback/app.py."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests: int
    in_flight: int
    max_in_flight: int
    by_status: dict[str, int]
    by_fault: dict[str, int]
    by_model: dict[str, int]
    delivered: int
    """Replies of a model that reached the client."""
    asked: dict[str, int]
    """How often each question was asked, faults included."""
    answered: dict[str, int]
    """How often each question's answer was delivered."""
    tokens: int = 0
    """Input tokens of all requests that were read."""
    first_at: float | None
    last_at: float | None

    @property
    def repeated(self) -> int:
        """Answers delivered beyond the first of each question: what a resumed run paid twice."""
        return sum(times - 1 for times in self.answered.values())


class RequestRecord(BaseModel):
    """One request as the server saw it. See tests/loopback/app.py."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    at: float
    provider: str
    in_flight: int
    model: str
    key: str
    images: tuple[str, ...]
    attempt: int
    status: int
    fault: str | None
    delivered: bool
    user_agent: str
    tokens: int = 0


class LoopbackServer:
    """Starts the server on a free port of 127.0.0.1 and ends it on leaving the block.

    The server also ends by itself when this process does, however that happens: it watches its standard input.
    """

    def __init__(self, settings: Settings | None = None, *, port: int = 0) -> None:
        """`port` 0 takes a free one."""
        self.settings = settings or Settings()
        self._port = port
        self.url = ""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.server", "--settings", self.settings.model_dump_json(), "--attached"]
        command += ["--port", str(self._port)]
        self._process = subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("http"):
            self.close()
            raise RuntimeError(f"the loopback server did not start: {line!r}")
        self.url = line.strip()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the server's process."""
        self._process.terminate()
        self._process.communicate()

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    @property
    def openai_url(self) -> str:
        """`base_url` for the openai SDK."""
        return f"{self.url}/v1"

    @property
    def anthropic_url(self) -> str:
        """`base_url` for the anthropic SDK."""
        return self.url

    def stats(self) -> ServerStats:
        """Counts so far."""
        return ServerStats.model_validate_json(self._call("/__stats"))

    def records(self) -> list[RequestRecord]:
        """Every request so far, in the order of arrival."""
        return TypeAdapter(list[RequestRecord]).validate_json(self._call("/__records"))

    def reset(self) -> None:
        """Forget all requests; the settings stay."""
        self._call("/__reset", b"")

    def configure(self, settings: Settings) -> None:
        """Take other settings and forget all requests."""
        self._call("/__configure", settings.model_dump_json().encode())
        self.settings = settings

    def _call(self, path: str, body: bytes | None = None) -> bytes:
        with urllib.request.urlopen(self.url + path, body, timeout=30) as reply:  # noqa: S310 - our own loopback address
            content: bytes = reply.read()
        return content


async def _serve(settings: Settings, port: int, *, attached: bool) -> None:
    runner = web.AppRunner(make_app(settings), access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port, backlog=2048)
    await site.start()
    host, bound = runner.addresses[0][:2]
    print(f"http://{host}:{bound}", flush=True)
    try:
        if attached:
            await asyncio.to_thread(sys.stdin.read)
        else:
            await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Run the server until it is interrupted, or until standard input ends (`--attached`)."""
    parser = argparse.ArgumentParser(prog="python -m tests.server", description=main.__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free one")
    parser.add_argument("--settings", default="{}", help="tests.loopback.settings.Settings as JSON")
    parser.add_argument("--attached", action="store_true", help="end when standard input ends")
    arguments = parser.parse_args()
    settings = Settings.model_validate_json(arguments.settings)
    try:
        asyncio.run(_serve(settings, arguments.port, attached=arguments.attached))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
