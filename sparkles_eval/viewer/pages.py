"""The viewer's pages but samples and people: what runs now, runs, search, and what `keeper` keeps.

Each is a function of a request. Knows nothing of how a page looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from sparkles_eval.core.names import judge_name
from sparkles_eval.reports.inert import visible
from sparkles_eval.store import queries, search
from sparkles_eval.store.store import Store
from sparkles_eval.viewer import live
from sparkles_eval.viewer.catalogue import Catalogue, catalogue
from sparkles_eval.viewer.frame import Frame, number
from sparkles_eval.viewer.keeper import LATER, Keeper
from sparkles_eval.viewer.meter import Meter
from sparkles_eval.viewer.shelf import Shelf

RUNS = 50
HITS = 20
_KINDS: dict[str, search.Kind | None] = {"": None, "answer": "answer", "verdict": "verdict"}


@dataclass(frozen=True, slots=True)
class Desk:
    """What every page needs."""

    shelf: Shelf
    keeper: Keeper
    frame: Frame
    meter: Meter = field(default_factory=Meter)

    @contextmanager
    def catalogue(self) -> Iterator[tuple[Store, Catalogue]]:
        """The store and what it holds, for one page."""
        with self.shelf.lend() as store:
            yield store, catalogue(store)

    def overview(self, request: Request) -> Response:
        """What runs now, and what there is."""
        with self.catalogue() as (store, found):
            counts = _counts(store)
            return self.frame.page(
                request,
                "overview.html.j2",
                title="Overview",
                here="",
                jobs=live.jobs(store, self.meter),
                endings=live.endings(store),
                found=found,
                counts=counts,
            )

    def live(self, request: Request) -> Response:
        """The part of the overview that changes while something runs."""
        with self.shelf.lend() as store:
            jobs = live.jobs(store, self.meter)
            names = {"jobs": jobs, "endings": live.endings(store), "counts": _counts(store)}
            return self.frame.fragment(request, "live.html.j2", **names)

    def runs(self, request: Request) -> Response:
        """Every run, the latest first."""
        asked = {name: request.query_params.get(name, "") for name in ("task", "model", "protocol")}
        page = number(request, "page", default=1, most=10_000)
        with self.catalogue() as (_, found):
            shown = [
                run
                for run in reversed(list(found.runs.values()))
                if asked["task"] in ("", run.task.name)
                and asked["protocol"] in ("", run.protocol)
                and asked["model"].lower() in run.model.name.lower()
            ]
            start = RUNS * (max(1, page) - 1)
            return self.frame.page(
                request,
                "runs.html.j2",
                title="Runs",
                here="runs",
                found=found,
                runs=shown[start : start + RUNS],
                total=len(shown),
                start=start,
                page=page,
                asked=asked,
                size=RUNS,
            )

    def run(self, request: Request) -> Response:
        """Everything of one run."""
        with self.catalogue() as (store, found):
            run = found.runs.get(request.path_params["run_id"])
            if run is None:
                raise HTTPException(404)
            environments = queries.environments(store, [run.id])
            judges = [found.judges[entry.judge_id] for entry in found.marked if entry.run_id == run.id]
            reasons = [(judge_name(judge), store.reasons(run.id, judge.id)) for judge in judges]
            return self.frame.page(
                request,
                "run.html.j2",
                title=run.model.name,
                here="runs",
                run=run,
                group=found.group_of(run.id),
                entries=[entry for entry in found.marked if entry.run_id == run.id],
                judges=found.judges,
                reasons=[(name, why) for name, why in reasons if why],
                spent=queries.spending(store, run),
                environments=environments,
                events=queries.events(store, [one.id for one in environments], limit=30),
                skipped=queries.skipped(store, run.id),
            )

    def search(self, request: Request) -> Response:
        """Answers and verdicts with some words."""
        asked = {name: request.query_params.get(name, "") for name in ("q", "task", "model", "judge", "kind")}
        if asked["kind"] not in _KINDS:
            raise HTTPException(404)
        after = number(request, "after")
        with self.catalogue() as (store, found):
            where = search.Where(
                [run.id for run in found.runs.values() if _fits(asked, run)]
                if asked["task"] or asked["model"]
                else None,
                [judge.id for judge in found.judges.values() if judge_name(judge) == asked["judge"]]
                if asked["judge"]
                else None,
                "verdict" if asked["judge"] else _KINDS[asked["kind"]],
            )
            hits = search.search(store, asked["q"], where, after=after, limit=HITS)
            return self.frame.page(
                request,
                "search.html.j2",
                title="Search",
                here="search",
                asked=asked,
                after=after,
                hits=hits,
                found=found,
                words=bool(search.expression(asked["q"])),
                indexed=self.keeper.indexed(),
                names={row[0]: row[1] for row in _names(store, hits)},
                judge_names=sorted({judge_name(judge) for judge in found.judges.values()}),
            )

    def kept(self, name: str, here: str, title: str) -> Callable[[Request], Response]:
        """A page that the keeper made."""

        def page(request: Request) -> Response:
            whole = name.format(**request.path_params)
            kept = self.keeper.kept(whole)
            if kept is None and self.keeper.round and whole not in LATER:
                raise HTTPException(404)
            body = Markup(kept.body) if kept else None  # noqa: S704 - our own templates wrote it, escaped
            names = {"body": body, "kept": kept, "here": here or whole, "title": title}
            return self.frame.page(request, "kept.html.j2", status=200 if kept else 503, **names)

        return page

    def download(self, request: Request) -> Response:
        """A file that the keeper made."""
        name = request.path_params["name"]
        kept = self.keeper.kept(f"downloads/{name}")
        if kept is None:
            raise HTTPException(404)
        kinds = {"csv": "text/csv", "json": "application/json", "tex": "application/x-tex", "md": "text/markdown"}
        ending = name.rpartition(".")[2]
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return PlainTextResponse(kept.body, media_type=kinds.get(ending, "text/plain"), headers=headers)


def _fits(asked: dict[str, str], run: queries.StoredRun) -> bool:
    return asked["task"] in ("", run.task.name) and asked["model"] in ("", run.model.name)


def _names(store: Store, hits: search.Found) -> list[tuple[str, str]]:
    """Id and visible name of each sample that a hit is of."""
    found = []
    for sample in dict.fromkeys(hit.sample_id for hit in hits.hits):
        row = store.connection.execute("SELECT name FROM samples WHERE id = ?", (sample,)).fetchone()
        found.append((sample, visible(row["name"])))
    return found


def _counts(store: Store) -> dict[str, int]:
    row = store.connection.execute(
        "SELECT (SELECT count(*) FROM models), (SELECT count(*) FROM samples), (SELECT count(*) FROM answers),"
        " (SELECT count(*) FROM verdicts)"
    ).fetchone()
    return dict(zip(("models", "samples", "answers", "verdicts"), row, strict=True))
