"""Real parts of a chat: drawn pictures, models of a loopback server, and a page that is served on a free port."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import PIL.Image
import PIL.ImageDraw

from sparkles_eval.viewer import web_server
from sparkles_eval.viewer.chat.chat_models import ChatModels
from sparkles_eval.viewer.chat.page import ChatRoom, application
from sparkles_eval.viewer.chat.storage import SessionImages
from sparkles_eval.viewer.config import ChatModelsConfig
from tests.server import Behaviour, LoopbackServer, Rule, Settings

TOKEN = "a-token"
HOSTILE = (
    "<script>window.hacked=1</script><img src=x onerror=window.hacked=1><a href=javascript:window.hacked=1>click</a>"
    "</div></template>\"' onfocus=window.hacked=1 {{ 7*7 }}\u202egnp.txt\x1b[31m\x00 end"
)
MODELS = {
    "words": Behaviour(persona="good", pace_s=0.02),
    "slow": Behaviour(persona="good", pace_s=0.3),
    "hostile": Behaviour(rules=(Rule(pattern=".", reply=HOSTILE.replace("\\", "\\\\")),)),
    "broken": Behaviour(faults={"500": 1.0}, fault_limit=None),
    "empty": Behaviour(persona="empty"),
}


def drawn(colour: str, size: int = 96, kind: str = "PNG") -> bytes:
    """A disc on paper."""
    picture = PIL.Image.new("RGB", (size, size), "#f4f1ea")
    PIL.ImageDraw.Draw(picture).ellipse((size // 4, size // 4, size * 3 // 4, size * 3 // 4), fill=colour)
    out = io.BytesIO()
    picture.save(out, kind)
    return out.getvalue()


@contextmanager
def models() -> Iterator[LoopbackServer]:
    """A server that has `MODELS`, and every persona by its name."""
    with LoopbackServer(Settings(models=MODELS)) as server:
        yield server


def cast(*names: str, server: LoopbackServer | None = None) -> ChatModels:
    """Who can be talked to; `server` answers for every openai/NAME."""
    args = [f"{name}:base_url={server.openai_url}" for name in names if server and name.startswith("openai/")]
    return ChatModels(ChatModelsConfig(names, tuple(args)))


def album(folder: Path) -> SessionImages:
    place = folder / "album"
    place.mkdir()
    return SessionImages(place)


@contextmanager
def served(cast: ChatModels, folder: Path, *, opening: Sequence[bytes] = (), file: Path | None = None) -> Iterator[str]:
    """The page of a room; gives its address."""
    pictures = album(folder)
    room = ChatRoom(cast, pictures, [pictures.add(data) for data in opening], file)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = web_server.server(application(room, TOKEN, "127.0.0.1", port))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/{TOKEN}"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
