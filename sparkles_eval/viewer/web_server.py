"""The local web server: loopback by default, bounded request bodies, assets, error answers, clean shutdown."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeAlias

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from sparkles_eval.core.errors import UserError
from sparkles_eval.core.printing import say, say_warning
from sparkles_eval.reports.toolkit.pages import asset
from sparkles_eval.viewer.http_connections import ImpatientProtocol
from sparkles_eval.viewer.security import HEADERS, OneTimeAddress, RequestGuard

BODY = 2**20
"""Bytes of a request's body at the most, where an application names no other number."""
_MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_GRACE_S = 1
"""Seconds that answers under way may still take after Ctrl-C."""

AppFactory: TypeAlias = Callable[[str, str, int], Starlette]
"""Makes the application for (token, host, port): all three are known only once the port is taken."""


def application(
    routes: Sequence[BaseRoute],
    *,
    token: str,
    host: str,
    port: int,
    assets: Iterable[str] = (),
    content: Sequence[Path] = (),
    max_body: int = BODY,
    closing: Callable[[], Awaitable[None]] | None = None,
) -> Starlette:
    """The guarded application: `routes` as written ("/", "/run/{id}"), reached under /{token}/.

    `assets` are the names of files in the content folder `reports` that /{token}/assets/NAME serves, and no others;
    they are read now. A body of more than `max_body` bytes is refused with 413. An errors.UserError that a route
    raises is answered with its text and 400. `closing` is awaited once when the server ends, before it waits for
    answers under way. Raises errors.ContentError for an asset that is missing.
    """
    files = {name: (asset(name, content), _MEDIA_TYPES[Path(name).suffix]) for name in assets}
    application = Starlette(
        routes=[*routes, Route("/assets/{name}", partial(_asset, files))],
        exception_handlers={UserError: _user_error, Exception: _fault},
    )
    application.state.closing = closing
    application.add_middleware(RequestGuard, token=token, host=host, port=port, max_body=max_body)
    return application


def base(request: Request) -> str:
    """What every address within the application starts with: "/{token}"."""
    return str(request.scope["root_path"])


async def _asset(files: dict[str, tuple[str, str]], request: Request) -> Response:
    found = files.get(request.path_params["name"])
    return Response(found[0], media_type=found[1]) if found else PlainTextResponse("not found", 404)


async def _user_error(_request: Request, error: Exception) -> Response:
    return PlainTextResponse(str(error), 400)


async def _fault(_request: Request, _error: Exception) -> Response:
    # What went wrong is ours to know: it stands in the terminal, with its traceback.
    return PlainTextResponse("internal error; the terminal says more", 500, headers=HEADERS)


# --- serving ----------------------------------------------------------------------------------------------------


def serve(factory: AppFactory, host: str = "127.0.0.1", port: int = 0, *, open_browser: bool = True) -> None:
    """Serve until Ctrl-C, and say the one address on standard output. Port 0 takes a free one.

    Raises errors.UserError where the address cannot be had.
    """
    with contextlib.closing(_listen(host, port)) as listening:
        bound = listening.getsockname()[1]
        token = secrets.token_urlsafe(24)
        made = factory(token, host, bound)
        url = f"http://{_in_url(_reached_by(host))}:{bound}/{token}/"
        say(f"{url}  (Ctrl-C ends)")
        if not loopback(host):
            say_warning(
                f"warning: {host} can be reached from other machines, and the connection is not encrypted: whoever "
                f"sees the address can use this page; `ssh -L {bound}:127.0.0.1:{bound}` needs no --host",
                err=True,
            )
        once = f"/{secrets.token_urlsafe(24)}" if open_browser and _desktop() else None
        if once:
            address = f"{url.removesuffix(f'/{token}/')}{once}"
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            server(made, OneTimeAddress(made, once, f"/{token}/") if once else made).run(sockets=[listening])


def server(made: Starlette, outermost: ASGIApp | None = None) -> uvicorn.Server:
    """What serves an application; `run(sockets=[...])` blocks until an interrupt, or until `should_exit` is set.

    `outermost` is `made` within what stands before it.
    """
    config = uvicorn.Config(
        outermost or made,
        http=ImpatientProtocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="off",
        timeout_graceful_shutdown=_GRACE_S,
    )
    return _Server(config, made.state.closing)


class _Server(uvicorn.Server):
    """Lets an application end its long answers itself, before they are cut off."""

    def __init__(self, config: uvicorn.Config, closing: Callable[[], Awaitable[None]] | None) -> None:
        super().__init__(config)
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._closing is not None:
            await self._closing()
        await super().shutdown(sockets)


def loopback(host: str) -> bool:
    """True when only this machine can reach the host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":  # elsewhere the option lets two programs share a port
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(place)
            made.listen(128)  # a browser that is opened at once waits for the server instead of failing
        except OSError:
            made.close()
            raise
    except (OSError, OverflowError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UserError(f"{host}:{port}: cannot be listened on ({said}); --port 0 takes a free port") from None
    return made


def _reached_by(host: str) -> str:
    """A name to write into an address: nobody can ask for "all of them"."""
    return {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)  # noqa: S104 - not bound here


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _desktop() -> bool:
    """True where opening a browser opens a window, and not a text browser over this terminal."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
