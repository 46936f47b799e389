"""Sample pages of the viewer: lists that SQL filters and pages, one sample with every answer, and images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sparkles_eval.analysis.humans.files import on_disk
from sparkles_eval.analysis.summary import Entry
from sparkles_eval.core.text import format_number, one_line
from sparkles_eval.reports.samples.reader import sample_views
from sparkles_eval.reports.samples.sample_views import AnswerView, ImageView, SampleView, VerdictView
from sparkles_eval.reports.toolkit.page_images import ImageSource, media_type
from sparkles_eval.store import read_samples, sample_flags
from sparkles_eval.store.store import Store
from sparkles_eval.viewer.connection_pool import ConnectionPool
from sparkles_eval.viewer.store_pages import RunGroup, StoreIndex, StorePages
from sparkles_eval.viewer.templates import image_source, whole_number

SAMPLES = 30
_FLAGS: dict[str, sample_flags.SampleFlag] = {
    name: name for name in ("", "wrong", "all-wrong", "differ", "invalid", "unscored", "judges-differ", "first-better")
}


@dataclass(frozen=True, slots=True)
class SampleQuery:
    """What the address asks for. `judge` narrows the marks to one judge, `run` to one run, `second` names B."""

    flag: sample_flags.SampleFlag
    q: str
    run: str
    second: str
    judge: str
    page: int

    def parameters(self) -> dict[str, object]:
        """As an address has them."""
        named = {"show": self.flag, "q": self.q, "run": self.run, "second": self.second, "judge": self.judge}
        return {**named, "page": self.page if self.page > 1 else 0}


def parse_query(request: Request) -> SampleQuery:
    """Raises 404 for what no page of ours asks."""
    flag = _FLAGS.get(request.query_params.get("show", ""))
    if flag is None:
        raise HTTPException(404)
    text = {name: request.query_params.get(name, "")[:200] for name in ("q", "run", "second", "judge")}
    page = max(1, whole_number(request, "page", default=1, most=1_000_000))
    return SampleQuery(flag, text["q"].replace("\x00", " ").strip(), text["run"], text["second"], text["judge"], page)


@dataclass(frozen=True, slots=True)
class SamplePages:
    """Pages of samples."""

    pages: StorePages
    data_root: Path | None = None

    def _look(self, store: Store, views: Sequence[SampleView]) -> Callable[[ImageView], ImageSource | None]:
        """How these samples' pictures are shown; not at all where there is nothing to show."""
        there = read_samples.seen(store, [picture.sha256 for view in views for picture in view.pictures])
        return lambda picture: image_source(picture) if self.data_root or picture.sha256 in there else None

    def groups(self, request: Request) -> Response:
        """What there is to look at."""
        with self.pages.catalogue() as (_, found):
            return self.pages.frame.page(
                request, "samples.html.j2", title="Samples", here="samples", groups=found.groups
            )

    def listed(self, request: Request) -> Response:
        """A stretch of a group's samples."""
        asked = parse_query(request)
        with self.pages.catalogue() as (store, found):
            group = _group(found, request)
            stretch = matching_positions(store, group, asked, SAMPLES)
            ids = ids_at(store, group, stretch.positions)
            views = _light(store, group, list(ids), stretch.positions) if ids else []
            judges = {row.judge.id: row.judge for row in group.marked.values() if row.judge}
            return self.pages.frame.page(
                request,
                "sample_list.html.j2",
                title=group.asked.title,
                here="samples",
                group=group,
                groups=found.groups,
                asked=asked,
                views=views,
                look=self._look(store, views),
                total=stretch.total,
                size=SAMPLES,
                judges=judges,
            )

    def one(self, request: Request) -> Response:
        """One sample with every answer; what was filtered leads to the next and the one before."""
        asked = parse_query(request)
        with self.pages.catalogue() as (store, found):
            group = _group(found, request)
            sample_id, position = _sample(store, group, request.path_params["sample"])
            view = next(sample_views(store, group.asked.entries, limit=1, only=[sample_id]))
            before, after, place, total = _neighbours(store, group, asked, position)
            return self.pages.frame.page(
                request,
                "sample_view.html.j2",
                title=view.gist or view.name,
                here="samples",
                group=group,
                asked=asked,
                sample=view,
                look=self._look(store, [view]),
                before=before,
                after=after,
                place=place,
                total=total,
            )


def _group(found: StoreIndex, request: Request) -> RunGroup:
    group = found.group(request.path_params["group"])
    if group is None:
        raise HTTPException(404)
    return group


def matching_positions(
    store: Store, group: RunGroup, asked: SampleQuery, limit: int, offset: int | None = None
) -> sample_flags.SampleRange:
    """The positions that are asked for. A filter over marks finds nothing while there are none."""
    start = limit * (asked.page - 1) if offset is None else offset
    if not (asked.flag or asked.q):
        end = min(group.asked.total, start + limit)
        return sample_flags.SampleRange(tuple(range(start, end)), group.asked.total)
    if group.number is None:
        return sample_flags.SampleRange((), 0)
    chosen = tuple(
        number
        for number, row in group.marked.items()
        if asked.run in ("", row.run.id) and (row.judge is None or asked.judge in ("", row.judge.id))
    )
    if asked.flag == "first-better":
        pair = _pair(group, asked)
        return (
            sample_flags.samples(
                store,
                group.number,
                group.run_id,
                sample_flags.FlagQuery("first-better", pair, asked.q),
                limit=limit,
                offset=start,
            )
            if pair
            else sample_flags.SampleRange((), 0)
        )
    entries = chosen if asked.run or asked.judge else ()
    if not chosen:
        return sample_flags.SampleRange((), 0)
    query = sample_flags.FlagQuery(asked.flag, entries, asked.q)
    return sample_flags.samples(store, group.number, group.run_id, query, limit=limit, offset=start)


def _pair(group: RunGroup, asked: SampleQuery) -> tuple[int, ...]:
    """The marks of A and of B by one judge that scored both; () where there is none."""
    by_run: dict[str, dict[str, int]] = {asked.run: {}, asked.second: {}}
    for number_, row in group.marked.items():
        if row.judge is not None and row.run.id in by_run and asked.judge in ("", row.judge.id):
            by_run[row.run.id][row.judge.id] = number_
    both = [judge for judge in by_run[asked.run] if judge in by_run[asked.second]]
    return (by_run[asked.run][both[0]], by_run[asked.second][both[0]]) if both else ()


def ids_at(store: Store, group: RunGroup, positions: Sequence[int]) -> dict[str, int]:
    """Sample ids of a group's positions, in order."""
    found = {}
    for position in positions:
        row = store.connection.execute(
            "SELECT sample_id FROM run_samples WHERE run_id = ? AND position = ?", (group.run_id, position)
        ).fetchone()
        if row is not None:
            found[row["sample_id"]] = position
    return found


def _light(store: Store, group: RunGroup, ids: Sequence[str], positions: Sequence[int]) -> list[SampleView]:
    """Samples with their marks alone: no answer is read."""
    views = list(sample_views(store, group.asked.entries[:1], limit=len(ids), only=ids))
    found = sample_flags.marks_at(store, group.number, positions) if group.number is not None else {}
    return [replace(view, answers=_marked(group, found.get(view.position - 1, []))) for view in views]


def _marked(
    group: RunGroup, given: Sequence[tuple[int, sample_flags.SampleMark, float | None]]
) -> tuple[AnswerView, ...]:
    first: dict[str, AnswerView] = {}
    for number_, mark, points in given:
        row = group.marked.get(number_)
        if row is None or row.judge is None or row.run.id in first:
            continue
        said = format_number(points, "points") if mark == "rated" else mark
        scale = VerdictView("", said, (), "", None, (row.judge.low, row.judge.high), points=points)
        first[row.run.id] = AnswerView(
            one_line(row.label), "", mark, said, None, (), (scale,) if mark == "rated" else (), points
        )
    return tuple(first[row.run.id] for row in _rows(group) if row.run.id in first)


def _rows(group: RunGroup) -> list[Entry]:
    return list({row.run.id: row for row in group.asked.entries}.values())


def _sample(store: Store, group: RunGroup, short: str) -> tuple[str, int]:
    """The whole id and the position of the sample whose id begins so. Raises 404."""
    if not (short.isalnum() and 8 <= len(short) <= 64):
        raise HTTPException(404)
    row = store.connection.execute(
        "SELECT p.sample_id, p.position FROM samples s JOIN run_samples p ON p.sample_id = s.id AND p.run_id = ?"
        " WHERE s.id >= ? AND s.id < ? LIMIT 1",
        (group.run_id, short, short + "g"),
    ).fetchone()
    if row is None:
        raise HTTPException(404)
    return row["sample_id"], row["position"]


def _neighbours(store: Store, group: RunGroup, asked: SampleQuery, position: int) -> tuple[str, str, int, int]:
    """Ids of the sample before and after among those that are asked for ("" at the ends), its place, and how many."""
    listed = matching_positions(store, group, asked, limit=1 << 30, offset=0)
    if position not in listed.positions:
        return "", "", 0, listed.total
    at = listed.positions.index(position)
    around = [listed.positions[i] if 0 <= i < len(listed.positions) else -1 for i in (at - 1, at + 1)]
    by_place = {place: sample for sample, place in ids_at(store, group, [p for p in around if p >= 0]).items()}
    return by_place.get(around[0], ""), by_place.get(around[1], ""), at + 1, listed.total


@dataclass(frozen=True, slots=True)
class ImagePages:
    """Pictures by the hash of their bytes: whole from a folder of data or the store, else the store's preview."""

    pool: ConnectionPool
    data_root: Path | None

    def one(self, request: Request) -> Response:
        """`?small` gives the preview where there is one."""
        sha256 = request.path_params["sha256"]
        with self.pool.acquire() as store:
            data = self._bytes(store, sha256, small="small" in request.query_params)
        kind = media_type(data) if data else None
        if data is None or kind is None:
            raise HTTPException(404)
        return Response(data, media_type=kind, headers={"cache-control": "private, max-age=3600"})

    def _bytes(self, store: Store, sha256: str, *, small: bool) -> bytes | None:
        preview = read_samples.thumbnails(store, [sha256]).get(sha256)
        if small and preview:
            return preview
        known = store.connection.execute("SELECT 1 FROM images WHERE sha256 = ?", (sha256,)).fetchone()
        if known is None:
            return None
        return (
            on_disk(read_samples.image(store, sha256), self.data_root)
            or read_samples.embedded(store, sha256)
            or preview
        )
