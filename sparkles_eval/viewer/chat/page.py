"""The chat's page: routes for the browser, and what they return.

Everything shown is rendered here, by escaping templates; the script puts the pieces in place and follows answers while
they grow, as text. Conversations live in this process and are lost unless saved.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from sparkles_eval import __version__
from sparkles_eval.core import Image, Part, Text
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.text import visible
from sparkles_eval.reports.toolkit.pages import environment
from sparkles_eval.viewer import web_server
from sparkles_eval.viewer.chat.chat_models import SIDE_BY_SIDE, ChatModels
from sparkles_eval.viewer.chat.conversation import LONGEST, Chat, ChatAnswer
from sparkles_eval.viewer.chat.storage import LARGEST_IMAGE, SessionImages, archive, images_folder, save

ASSETS = ("style.css", "chat.css", "chat.js")
_PACE_S = 0.04
"""Between two looks at a growing answer: faster than anybody reads."""


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid")
    text: str = Field(max_length=LONGEST)


class _Picture(BaseModel):
    model_config = ConfigDict(extra="forbid")
    image: str = Field(pattern="^[0-9a-f]{64}$")


class _Question(BaseModel):
    """What the page sends: words and pictures in order."""

    model_config = ConfigDict(extra="forbid")
    parts: Annotated[list[_Words | _Picture], Field(max_length=2000)]


@dataclass
class ChatRoom:
    """Everything that the page shows: who can be talked to, the pictures, the conversations."""

    chat_models: ChatModels
    images: SessionImages
    opening: Sequence[Image] = ()
    """The first message begins with them."""
    file: Path | None = None
    """Where Save writes; None: the browser downloads."""
    content: Sequence[Path] = ()
    chats: dict[str, Chat] = field(default_factory=dict)

    def begin(self, names: Sequence[str]) -> Chat:
        """A conversation with these models: the newest one where it has them and nothing was asked yet, or a new one.

        Raises errors.UserError for a model that is not offered, or cannot be made.
        """
        adapters = self.chat_models.adapters(names)
        newest = next(reversed(self.chats.values()), None)
        if newest is not None and not newest.exchanges and newest.adapters == adapters:
            return newest
        chat = Chat(adapters)
        self.chats[chat.id] = chat
        return chat

    def chat(self, request: Request) -> Chat:
        """The conversation that a path names. Raises errors.UserError where there is none."""
        found = self.chats.get(request.path_params["chat"])
        if found is None:
            raise UserError("this conversation is not here any more: the program was started again")
        return found

    async def aclose(self) -> None:
        """Stop every model and let it go."""
        await asyncio.gather(*(chat.stop() for chat in self.chats.values()))
        await self.chat_models.aclose()


def application(room: ChatRoom, token: str, host: str, port: int) -> Starlette:
    """The page of a room."""
    page = _Page(room)
    return web_server.application(
        page.routes,
        token=token,
        host=host,
        port=port,
        assets=ASSETS,
        content=room.content,
        max_body=LARGEST_IMAGE,
        closing=room.aclose,
    )


class _Page:
    def __init__(self, room: ChatRoom) -> None:
        self._room = room
        self._templates = environment(room.content)
        self.routes = (
            Route("/", self._begin),
            Route("/c/{chat}", self._show),
            Route("/c/{chat}/ask", self._ask, methods=["POST"]),
            Route("/c/{chat}/back", self._back, methods=["POST"]),
            Route("/c/{chat}/stop", self._stop, methods=["POST"]),
            Route("/c/{chat}/retry/{number:int}", self._retry, methods=["POST"]),
            Route("/c/{chat}/save", self._save, methods=["POST"]),
            Route("/c/{chat}/dialogue.zip", self._download),
            Route("/c/{chat}/answers/{turn:int}/{number:int}", self._follow),
            Route("/images", self._add, methods=["POST"]),
            Route("/images/{sha}", self._image),
            Route("/images/{sha}/small", self._preview),
        )

    # --- pages ------------------------------------------------------------------------------------------------

    async def _begin(self, request: Request) -> Response:
        names = [name for name in request.query_params.getlist("model") if name] or self._room.chat_models.named
        chat = await run_in_threadpool(self._room.begin, names)
        return RedirectResponse(f"{web_server.base(request)}/c/{chat.id}", status_code=303)

    async def _show(self, request: Request) -> Response:
        room, chat = self._room, self._room.chat(request)
        first = chat is next(iter(room.chats.values()))
        offers = await run_in_threadpool(lambda: room.chat_models.offers)
        return self._render(
            "chat.html.j2",
            request,
            chat,
            version=__version__,
            offers=offers,
            chosen=[room.chat_models.name(adapter) for adapter in chat.adapters],
            places=range(max(2, len(chat.adapters))),
            opening=room.opening if first and not chat.exchanges else (),
            file=room.file,
            largest=LARGEST_IMAGE,
            most=SIDE_BY_SIDE,
        )

    # --- the conversation -------------------------------------------------------------------------------------

    async def _ask(self, request: Request) -> Response:
        chat = self._room.chat(request)
        try:
            sent = _Question.model_validate_json(await request.body())
        except ValidationError:
            raise UserError(f"a message is words, {LONGEST:,} characters at the most, and pictures") from None
        exchange = chat.ask([self._part(part) for part in sent.parts])
        turn = len(chat.exchanges) - 1
        return self._render("chat_exchange.html.j2", request, chat, exchange=exchange, turn=turn)

    def _part(self, part: _Words | _Picture) -> Part:
        return Text(part.text) if isinstance(part, _Words) else self._room.images.get(part.image)

    async def _back(self, request: Request) -> Response:
        question = self._room.chat(request).take_back()
        parts = [{"text": part.text} if isinstance(part, Text) else {"image": part.sha256} for part in question]
        return JSONResponse({"parts": parts})

    async def _retry(self, request: Request) -> Response:
        chat, number = self._room.chat(request), request.path_params["number"]
        answer = chat.retry(number)
        return HTMLResponse(self._answer(request, chat, len(chat.exchanges) - 1, number, answer))

    async def _stop(self, request: Request) -> Response:
        await self._room.chat(request).stop()
        return Response(status_code=204)

    async def _follow(self, request: Request) -> Response:
        chat, turn, number = self._room.chat(request), request.path_params["turn"], request.path_params["number"]
        if turn >= len(chat.exchanges) or number >= len(chat.adapters):
            raise UserError("there is no such answer")
        answer = chat.exchanges[turn].answers[number]
        return StreamingResponse(self._growing(request, chat, turn, number, answer), media_type="application/x-ndjson")

    async def _growing(
        self, request: Request, chat: Chat, turn: int, number: int, answer: ChatAnswer
    ) -> AsyncIterator[str]:
        """Lines of JSON: {"at", "add"} puts characters behind the first `at`, and {"html"}, the last, is the answer."""
        shown = ""
        async for grown in answer.follow():
            text = visible(grown.text)
            same = _alike(shown, text)
            # A browser counts UTF-16 units.
            at = len(text[:same].encode("utf-16-le", "surrogatepass")) // 2
            yield _line({"at": at, "add": text[same:]})
            shown = text
            await asyncio.sleep(_PACE_S)
        yield _line({"html": self._answer(request, chat, turn, number, answer)})

    # --- pictures and files -----------------------------------------------------------------------------------

    async def _add(self, request: Request) -> Response:
        name = request.query_params.get("name", "")[:200] or "the picture"
        image = await run_in_threadpool(self._room.images.add, await request.body(), name)
        return JSONResponse({"image": image.sha256, "width": image.width, "height": image.height})

    async def _image(self, request: Request) -> Response:
        image = self._room.images.get(request.path_params["sha"])
        assert image.path is not None
        return Response(await run_in_threadpool(image.path.read_bytes), media_type=image.media_type)

    async def _preview(self, request: Request) -> Response:
        return Response(self._room.images.preview(request.path_params["sha"]), media_type="image/jpeg")

    async def _save(self, request: Request) -> Response:
        chat, file = self._room.chat(request), self._room.file
        if file is None:
            raise UserError("no file was named with --save; download the dialogue instead")
        saved = await run_in_threadpool(save, chat, file)
        pictures = f", pictures in {images_folder(file)}" if saved.images else ""
        return JSONResponse({"said": f"Saved in {file}{pictures}."})

    async def _download(self, request: Request) -> Response:
        chat = self._room.chat(request)
        data = await run_in_threadpool(archive, chat)
        headers = {"content-disposition": f'attachment; filename="{chat.id}.zip"'}
        return Response(data, media_type="application/zip", headers=headers)

    # --- rendering --------------------------------------------------------------------------------------------

    def _render(self, template: str, request: Request, chat: Chat, **names: object) -> HTMLResponse:
        numbers = {image.sha256: number for number, image in enumerate(chat.images, 1)}
        page = self._templates.get_template(template)
        return HTMLResponse(page.render(root=web_server.base(request), chat=chat, numbers=numbers, **names))

    def _answer(self, request: Request, chat: Chat, turn: int, number: int, answer: ChatAnswer) -> str:
        page = self._templates.get_template("chat_answer.html.j2")
        return page.render(root=web_server.base(request), chat=chat, turn=turn, number=number, answer=answer)


def _alike(before: str, after: str) -> int:
    """How many characters both begin with."""
    if after.startswith(before):
        return len(before)
    return next(place for place, (one, other) in enumerate(zip(before, f"{after}\0", strict=False)) if one != other)


def _line(value: dict[str, object]) -> str:
    return json.dumps(value) + "\n"
