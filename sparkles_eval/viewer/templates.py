"""Fills the viewer's templates: the frame that pages share, addresses within the viewer, and error pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from sparkles_eval import __version__
from sparkles_eval.analysis.summary import TaskSummary
from sparkles_eval.core.names import slug
from sparkles_eval.reports.samples.sample_views import ImageView
from sparkles_eval.reports.toolkit import pages
from sparkles_eval.reports.toolkit.links import PageName, RunPlace, SiteLinks, sample_slug, task_slug
from sparkles_eval.reports.toolkit.page_images import ImageSource


@dataclass(frozen=True, slots=True)
class ViewLinks(SiteLinks):
    """Addresses within the viewer, for templates that reports use too (`reports.toolkit.links.Links`).

    `root` leads from the page to the viewer's top: addresses are relative, so that none holds the token.
    """

    def page(self, name: PageName) -> str:
        return f"{self.root}{'leaderboard' if name == 'index' else name}"

    def task(self, task: TaskSummary) -> str:
        return f"{self.root}tasks/{task_slug(task)}"

    def model(self, name: str) -> str:
        return f"{self.root}models/{slug(name)}"

    def group(self, group_id: str) -> str:
        return f"{self.root}samples/{group_id}"

    def sample(self, group_id: str, sample_id: str) -> str:
        return f"{self.root}samples/{group_id}/{sample_slug(sample_id)}"

    def better(self, first: RunPlace, second: RunPlace) -> str:
        named = {"show": "first-better", "run": first.run_id, "second": second.run_id}
        return f"{self.group(first.group)}{query(named)}"

    def run(self, run_id: str) -> str:
        return f"{self.root}runs/{run_id}"


class PageTemplates:
    """The viewer's templates. `navigation` are (address, name) of the pages that every page leads to."""

    def __init__(
        self,
        store: Path,
        content: Sequence[Path] = (),
        *,
        navigation: Sequence[tuple[str, str]] = (),
        styles: Sequence[str],
        scripts: Sequence[str],
    ) -> None:
        self.assets = (*styles, *scripts)
        self._store = store
        self._navigation = navigation
        self.environment = pages.environment(content)
        self.environment.globals.update(query=query, version=__version__, styles=styles, scripts=scripts)

    def page(self, request: Request, template: str, /, *, status: int = 200, **names: object) -> Response:
        """A whole page: `template` inside the frame."""
        return HTMLResponse(self._render("view/page.html.j2", request, part=f"view/{template}", **names), status)

    def fragment(self, request: Request, template: str, **names: object) -> Response:
        """A part of a page, which a script puts in the place of an older one."""
        return HTMLResponse(self._render(f"view/{template}", request, **names))

    def _render(self, template: str, request: Request, **names: object) -> str:
        root = root_of(request)
        return self.environment.get_template(template).render(
            root=root,
            links=ViewLinks(root),
            store_name=self._store.name,
            navigation=self._navigation,
            **{"here": "", "rate": False, "task": "", **names},
        )

    def missing(self, request: Request, _error: Exception) -> Response:
        """The page for an address that leads nowhere."""
        words = "There is no such page, or it is of something that this store does not hold."
        return self.page(request, "message.html.j2", status=404, here=None, title="Not found", words=words)

    def wrong(self, request: Request, error: Exception) -> Response:
        """The page for something that the reader can fix; the place of the store is nobody's business."""
        words = str(error).replace(str(self._store), self._store.name)
        return self.page(request, "message.html.j2", status=400, here=None, title="That did not work", words=words)

    def fault(self, request: Request, _error: Exception) -> Response:
        """The page for a fault of ours: what it was stands in the terminal, and nothing of it here."""
        words = "It is a fault of the program. The terminal in which it runs says more."
        return self.page(request, "message.html.j2", status=500, here=None, title="Something went wrong", words=words)


def image_source(picture: ImageView) -> ImageSource:
    """Every picture has an address; what it gives depends on what the store, or a folder of data, holds."""
    url = f"images/{picture.sha256}"
    size = f"{picture.width:,} \N{MULTIPLICATION SIGN} {picture.height:,} pixels"
    return ImageSource(url=f"{url}?small", full=url, note=size)


def query(parameters: Mapping[str, object], **changes: object) -> str:
    """Parameters of an address with some changed, as "?a=b"; empty ones are left out."""
    kept = {name: value for name, value in {**parameters, **changes}.items() if value not in ("", None, 0)}
    return f"?{urlencode(kept)}" if kept else "?"


def root_of(request: Request) -> str:
    """The way from this page to the viewer's top: "" there, "../" one down."""
    return "../" * (_inside(request).count("/") - 1)


def _inside(request: Request) -> str:
    """The path behind the token, which is always its first part."""
    return "/" + str(request.scope["path"]).removeprefix("/").partition("/")[2]


def whole_number(request: Request, name: str, *, default: int = 0, most: int = 1 << 53) -> int:
    """A whole number of the address, 0 or more; `default` where there is none. Raises 404 for anything else."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or len(text) > 16 or int(text) > most:
        raise HTTPException(404)
    return int(text)
