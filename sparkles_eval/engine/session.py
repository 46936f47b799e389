"""Works through jobs: every model and judge side by side, images stored meanwhile, resumable at any moment."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from time import monotonic

from sparkles_eval.adapters.base import Adapter, AddressedAdapter
from sparkles_eval.core import Image, Model, Run
from sparkles_eval.engine.addresses import AddressRecorder, models_before
from sparkles_eval.engine.ask_again import AskAgain, AskedItem, choose
from sparkles_eval.engine.attempts import RequestState
from sparkles_eval.engine.cache import KeyedLock, ResponseCache
from sparkles_eval.engine.client import ModelClient
from sparkles_eval.engine.config import ReplyKind, RunLimits
from sparkles_eval.engine.endpoint_pool import AnyClient, EndpointPoolClient
from sparkles_eval.engine.generate import Generator
from sparkles_eval.engine.grade import Grader
from sparkles_eval.engine.jobs import BoundJudge, CompletedSample, EvalJob, RunRef, scorer_row
from sparkles_eval.engine.limits import CostBudget, Limiter, Pool, Work
from sparkles_eval.engine.picture_window import PictureWindow
from sparkles_eval.engine.progress import Progress
from sparkles_eval.engine.turns import SendTurns
from sparkles_eval.store.moved import StoreMoved
from sparkles_eval.store.rows import PixelsRow
from sparkles_eval.store.served_models import AskedAs
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.images import outside_links, thumbnail
from sparkles_eval.tasks.load import repeated
from sparkles_eval.tasks.picture_memory import known_previews, remember_previews

_AT_ONCE = 32
"""Images of one thread call and commit: few enough that nothing big is held."""


async def store_images(
    store: Store, images: Mapping[str, Image], progress: Progress, *, embed: bool, stopped: Callable[[], bool]
) -> None:
    """Store missing thumbnails (and with `embed` the image bytes) until `stopped` returns True."""
    small = store.lacking("thumbnail", images)
    whole = store.lacking("bytes", images) if embed else set()
    waiting = [images[sha256] for sha256 in sorted(small | whole) if images[sha256].path is not None]
    for start in range(0, len(waiting), _AT_ONCE):
        if stopped():
            return
        some = waiting[start : start + _AT_ONCE]
        rows, failures = await asyncio.to_thread(_read, some, small, whole)
        store.add_pixels(rows)
        for relpath, why in failures:
            progress.event("image", relpath, f"no thumbnail: {why}")


def _read(some: Sequence[Image], small: set[str], whole: set[str]) -> tuple[list[PixelsRow], list[tuple[str, str]]]:
    """The rows of these images, with previews as an earlier process made them where it did."""
    rows: list[PixelsRow] = []
    failures: list[tuple[str, str]] = []
    known = known_previews(image.sha256 for image in some if image.sha256 in small)
    made: dict[str, bytes] = {}
    for image in some:
        drawn = known.get(image.sha256)
        data = None
        if drawn is None or image.sha256 in whole:
            assert image.path is not None  # those without one were left out
            try:
                data = image.path.read_bytes()
            except OSError as error:
                failures.append((image.relpath, str(error)))
                continue
            if hashlib.sha256(data).hexdigest() != image.sha256:
                failures.append((image.relpath, "the file has changed since the task was loaded"))
                continue
        if drawn is None and data is not None and image.sha256 in small:
            drawn = made[image.sha256] = thumbnail(data)
        rows.append(PixelsRow(image.sha256, drawn, data if image.sha256 in whole else None))
    remember_previews(made)
    return rows, failures


@dataclass(frozen=True, slots=True)
class Stopped:
    """A model that was stopped early: the reason, and the number of requests not sent."""

    model: str
    reason: str
    unasked: int


class Session:
    """One invocation's work on one store. Make it, `await work(...)`, and `interrupt()` it from a signal handler."""

    def __init__(self, store: Store, environment_id: int, progress: Progress, terms: RunLimits) -> None:
        self.budget = CostBudget(terms.max_cost_usd)
        self.interrupted = False
        self._store = store
        self._environment_id = environment_id
        self._progress = _Recorded(progress, store, environment_id, self.budget)
        self._terms = terms
        self._once = KeyedLock()
        self._pictures = PictureWindow(self._progress)
        self._turns = SendTurns()
        self._addresses = AddressRecorder(store)
        self._models: dict[int, _Lane] = {}
        self._judges: dict[int, _Lane] = {}
        if store.file is not None:
            store.file.on_moved = self._store_moved

    @property
    def in_flight(self) -> int:
        """Items in work."""
        lanes = (*self._models.values(), *self._judges.values())
        return sum(lane.client.in_flight if lane.client else lane.limiter.in_flight for lane in lanes)

    @property
    def stopped(self) -> tuple[Stopped, ...]:
        """The models that were stopped, and how many of their requests were not sent."""
        lanes = (*self._models.values(), *self._judges.values())
        clients = [lane.client for lane in lanes if lane.client is not None and lane.client.stopped is not None]
        return tuple(Stopped(client.name, client.stopped or "", client.unasked) for client in clients)

    def close(self) -> None:
        """End the threads of pictures and local models; call it when the work is over, however it ended."""
        self._pictures.close()
        for lane in (*self._models.values(), *self._judges.values()):
            if lane.client:
                lane.client.close()

    def interrupt(self) -> None:
        """Send nothing more; requests in flight are waited for and stored."""
        self.interrupted = True
        for lane in (*self._models.values(), *self._judges.values()):
            lane.pool.drop()
            if lane.client:
                lane.client.interrupt()

    def _store_moved(self, error: StoreMoved) -> None:
        """Send nothing more once the store's file is gone; replies in flight are saved, then the error ends the run."""
        self._progress.note("store", "", f"{error}; finishing {self.in_flight} items in flight")
        self.interrupt()

    async def work(self, jobs: Sequence[EvalJob], again: Collection[ReplyKind] = ()) -> list[Run]:
        """Request and score everything that is missing; gives the runs in the jobs' order.

        Stored replies of the kinds `again` are asked for once more.
        """
        runs: list[Run] = []
        asked_again: list[tuple[Run, AskAgain]] = []
        self._show_notes(jobs)
        for job in jobs:
            run = job.run
            ids = self._store.add_run(run, job.task_row, job.task.samples, job.task.skipped, self._environment_id)
            if scorer := job.task.protocol.scorer:
                self._store.add_judge(scorer_row(scorer))
            lane = self._lane(self._models, job.adapter)
            assert lane.client is not None  # a model has an adapter
            chosen = choose(self._store, run.id, again, job.shard.take(ids))
            if again:
                asked_again.append((run, chosen))
                self._progress.event("again", run.model.name, f"{run.task}: {chosen.begin_note()}")
            graders = self._graders(_run_ref(job), job.bound_judges, chosen.first_turns)
            generator = Generator(
                job,
                ids,
                store=self._store,
                replies=self._cache(lane.client, job.adapter),
                progress=self._progress,
                pictures=self._pictures,
                answered=partial(_hand_over, graders),
                again=chosen,
            )
            lane.pool.feed(generator.work())
            runs.append(run)
        images = {image.sha256: image for job in jobs for sample in job.asked for image in sample.images}
        async with asyncio.TaskGroup() as group:
            group.create_task(self.store_images(images))
            for lane in self._judges.values():
                group.create_task(lane.pool.run())
            await _finish(self._models.values())
            for lane in self._judges.values():
                lane.pool.close()
        await self._addresses.finish()
        shown: dict[int, tuple[Model, dict[str, Image]]] = {}
        for job in jobs:
            seen = shown.setdefault(id(job.adapter), (job.adapter.model, {}))[1]
            seen.update((image.sha256, image) for sample in job.asked for image in sample.images)
        for model, listed in shown.values():
            self._pictures.report_normalised(model, listed.values())
        for run, chosen in asked_again:
            if note := chosen.end_note():
                self._progress.event("again", run.model.name, f"{run.task}: {note}")
        return runs

    def _show_notes(self, jobs: Sequence[EvalJob]) -> None:
        for task in {id(job.task): job.task for job in jobs}.values():
            shown = (image for sample in task.samples for image in sample.images)
            for note in (*repeated(task.samples), outside_links(shown, task.root)):
                if note is not None:
                    self._progress.event("data", task.name, note)

    async def store_images(self, images: Mapping[str, Image]) -> None:
        """Keep previews of images by their SHA-256, and the images themselves where the limits say so."""
        embed = self._terms.embed_images
        await store_images(self._store, images, self._progress, embed=embed, stopped=lambda: self.interrupted)

    async def judge(
        self, bound_judges: Sequence[BoundJudge], answered: Mapping[RunRef, Iterable[CompletedSample]]
    ) -> None:
        """Score the stored answers of runs; none of their models is needed."""
        for run, items in answered.items():
            graders = self._graders(run, bound_judges)
            for item in items:
                _hand_over(graders, item)
        await _finish(self._judges.values())
        await self._addresses.finish()

    async def ask(self, adapter: Adapter, work: Callable[[ResponseCache, Progress], Iterable[Work]]) -> None:
        """Send one model requests that are no answers to a task, within the same limits.

        `work` makes them of the response cache and the progress to report to; see dialogues.generate.
        """
        lane = self._lane(self._models, adapter)
        assert lane.client is not None  # a model has an adapter
        lane.pool.feed(work(self._cache(lane.client, adapter), self._progress))
        await _finish([lane])
        await self._addresses.finish()

    def _cache(self, client: AnyClient, adapter: Adapter) -> ResponseCache:
        return ResponseCache(self._store, client, self._once, self._turns, models_before(adapter, self._store))

    def _graders(
        self, run: RunRef, bound_judges: Sequence[BoundJudge], open_again: Collection[AskedItem] = ()
    ) -> list[tuple[Grader, Pool]]:
        graders = []
        for bound in bound_judges:
            lane = self._lane(self._judges, bound.adapter)
            grader = Grader(
                run,
                bound,
                store=self._store,
                client=lane.client,
                once=self._once,
                turns=self._turns,
                progress=self._progress,
                open_again=open_again,
            )
            graders.append((grader, lane.pool))
        return graders

    def _client(self, adapter: Adapter, role: AskedAs) -> AnyClient:
        def one(asked: Adapter, elsewhere: Callable[[RequestState], bool] | None = None) -> ModelClient:
            return ModelClient(
                asked,
                patience=self._terms.patience,
                budget=self.budget,
                progress=self._progress,
                connections=self._terms.connections,
                turns=self._turns,
                elsewhere=elsewhere,
                first_reply=self._addresses.listener(adapter, asked, role),
            )

        if isinstance(adapter, AddressedAdapter) and len(adapter.endpoints) > 1:
            return EndpointPoolClient(adapter, one)
        return one(adapter)

    def _lane(self, lanes: dict[int, _Lane], adapter: Adapter | None) -> _Lane:
        """The lane of an adapter; all rules share one (adapter None)."""
        known = lanes.get(id(adapter))
        if known is None:
            self._turns.needed = self._turns.needed or isinstance(adapter, AddressedAdapter)
            role: AskedAs = "model" if lanes is self._models else "judge"
            client = self._client(adapter, role) if adapter is not None else None
            limiter = client.limiter if client else Limiter(1, clock=monotonic)
            known = lanes[id(adapter)] = _Lane(client, limiter, Pool(limiter, self._turns))
        return known


@dataclass(frozen=True, slots=True)
class _Lane:
    """An adapter's queue: its client (None for rules), limiter and pool."""

    client: AnyClient | None
    limiter: Limiter
    pool: Pool


def _run_ref(job: EvalJob) -> RunRef:
    run = job.run
    return RunRef(run.id, run.task, run.model.name, len(job.asked) * run.epochs)


async def _finish(lanes: Iterable[_Lane]) -> None:
    async with asyncio.TaskGroup() as group:
        for lane in lanes:
            lane.pool.close()
            group.create_task(lane.pool.run())


def _hand_over(graders: Sequence[tuple[Grader, Pool]], answered: CompletedSample) -> None:
    for grader, pool in graders:
        if grader.wants(answered.item):
            pool.put(partial(grader.grade, answered))


class _Recorded:
    """Passes progress on, writes events to the store, and reports the cost with every finished item."""

    def __init__(self, inner: Progress, store: Store, environment_id: int, budget: CostBudget) -> None:
        self._inner = inner
        self._store = store
        self._environment_id = environment_id
        self._budget = budget

    def planned(self, who: str, task: str, total: int, done: int) -> None:
        self._inner.planned(who, task, total, done)

    def finished(self, who: str, task: str, *, scored: bool) -> None:
        self._inner.spent(self._budget.spent_usd, self._budget.unknown)  # first: the last item's line tells the sum
        self._inner.finished(who, task, scored=scored)

    def spent(self, usd: float, unknown: int) -> None:
        self._inner.spent(usd, unknown)

    def waiting(self, who: str, until: datetime) -> None:
        self._inner.waiting(who, until)

    def note(self, kind: str, who: str, message: str) -> None:
        """An event that is shown and not stored."""
        self._inner.event(kind, who, message)

    def event(self, kind: str, who: str, message: str) -> None:
        self._store.add_event(self._environment_id, kind, who, message)
        self._inner.event(kind, who, message)
