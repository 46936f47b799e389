"""ASGI middleware that accepts requests only from the browser that was given the address with the token."""

from __future__ import annotations

import hmac
import ipaddress
import socket

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # No other site gets the address, which holds the token. "no-referrer" would also make a browser send our own
    # forms with the origin "null", which must be refused.
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
_READS = ("GET", "HEAD")
_ALL = ("0.0.0.0", "::")  # noqa: S104 - compared, not bound


class RequestGuard:
    """ASGI middleware around an application that is served at http://host:port/{token}/."""

    def __init__(self, app: ASGIApp, *, token: str, host: str, port: int, max_body: int) -> None:
        self._app = app
        self._token = token
        self._host = host.lower()
        self._port = port
        self._max_body = max_body
        self._names = {"127.0.0.1", "localhost", "[::1]", self._host, f"[{self._host}]"}
        if host in _ALL:
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        inside = {**scope, "root_path": f"/{self._token}"}
        await self._app(inside, self._bounded(receive), guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._ours(hosts[0]):
            return PlainTextResponse(
                f"this server is not called that; it is http://localhost:{self._port}/ and the token", 421
            )
        if not self._has_token(scope["path"]):
            return PlainTextResponse("not found", 404)
        if scope["method"] not in _READS and not _from_here(headers, hosts[0]):
            return PlainTextResponse("only this server's own pages may do that", 403)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._max_body:
            return PlainTextResponse(f"too large; {self._max_body} bytes at the most", 413)
        return None

    def _ours(self, host: str) -> bool:
        name, _, port = host.lower().rpartition(":")
        if not name or host.endswith("]"):  # the port of http itself is not written
            name, port = host.lower(), "80"
        if port != str(self._port):
            return False
        # Another site can let a name of its own point here, but not an address.
        return name in self._names or (self._host in _ALL and _is_address(name))

    def _has_token(self, path: str) -> bool:
        first = path.split("/", 2)[1] if path.startswith("/") else ""
        return hmac.compare_digest(first.encode("utf-8", "surrogatepass"), self._token.encode())

    def _bounded(self, receive: Receive) -> Receive:
        got = 0

        async def bounded() -> Message:
            nonlocal got
            message = await receive()
            got += len(message.get("body", b""))
            if got > self._max_body:
                raise HTTPException(413, f"too large; {self._max_body} bytes at the most")
            return message

        return bounded


class OneTimeAddress:
    """ASGI middleware with one more address, which leads to the application once and then no more.

    A browser is started with it: what starts a program is shown to every user of the machine (`ps`), and the
    application's own address, which stays good, must not be.
    """

    def __init__(self, app: ASGIApp, path: str, target: str) -> None:
        self._app, self._path, self._target = app, path, target
        self._open = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            self._open
            and scope["type"] == "http"
            and hmac.compare_digest(scope["path"].encode("utf-8", "surrogatepass"), self._path.encode())
        ):
            self._open = False
            await RedirectResponse(self._target, 303, headers=HEADERS)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _from_here(headers: Headers, host: str) -> bool:
    """True when the request comes from one of our pages, or from no browser at all (every browser says its origin)."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    return origin is None or origin.lower() == f"http://{host.lower()}"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
