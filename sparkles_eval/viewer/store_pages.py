"""Pages of the viewer about the store: running commands, runs, search, cached pages, and their index."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from sparkles_eval.analysis.comparability import is_reference
from sparkles_eval.analysis.summary import Coverage, Entry, TaskSummary, arrange
from sparkles_eval.core.names import judge_name
from sparkles_eval.core.text import visible
from sparkles_eval.reports.groups import TaskGroup, asked
from sparkles_eval.store import read_runs, sample_flags, search, spending
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.spending import Spending, Sum
from sparkles_eval.store.store import Store
from sparkles_eval.viewer import running_commands
from sparkles_eval.viewer.cached_pages import LATER, KeptScores, Refresher
from sparkles_eval.viewer.connection_pool import ConnectionPool
from sparkles_eval.viewer.running_commands import CostCounter
from sparkles_eval.viewer.templates import PageTemplates, whole_number

_NOTHING = Spending(0, 0, Sum(0, 0, 0), Sum(0, 0, 0), Sum(0, 0, 0), 0.0)


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Runs that ask the same samples. `number` is that of the side file, None while it has no marks of them."""

    asked: TaskGroup
    number: int | None
    marked: Mapping[int, Entry]
    """Rows by the number that their marks have."""

    @property
    def run_id(self) -> str:
        """Any of its runs: they all ask the same."""
        return self.asked.entries[0].run.id


@dataclass(frozen=True, slots=True)
class StoreIndex:
    """Everything by name. Entries have no measures."""

    runs: Mapping[str, StoredRun]
    judges: Mapping[str, JudgeRow]
    tasks: tuple[TaskSummary, ...]
    groups: tuple[RunGroup, ...]
    marked: tuple[sample_flags.FlaggedRun, ...]

    def group_of(self, run_id: str) -> RunGroup | None:
        """The group that a run belongs to."""
        return next((g for g in self.groups if any(e.run.id == run_id for e in g.asked.entries)), None)

    def group(self, group_id: str) -> RunGroup | None:
        """The group of that address."""
        return next((group for group in self.groups if group.asked.id == group_id), None)

    def scored(self, run_id: str) -> int:
        """Samples of a run that some judge has scored whole, as far as marks are made."""
        return max((entry.scored for entry in self.marked if entry.run_id == run_id), default=0)


def store_index(store: Store) -> StoreIndex:
    """What the store holds now. `store` has its side file attached."""
    runs = read_runs.runs(store)
    judges = read_runs.all_judges(store)
    marked = sample_flags.entries(store)
    by_run: dict[str, list[sample_flags.FlaggedRun]] = {}
    for entry in marked:
        by_run.setdefault(entry.run_id, []).append(entry)
    rows = [_run_row(run, judges.get(judge)) for run in runs for judge in _judges(by_run.get(run.id, ()))]
    tasks = arrange(rows)
    groups = tuple(_run_group(found, by_run) for task in tasks for found in asked(store, task))
    return StoreIndex({run.id: run for run in runs}, judges, tasks, groups, tuple(marked))


def _judges(entries: Sequence[sample_flags.FlaggedRun]) -> list[str]:
    return [entry.judge_id for entry in entries] or [""]


def _run_row(run: StoredRun, judge: JudgeRow | None) -> Entry:
    return Entry(run, judge, run.model.name, (), Coverage(0, 0), _NOTHING, None)


def _run_group(found: TaskGroup, by_run: Mapping[str, Sequence[sample_flags.FlaggedRun]]) -> RunGroup:
    marked = {
        entry.number: row
        for row in found.entries
        for entry in by_run.get(row.run.id, ())
        if row.judge is not None and row.judge.id == entry.judge_id
    }
    numbers = [entry.group for row in found.entries for entry in by_run.get(row.run.id, ())]
    return RunGroup(found, numbers[0] if numbers else None, marked)


RUNS = 50
HITS = 20
_KINDS: dict[str, search.TextKind | None] = {"": None, "answer": "answer", "verdict": "verdict"}


@dataclass(frozen=True, slots=True)
class StorePages:
    """What every page needs."""

    pool: ConnectionPool
    refresher: Refresher
    frame: PageTemplates
    cost_counter: CostCounter = field(default_factory=CostCounter)

    @contextmanager
    def catalogue(self) -> Iterator[tuple[Store, StoreIndex]]:
        """The store and what it holds, for one page."""
        with self.pool.acquire() as store:
            yield store, store_index(store)

    def scores(self) -> KeptScores:
        """The scores of runs and the conclusions of tasks, as the refresher last worked them out."""
        kept = self.refresher.kept("scores")
        return KeptScores.read(kept.body) if kept else KeptScores()

    def overview(self, request: Request) -> Response:
        """What runs now, and what there is."""
        with self.catalogue() as (store, found):
            counts = _counts(store)
            return self.frame.page(
                request,
                "overview.html.j2",
                title="Overview",
                here="",
                jobs=running_commands.running_commands(store, self.cost_counter),
                endings=running_commands.ended_commands(store),
                found=found,
                counts=counts,
                scores=self.scores(),
            )

    def live(self, request: Request) -> Response:
        """The part of the overview that changes while something runs."""
        with self.pool.acquire() as store:
            jobs = running_commands.running_commands(store, self.cost_counter)
            names = {"jobs": jobs, "endings": running_commands.ended_commands(store), "counts": _counts(store)}
            return self.frame.fragment(request, "live.html.j2", **names)

    def runs(self, request: Request) -> Response:
        """Every run, the latest first."""
        asked = {name: request.query_params.get(name, "") for name in ("task", "model", "protocol")}
        page = whole_number(request, "page", default=1, most=10_000)
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
                scores=self.scores(),
            )

    def run(self, request: Request) -> Response:
        """Everything of one run."""
        with self.catalogue() as (store, found):
            run = found.runs.get(request.path_params["run_id"])
            if run is None:
                raise HTTPException(404)
            environments = read_runs.environments(store, [run.id])
            judges = [found.judges[entry.judge_id] for entry in found.marked if entry.run_id == run.id]
            reasons = [(judge_name(judge), store.reasons(run.id, judge.id)) for judge in judges]
            return self.frame.page(
                request,
                "run.html.j2",
                title=run.model.name,
                here="runs",
                run=run,
                scores=self.scores(),
                group=found.group_of(run.id),
                entries=[entry for entry in found.marked if entry.run_id == run.id],
                judges=found.judges,
                reasons=[(name, why) for name, why in reasons if why],
                spent=spending.spending(store, run),
                environments=environments,
                events=read_runs.events(store, [one.id for one in environments], limit=30),
                skipped=read_runs.skipped(store, run.id),
            )

    def search(self, request: Request) -> Response:
        """Answers and verdicts with some words."""
        asked = {name: request.query_params.get(name, "") for name in ("q", "task", "model", "judge", "kind")}
        if asked["kind"] not in _KINDS:
            raise HTTPException(404)
        after = whole_number(request, "after")
        with self.catalogue() as (store, found):
            where = search.SearchScope(
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
                words=bool(search.match_expression(asked["q"])),
                indexed=self.refresher.indexed(),
                names={row[0]: row[1] for row in _names(store, hits)},
                judge_names=sorted({judge_name(judge) for judge in found.judges.values()}),
            )

    def kept(self, name: str, here: str, title: str) -> Callable[[Request], Response]:
        """A page that the refresher made."""

        def page(request: Request) -> Response:
            whole = name.format(**request.path_params)
            kept = self.refresher.kept(whole)
            if kept is None and self.refresher.round and whole not in LATER:
                raise HTTPException(404)
            body = Markup(kept.body) if kept else None  # noqa: S704 - our own templates wrote it, escaped
            names = {"body": body, "kept": kept, "here": here or whole, "title": title}
            return self.frame.page(request, "kept.html.j2", status=200 if kept else 503, **names)

        return page

    def download(self, request: Request) -> Response:
        """A file that the refresher made."""
        name = request.path_params["name"]
        kept = self.refresher.kept(f"downloads/{name}")
        if kept is None:
            raise HTTPException(404)
        kinds = {"csv": "text/csv", "json": "application/json", "tex": "application/x-tex", "md": "text/markdown"}
        ending = name.rpartition(".")[2]
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return PlainTextResponse(kept.body, media_type=kinds.get(ending, "text/plain"), headers=headers)


def _fits(asked: dict[str, str], run: read_runs.StoredRun) -> bool:
    return asked["task"] in ("", run.task.name) and asked["model"] in ("", run.model.name)


def _names(store: Store, hits: search.SearchPage) -> list[tuple[str, str]]:
    """Id and visible name of each sample that a hit is of."""
    found = []
    for sample in dict.fromkeys(hit.sample_id for hit in hits.hits):
        row = store.connection.execute("SELECT name FROM samples WHERE id = ?", (sample,)).fetchone()
        found.append((sample, visible(row["name"])))
    return found


def _counts(store: Store) -> dict[str, int]:
    """What the store holds; models and baselines are counted by their names, as reports count them."""
    row = store.connection.execute(
        "SELECT (SELECT count(*) FROM samples), (SELECT count(*) FROM answers), (SELECT count(*) FROM verdicts)"
    ).fetchone()
    models = {run.model.name: is_reference(run.model) for run in read_runs.runs(store)}
    baselines = sum(models.values())
    counts = {"models": len(models) - baselines, "baselines": baselines}
    return counts | dict(zip(("samples", "answers", "verdicts"), row, strict=True))
