"""The local web server: who may ask, how much, and what a browser is told. Asked over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from sparkles_eval import viewer
from sparkles_eval.core.errors import ContentError, MissingExtra, UserError
from sparkles_eval.viewer import web_server
from sparkles_eval.viewer.http_connections import ImpatientProtocol
from sparkles_eval.viewer.security import OneTimeAddress

TOKEN = "a-token"
LIMIT = 1000
LARGE = 50_000_000
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what a user may ask for, and is warned of


async def _home(request: Request) -> Response:
    return PlainTextResponse(f"home of {web_server.base(request)}")


async def _echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _complain(_request: Request) -> Response:
    raise UserError("run 'x': there is none; see `list runs`")


async def _break(_request: Request) -> Response:
    raise ZeroDivisionError("a detail that only the terminal may see")


async def _slow(_request: Request) -> Response:
    await asyncio.sleep(1)
    return PlainTextResponse("at last")


async def _large(_request: Request) -> Response:
    return PlainTextResponse("x" * LARGE)


ROUTES = [
    Route("/slow", _slow),
    Route("/large", _large),
    Route("/", _home),
    Route("/echo", _echo, methods=["GET", "POST"]),
    Route("/complain", _complain),
    Route("/break", _break),
]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Served:
    port: int

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """`headers` by name with _ for -; Host is the server's own unless it is given."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent.setdefault("Host", f"127.0.0.1:{self.port}")
        connection.request(method, path, body, sent)
        reply = connection.getresponse()
        answer = Answer(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read().decode())
        connection.close()
        return answer


@contextmanager
def running(host: str = "127.0.0.1") -> Iterator[Served]:
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    made = web_server.application(
        ROUTES, token=TOKEN, host=host, port=port, assets=["style.css", "app.js"], max_body=LIMIT
    )
    server = web_server.server(made)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield Served(port)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with running() as server:
        yield server


def test_pages_lie_under_the_token(served: Served) -> None:
    assert served.ask(f"/{TOKEN}/").text == f"home of /{TOKEN}"
    for path in (
        "/",
        "/echo",
        f"/{TOKEN[:-1]}/",
        f"/{TOKEN}x/",
        f"//{TOKEN}/",
        f"/%2f{TOKEN}/",
        "/%ff/",
        "/%ed%a0%80/",
    ):
        assert served.ask(path).status == 404, path


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
def test_our_own_names_are_served(served: Served, host: str) -> None:
    assert served.ask(f"/{TOKEN}/", Host=host.format(port=served.port)).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:{port}",
        "localhost",
        "127.0.0.1",
        "localhost:1",
        "localhost.evil.example:{port}",
        "10.0.0.1:{port}",
        "",
    ],
)
def test_a_name_that_somebody_else_lets_point_here_is_not(served: Served, host: str) -> None:
    answer = served.ask(f"/{TOKEN}/", Host=host.format(port=served.port))
    assert answer.status in (400, 421) and "home" not in answer.text and TOKEN not in answer.text


def test_a_server_for_every_address_takes_any_address_but_no_strange_name() -> None:
    with running(host=EVERYWHERE) as served:
        assert served.ask(f"/{TOKEN}/", Host=f"192.0.2.7:{served.port}").status == 200
        assert served.ask(f"/{TOKEN}/", Host=f"{socket.gethostname()}:{served.port}").status == 200
        assert served.ask(f"/{TOKEN}/", Host=f"evil.example:{served.port}").status == 421


def test_only_our_own_pages_may_post(served: Served) -> None:
    def post(**headers: str) -> int:
        return served.ask(f"/{TOKEN}/echo", "POST", b"x", **headers).status

    ours = f"http://127.0.0.1:{served.port}"
    assert post() == 200  # no browser: every browser says where a post comes from
    assert post(Origin=ours) == 200
    assert post(Origin=ours, Sec_Fetch_Site="same-origin") == 200
    assert post(Origin=f"http://localhost:{served.port}", Host=f"localhost:{served.port}") == 200
    assert post(Origin="https://evil.example") == 403
    assert post(Origin="null") == 403
    assert post(Origin=f"http://localhost:{served.port}") == 403  # ours by another name, yet another origin
    assert post(Origin=f"http://127.0.0.1:{served.port + 1}") == 403
    assert post(Origin=ours, Sec_Fetch_Site="cross-site") == 403
    assert post(Sec_Fetch_Site="same-site") == 403
    assert post(Sec_Fetch_Site="none") == 403


def test_a_body_has_an_end(served: Served) -> None:
    assert served.ask(f"/{TOKEN}/echo", "POST", b"x" * LIMIT).text == str(LIMIT)
    assert served.ask(f"/{TOKEN}/echo", "POST", b"x" * (LIMIT + 1)).status == 413


def test_a_body_that_does_not_say_its_length_has_an_end_too(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    pieces = (b"x" * 300 for _ in range(10))
    connection.request("POST", f"/{TOKEN}/echo", pieces, {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize(
    ("path", "status"), [("/", 200), ("/none", 404), ("/complain", 400), ("/break", 500), ("/assets/app.js", 200)]
)
def test_every_answer_tells_the_browser_what_it_may_not(served: Served, path: str, status: int) -> None:
    answer = served.ask(f"/{TOKEN}{path}")
    assert answer.status == status
    policy = answer.headers["content-security-policy"]
    for rule in (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ):
        assert rule in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-store"


def test_refusals_carry_the_headers_too(served: Served) -> None:
    for answer in (served.ask("/"), served.ask("/", Host="evil.example"), served.ask(f"/{TOKEN}/", "POST", Origin="x")):
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_errors_say_what_helps_and_nothing_else(served: Served) -> None:
    assert served.ask(f"/{TOKEN}/complain").text == "run 'x': there is none; see `list runs`"
    assert "detail" not in served.ask(f"/{TOKEN}/break").text


def test_only_listed_assets_are_served(served: Served) -> None:
    style = served.ask(f"/{TOKEN}/assets/style.css")
    assert style.status == 200 and style.headers["content-type"].startswith("text/css") and ":root" in style.text
    strange = ["report.html.j2", "../style.css", "..%2fstyle.css", "%2e%2e/%2e%2e/pyproject.toml", "/etc/passwd", ""]
    for name in strange:
        assert served.ask(f"/{TOKEN}/assets/{name}").status == 404, name
    with pytest.raises(ContentError, match=r"reports/none\.css is missing"):
        web_server.application([], token=TOKEN, host="127.0.0.1", port=1, assets=["none.css"])


def test_a_port_that_is_taken_is_an_error_with_its_mend() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(UserError, match="--port 0 takes a free port"):
        web_server.serve(_never, "127.0.0.1", taken.getsockname()[1], open_browser=False)
    with pytest.raises(UserError, match="cannot be listened on"):
        web_server.serve(_never, "192.0.2.1", 0, open_browser=False)  # an address of documentation, nobody's own


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /a-token/ HTTP/1.1\r\nHo",
        b"POST /a-token/echo HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Length: 9\r\n\r\nab",
    ],
)
def test_a_request_that_does_not_come_to_its_end_is_given_up(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(ImpatientProtocol, "LONGEST_S", 0.2)
    with running() as served, socket.create_connection(("127.0.0.1", served.port), timeout=30) as half:
        half.sendall(sent.replace(b"PORT", str(served.port).encode()))
        with contextlib.suppress(ConnectionResetError):
            assert half.recv(100) == b"", "closed without a reply"
        assert served.ask("/a-token/").status == 200, "others are served"


def test_a_reader_that_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImpatientProtocol, "LONGEST_S", 0.2)
    with running() as served, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(30)
        slow.connect(("127.0.0.1", served.port))
        slow.sendall(f"GET /a-token/large HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode())
        time.sleep(1)
        got = 0
        with contextlib.suppress(ConnectionResetError):
            while piece := slow.recv(65_536):
                got += len(piece)
        assert got < LARGE, "the reply was cut off"


def test_a_long_answer_and_a_kept_connection_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImpatientProtocol, "LONGEST_S", 0.2)
    with running() as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
        for _ in range(2):
            connection.request("GET", "/a-token/slow", headers={"Host": f"127.0.0.1:{served.port}"})
            assert connection.getresponse().read() == b"at last"
        connection.close()


async def test_a_one_time_address_leads_in_once() -> None:
    made = Starlette(routes=[Route("/{rest:path}", _home)])
    door = TestClient(OneTimeAddress(made, "/once", "/a-token/"), follow_redirects=False)
    first = door.get("/once")
    assert first.status_code == 303 and first.headers["location"] == "/a-token/"
    assert "default-src 'none'" in first.headers["content-security-policy"]
    assert door.get("/once").status_code == 200, "from then on it is a path as any other"


def test_what_starts_the_browser_does_not_show_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(webbrowser, "open", started.append)
    monkeypatch.setattr(web_server, "_desktop", lambda: True)
    monkeypatch.setattr(web_server, "server", lambda _made, outermost=None: _Ends(outermost))
    tokens: list[str] = []

    def factory(token: str, host: str, port: int) -> Starlette:
        tokens.append(token)
        return web_server.application(ROUTES, token=token, host=host, port=port)

    web_server.serve(factory)
    for _ in range(500):
        if started:
            break
        time.sleep(0.01)
    assert tokens[0] not in started[0] and started[0].startswith("http://127.0.0.1:")


@dataclass(frozen=True)
class _Ends:
    """A server that ends at once."""

    app: object

    def run(self, sockets: object) -> None:
        assert isinstance(self.app, OneTimeAddress) and sockets


def _never(_token: str, _host: str, _port: int) -> Starlette:
    raise AssertionError("no application is made for a port that cannot be had")


def test_without_the_server_library_the_mend_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    viewer.need_server("sparkles-eval chat")
    monkeypatch.setattr("sys.path", [])
    monkeypatch.setattr("sys.meta_path", [])
    for name in ("starlette", "uvicorn"):
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtra, match=r"sparkles-eval chat needs .* pip install 'sparkles-eval\[view\]'"):
        viewer.need_server("sparkles-eval chat")


PROGRAM = """
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from sparkles_eval.viewer import web_server
async def home(request): return PlainTextResponse("here")
make = lambda token, host, port: web_server.application([Route("/", home)], token=token, host=host, port=port)
web_server.serve(make, HOST, 0, open_browser=False)
print("ended")
"""


@pytest.mark.parametrize("host", ["127.0.0.1", EVERYWHERE])
def test_it_says_one_address_and_ends_on_an_interrupt(root: Path, host: str) -> None:
    command = [sys.executable, "-c", PROGRAM.replace("HOST", repr(host))]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        said = process.stdout.readline()
        found = re.fullmatch(r"http://(\S+):(\d+)(/[\w-]{32}/)  \(Ctrl-C ends\)\n", said)
        assert found, said or process.stderr.read()
        assert Served(int(found[2])).ask(found[3]).text == "here"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (out, process.returncode) == ("ended\n", 0)
    assert ("can be reached from other machines" in err) == (host == EVERYWHERE)
    assert "Traceback" not in err
