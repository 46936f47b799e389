"""The viewer's applications on a real port of loopback, as a command would serve them, and questions over raw HTTP."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sparkles_eval.store import viewer_index
from sparkles_eval.viewer import web_server
from sparkles_eval.viewer.app import annotator_app, make_refresher, open_session, viewer_app
from sparkles_eval.viewer.cached_pages import Refresher
from sparkles_eval.viewer.config import AnnotateConfig
from sparkles_eval.viewer.connection_pool import ConnectionPool

TOKEN = "the-token"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Served:
    """`url` ends with a slash."""

    port: int
    pool: ConnectionPool
    refresher: Refresher | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{TOKEN}/"

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """`path` within the application; one that begins with a slash is taken as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent.setdefault("Host", f"127.0.0.1:{self.port}")
        connection.request(method, path if path.startswith("/") else f"/{TOKEN}/{path}", body, sent)
        reply = connection.getresponse()
        answer = Answer(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read().decode())
        connection.close()
        return answer

    def look(self) -> None:
        """One round of the keeper, here and now."""
        assert self.refresher is not None
        side = viewer_index.open_viewer_index(self.pool.path, self.pool.side)
        self.refresher.look(side)
        side.close()


@contextmanager
def serving(factory: web_server.AppFactory, shelf: ConnectionPool, keeper: Refresher | None = None) -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        server = web_server.server(factory(TOKEN, "127.0.0.1", port))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Served(port, shelf, keeper)
        finally:
            server.should_exit = True
            thread.join()
            shelf.close()


@contextmanager
def looking(store: Path, data_root: Path | None = None, *, thread: bool = False) -> Iterator[Served]:
    """The viewer of a store, its index made; with `thread` it is kept up to date as well."""
    shelf = ConnectionPool(store)
    keeper = make_refresher(shelf)
    with serving(viewer_app(shelf, keeper, data_root), shelf, keeper) as served:
        if thread:
            keeper.start()
        else:
            served.look()
        yield served
        keeper.close()


@contextmanager
def rating(store: Path, wish: AnnotateConfig) -> Iterator[Served]:
    """The annotator of a store."""
    shelf = ConnectionPool(store)
    with serving(annotator_app(shelf, open_session(shelf, wish)), shelf) as served:
        yield served
