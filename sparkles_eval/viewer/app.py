"""Builds the viewer and the annotator (routes, refresher thread, error pages) and serves them until Ctrl-C."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sparkles_eval.analysis.humans.annotation_sampling import SheetConfig, check_rater, labelling_runs
from sparkles_eval.core.errors import UserError
from sparkles_eval.judges.load import find_judge
from sparkles_eval.store.store import Store
from sparkles_eval.viewer import annotation_results, cached_pages
from sparkles_eval.viewer.annotate.annotation_session import AnnotationSession, SessionPages
from sparkles_eval.viewer.annotate.preferences import PreferenceSession, draw_pairs
from sparkles_eval.viewer.annotate.rating import RatingSession, open_sheet
from sparkles_eval.viewer.cached_pages import Refresher
from sparkles_eval.viewer.config import AnnotateConfig, ViewerConfig
from sparkles_eval.viewer.connection_pool import ConnectionPool
from sparkles_eval.viewer.rater_lock import only_session
from sparkles_eval.viewer.sample_pages import ImagePages, SamplePages
from sparkles_eval.viewer.security import HEADERS
from sparkles_eval.viewer.store_pages import StorePages
from sparkles_eval.viewer.templates import PageTemplates
from sparkles_eval.viewer.web_server import AppFactory, application, serve

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


def viewer_app(
    pool: ConnectionPool, refresher: Refresher, data_root: Path | None = None, content: Sequence[Path] = ()
) -> AppFactory:
    """The application that looks at a store and changes nothing; see `web.serve`."""
    frame = PageTemplates(pool.path, content, navigation=NAVIGATION, styles=STYLES, scripts=SCRIPTS)
    store_pages = StorePages(pool, refresher, frame)
    samples, pictures = SamplePages(store_pages, data_root), ImagePages(pool, data_root)
    routes = [
        Route("/", store_pages.overview),
        Route("/live", store_pages.live),
        Route("/runs", store_pages.runs),
        Route("/runs/{run_id}", store_pages.run),
        Route("/samples", samples.groups),
        Route("/samples/{group}", samples.listed),
        Route("/samples/{group}/{sample}", samples.one),
        Route("/search", store_pages.search),
        Route("/people", store_pages.kept("people", "", "People")),
        Route("/images/{sha256}", pictures.one),
        Route("/downloads/{name}", store_pages.download),
        Route("/leaderboard", store_pages.kept("leaderboard", "", "Leaderboard")),
        Route("/judges", store_pages.kept("judges", "", "Judges")),
        Route("/figures", store_pages.kept("figures", "", "Figures")),
        Route("/methods", store_pages.kept("methods", "", "How this was made")),
        Route("/tasks/{name}", store_pages.kept("tasks/{name}", "leaderboard", "Task")),
        Route("/models/{name}", store_pages.kept("models/{name}", "leaderboard", "Model")),
    ]
    return build_app(routes, frame, content)


def annotator_app(
    pool: ConnectionPool, session: AnnotationSession, data_root: Path | None = None, content: Sequence[Path] = ()
) -> AppFactory:
    """The application in which one person rates. It serves nothing else, so that nothing reveals a model."""
    frame = PageTemplates(Path("rating"), content, styles=("style.css", "view.css"), scripts=("rate.js",))
    rating, pictures = SessionPages(session, frame), ImagePages(pool, data_root)
    routes = [
        Route("/", rating.start),
        Route("/item/{position}", rating.show),
        Route("/item/{position}", rating.save, methods=["POST"]),
        Route("/undo", rating.undo, methods=["POST"]),
        Route("/done", rating.done),
        Route("/images/{sha256}", pictures.one),
    ]
    return build_app(routes, frame, content)


def make_refresher(pool: ConnectionPool, content: Sequence[Path] = ()) -> Refresher:
    """The thread that makes what is too slow for a page; not started yet."""
    makes = {
        "board": cached_pages.report_pages_maker(content),
        "people": annotation_results.annotation_page_maker(content),
        "figures": cached_pages.figures_page_maker(content),
    }
    return Refresher(pool, makes)


def build_app(routes: Sequence[Route], frame: PageTemplates, content: Sequence[Path]) -> AppFactory:
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


def serve_viewer(places: ViewerConfig) -> None:
    """Serve the viewer. Raises errors.UserError for what is no store, or an address that cannot be had."""
    with contextlib.closing(ConnectionPool(places.store)) as pool:
        refresher = make_refresher(pool, places.content)
        refresher.start()
        try:
            made = viewer_app(pool, refresher, places.data_root, places.content)
            serve(made, places.host, places.port, open_browser=places.open_browser)
        finally:
            refresher.close()


def serve_annotator(places: ViewerConfig, config: AnnotateConfig) -> None:
    """Serve the annotator. Raises errors.UserError where there is nothing to rate, and as `serve_viewer` does."""
    with only_session(places.store, config.rater), contextlib.closing(ConnectionPool(places.store)) as pool:
        made = annotator_app(pool, open_session(pool, config, places.content), places.data_root, places.content)
        serve(made, places.host, places.port, open_browser=places.open_browser)


def open_session(pool: ConnectionPool, config: AnnotateConfig, content: tuple[Path, ...] = ()) -> AnnotationSession:
    """The session asked for: new, or continued where it was left."""
    check_rater(config.rater)
    folder = find_judge(config.criteria_of, content)
    if folder is None:
        raise UserError(
            f"--criteria-of {config.criteria_of}: there is no such judge; `sparkles-eval list judges` shows them"
        )
    with Store(pool.path, create=False) as store:
        runs = labelling_runs(store, config.task, list(config.runs) or None)
        task = runs[0].task.title or runs[0].task.name
        scale = folder.spec.scale
        drawn = SheetConfig(
            (config.rater,), config.dialogues, folder.spec.records(), scale.low, scale.high, config.seed
        )
        if config.pairwise:
            duels = draw_pairs(store, runs, config.rater, config.dialogues, config.seed)
            return PreferenceSession(pool, config.rater, task, duels, config.seed)
        return RatingSession(pool, open_sheet(store, runs, drawn))
