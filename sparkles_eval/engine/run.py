"""Runs a plan from beginning to end in this process: store, environment record, signals, outcome."""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, TypeAlias

from sparkles_eval import __version__
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.json import sample_key
from sparkles_eval.engine.addresses import as_stored, check_addresses, judge_adapters, judges_as_stored
from sparkles_eval.engine.config import RunLimits
from sparkles_eval.engine.jobs import BoundJudge, CompletedSample, EvalJob, RunRef, judge_row, scorer_row
from sparkles_eval.engine.prepare import RunPlan
from sparkles_eval.engine.progress import Progress
from sparkles_eval.engine.session import Session, Stopped
from sparkles_eval.store.rows import EnvironmentRow
from sparkles_eval.store.store import Store

_PACKAGES = (
    "accelerate",
    "aiohttp",
    "anthropic",
    "httpx",
    "jinja2",
    "lm-eval",
    "numpy",
    "openai",
    "pandas",
    "peft",
    "pillow",
    "pydantic",
    "safetensors",
    "scipy",
    "sqlite-utils",
    "tokenizers",
    "torch",
    "transformers",
    "vllm",
)
"""What may change an answer, a score or an interval."""

_SECRET = re.compile(r"(?i)((?:api[_-]?key|token|secret|password)[^=\s]*=)(\S+)")


def environment(command: Sequence[str]) -> EnvironmentRow:
    """This process's environment; `command` is the command line as it was typed."""
    return EnvironmentRow(
        command=_SECRET.sub(r"\1…", shlex.join(command)),
        version=__version__,
        git_commit=_commit(),
        python=platform.python_version(),
        machine={
            "platform": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "cores": str(os.cpu_count() or 0),
            "executable": Path(sys.executable).name,
        },
        packages={name: found for name in _PACKAGES if (found := _version(name))},
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the checkout that this program runs from, with "+" where files differ; None outside a checkout."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return None
    try:
        asked = ("git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*")
        done = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


Ending: TypeAlias = Literal["complete", "unscored", "interrupted"]


_FIRST_REQUESTS_S = 1.0
"""By then a provider's library is loaded and the first requests are on their way."""


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How an invocation ended. `unscored` counts items (samples x epochs x repeats) that a scorer has no score for."""

    run_ids: tuple[str, ...]
    ending: Ending
    unscored: int
    spent_usd: float
    unknown_costs: int
    stopped: tuple[Stopped, ...] = ()
    """Models that were asked nothing more before all was asked."""


@dataclass(frozen=True, slots=True)
class _Expected:
    """The number of items of a run that a judge should score, and of which samples where not all."""

    run_id: str
    judge_id: str
    items: int
    samples: frozenset[str] | None = None

    def unscored(self, store: Store) -> int:
        scored = store.scored(self.run_id, self.judge_id)
        if self.samples is None:
            return self.items - len(scored)
        return self.items - sum(sample_id in self.samples for sample_id, _, _ in scored)


class Interruption:
    """Interrupts a run from another thread, as Ctrl-C does in a terminal: call it once, or twice to end at once."""

    def __init__(self) -> None:
        self._call: Callable[[], object] | None = None
        self._early = False

    def attach(self, loop: asyncio.AbstractEventLoop, on_signal: Callable[[], None]) -> None:
        """Called by the run when it begins."""
        self._call = lambda: loop.call_soon_threadsafe(on_signal)
        if self._early:
            self._call()

    def __call__(self) -> None:
        if self._call is None:
            self._early = True
            return
        with contextlib.suppress(RuntimeError):  # the run has ended meanwhile
            self._call()


def execute(
    plan: RunPlan,
    store: Store,
    progress: Progress,
    terms: RunLimits,
    command: Sequence[str],
    meanwhile: Callable[[], object] = lambda: None,
    interruption: Interruption | None = None,
) -> RunOutcome:
    """Request and score everything that the store lacks. Blocks until done.

    `meanwhile` is called in a thread once the first requests are out: the time to import what comes afterwards.

    The first SIGINT or SIGTERM lets what is in flight finish, the second ends at once; either way everything that
    came in is kept, and the same call goes on from there.
    """
    jobs = as_stored(plan.jobs, store)
    environment_id = store.add_environment(environment(command))
    session = Session(store, environment_id, progress, terms)

    async def idle() -> None:
        await asyncio.sleep(_FIRST_REQUESTS_S)
        await asyncio.to_thread(meanwhile)

    async def work() -> None:
        aside = asyncio.create_task(idle())
        judges = [adapter for job in jobs for adapter in judge_adapters(job.bound_judges)]
        try:
            await check_addresses([job.adapter for job in jobs], judges, store)
            await session.work(jobs, plan.again)
        finally:
            aside.cancel()
            session.close()
            await plan.aclose()

    _until_done(store, environment_id, session, work, progress, interruption)
    return _finish(store, session, environment_id, [part for job in jobs for part in _expected(job)])


def judge_again(
    bound_judges: Sequence[BoundJudge],
    answered: Mapping[RunRef, Sequence[CompletedSample]],
    store: Store,
    progress: Progress,
    terms: RunLimits,
    command: Sequence[str],
) -> RunOutcome:
    """Let judges score the stored answers of runs; no model of theirs is loaded. Signals as in `execute`."""
    bound_judges = judges_as_stored(bound_judges, store)
    environment_id = store.add_environment(environment(command))
    for run in answered:
        store.link_environment(run.id, environment_id)
    session = Session(store, environment_id, progress, terms)

    async def work() -> None:
        try:
            await check_addresses([], [*judge_adapters(bound_judges)], store)
            await session.judge(bound_judges, answered)
        finally:
            session.close()
            for bound in bound_judges:
                if bound.adapter:
                    await bound.adapter.aclose()

    _until_done(store, environment_id, session, work, progress)
    expected = [
        _Expected(run.id, judge_row(bound.judge).id, len(items) * bound.judge.card.repeats)
        for run, items in answered.items()
        for bound in bound_judges
    ]
    return _finish(store, session, environment_id, expected)


def _until_done(
    store: Store,
    environment_id: int,
    session: Session,
    work: Callable[[], Awaitable[None]],
    progress: Progress,
    interruption: Interruption | None = None,
) -> None:
    """As `until_done`; also ends the invocation's record where a UserError ends the work."""
    try:
        until_done(session, work, progress, interruption)
    except UserError:
        store.finish_environment(environment_id, "interrupted")
        raise


def until_done(
    session: Session,
    work: Callable[[], Awaitable[None]],
    progress: Progress,
    interruption: Interruption | None = None,
) -> None:
    """Run `work` of a session to its end. The first signal interrupts the session, the second ends at once."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None

        def on_signal() -> None:
            if session.interrupted:
                task.cancel()
                return
            session.interrupt()
            progress.event(
                "interrupted", "", f"finishing {session.in_flight} items in flight; press Ctrl-C again to end at once"
            )

        # Windows has no signal handlers on its event loop, and only the main thread may set any.
        with contextlib.suppress(NotImplementedError, RuntimeError):
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, on_signal)
        if interruption is not None:
            interruption.attach(loop, on_signal)
        await work()

    try:
        asyncio.run(main())
    except asyncio.CancelledError:
        if not session.interrupted:
            raise
    except BaseExceptionGroup as group:
        error = _first_to_say(group)
        if error is None:
            raise
        raise error from group


def _first_to_say(group: BaseExceptionGroup[BaseException]) -> UserError | sqlite3.Error | None:
    """The first UserError of an exception group, to be shown as itself."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            if found := _first_to_say(error):
                return found
        elif isinstance(error, UserError | sqlite3.Error):
            return error
    return None


def _expected(job: EvalJob) -> Iterator[_Expected]:
    run = job.run
    items = len(job.asked) * run.epochs
    samples = None if len(job.asked) == run.total else frozenset(map(sample_key, job.asked))
    if scorer := job.task.protocol.scorer:
        yield _Expected(run.id, scorer_row(scorer).id, items, samples)
    for bound in job.bound_judges:
        yield _Expected(run.id, judge_row(bound.judge).id, items * bound.judge.card.repeats, samples)


def _finish(store: Store, session: Session, environment_id: int, expected: Sequence[_Expected]) -> RunOutcome:
    if store.file is not None:
        store.file.check()
    unscored = sum(part.unscored(store) for part in expected)
    ending: Ending = "interrupted" if session.interrupted else "unscored" if unscored else "complete"
    store.finish_environment(environment_id, ending)
    run_ids = tuple(dict.fromkeys(part.run_id for part in expected))
    return RunOutcome(run_ids, ending, unscored, session.budget.spent_usd, session.budget.unknown, session.stopped)
