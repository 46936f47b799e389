"""Puts the viewer together: routes, the thread that keeps things up to date, pages for what goes wrong.

Knows nothing of what the pages show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sparkles_eval.errors import UserError
from sparkles_eval.viewer import board, people
from sparkles_eval.viewer.frame import Frame
from sparkles_eval.viewer.guard import HEADERS
from sparkles_eval.viewer.keeper import Keeper
from sparkles_eval.viewer.pages import Desk
from sparkles_eval.viewer.rate_pages import RatePages
from sparkles_eval.viewer.sample_pages import Pictures, SampleDesk
from sparkles_eval.viewer.shelf import Shelf
from sparkles_eval.viewer.sitting import Sitting
from sparkles_eval.viewer.web import AppFactory, application

BODY = 2**16
NAVIGATION = (
    ("", "Overview"),
    ("leaderboard", "Leaderboard"),
    ("runs", "Runs"),
    ("samples", "Samples"),
    ("search", "Search"),
    ("judges", "Judges"),
    ("people", "People"),
    ("figures", "Figures"),
    ("methods", "Methods"),
)
STYLES = ("style.css", "samples.css", "view.css")
SCRIPTS = ("app.js", "difference.js", "sample.js", "pictures.js", "view.js")


def viewer(shelf: Shelf, keeper: Keeper, data_root: Path | None = None, content: Sequence[Path] = ()) -> AppFactory:
    """The application that looks at a store and changes nothing; see `web.serve`."""
    frame = Frame(shelf.path, content, navigation=NAVIGATION, styles=STYLES, scripts=SCRIPTS)
    desk = Desk(shelf, keeper, frame)
    samples, pictures = SampleDesk(desk, data_root), Pictures(shelf, data_root)
    routes = [
        Route("/", desk.overview),
        Route("/live", desk.live),
        Route("/runs", desk.runs),
        Route("/runs/{run_id}", desk.run),
        Route("/samples", samples.groups),
        Route("/samples/{group}", samples.listed),
        Route("/samples/{group}/{sample}", samples.one),
        Route("/search", desk.search),
        Route("/people", desk.kept("people", "", "People")),
        Route("/images/{sha256}", pictures.one),
        Route("/downloads/{name}", desk.download),
        Route("/leaderboard", desk.kept("leaderboard", "", "Leaderboard")),
        Route("/judges", desk.kept("judges", "", "Judges")),
        Route("/figures", desk.kept("figures", "", "Figures")),
        Route("/methods", desk.kept("methods", "", "How this was made")),
        Route("/tasks/{name}", desk.kept("tasks/{name}", "leaderboard", "Task")),
        Route("/models/{name}", desk.kept("models/{name}", "leaderboard", "Model")),
    ]
    return built(routes, frame, content)


def annotator(
    shelf: Shelf, sitting: Sitting, data_root: Path | None = None, content: Sequence[Path] = ()
) -> AppFactory:
    """The application in which one person rates. It serves nothing else of the store, so that nothing tells a model."""
    frame = Frame(Path("rating"), content, styles=("style.css", "view.css"), scripts=("rate.js",))
    rating, pictures = RatePages(sitting, frame), Pictures(shelf, data_root)
    routes = [
        Route("/", rating.start),
        Route("/item/{position}", rating.show),
        Route("/item/{position}", rating.save, methods=["POST"]),
        Route("/undo", rating.undo, methods=["POST"]),
        Route("/done", rating.done),
        Route("/images/{sha256}", pictures.one),
    ]
    return built(routes, frame, content)


def keeper_of(shelf: Shelf, content: Sequence[Path] = ()) -> Keeper:
    """The thread that makes what is too slow for a page; not started yet."""
    makes = {"board": board.maker(content), "people": people.maker(content), "figures": board.drawer(content)}
    return Keeper(shelf, makes)


def built(routes: Sequence[Route], frame: Frame, content: Sequence[Path]) -> AppFactory:
    """A guarded application of these routes, with pages for what goes wrong."""

    def make(token: str, host: str, port: int) -> Starlette:
        made = application(
            [*routes],
            token=token,
            host=host,
            port=port,
            assets=frame.assets,
            content=content,
            max_body=BODY,
        )
        made.add_exception_handler(404, _answer(frame.missing))
        made.add_exception_handler(HTTPException, _http)
        made.add_exception_handler(UserError, _answer(frame.wrong))
        made.add_exception_handler(Exception, _answer(frame.fault))
        return made

    return make


def _answer(page: Callable[[Request, Exception], Response]) -> Callable[[Request, Exception], Response]:
    def answer(request: Request, error: Exception) -> Response:
        response = page(request, error)
        response.headers.update(HEADERS)  # what goes wrong outside the guard passes it by
        return response

    return answer


def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(error.detail, error.status_code, headers=error.headers)
