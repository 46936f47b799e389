"""Runs evaluations: what the command `run` and `se.run` have in common, and `se.run` itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from contextvars import copy_context
from dataclasses import MISSING
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from sparkles_eval.api.named import NamedContent
from sparkles_eval.core.config_options import default_store
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.option_fields import build_record
from sparkles_eval.engine.config import RunConfig, RunLimits, Shard
from sparkles_eval.engine.config_file import command_of, read_config, read_options, run_fields
from sparkles_eval.engine.run import Interruption, RunOutcome, execute
from sparkles_eval.store.store import Store

if TYPE_CHECKING:
    from sparkles_eval.api.run_results import Results
    from sparkles_eval.engine.prepare import RunPlan
    from sparkles_eval.engine.progress import Progress

Given: TypeAlias = "str | Path | NamedContent"
"""A task, model or judge: its name, or what `task`, `model` and `judge` make."""


def evaluate(
    plan: RunPlan,
    store: Store,
    config: RunConfig,
    limits: RunLimits,
    progress: Progress,
    command: Sequence[str],
    *,
    meanwhile: Callable[[], object] = lambda: None,
    interruption: Interruption | None = None,
) -> RunOutcome:
    """Ask and score what the store lacks of a plan, and work out the scores of its panels. Blocks until done."""
    outcome = execute(plan, store, progress, limits, command, meanwhile=meanwhile, interruption=interruption)
    if config.again:
        from sparkles_eval.publishing.stored_panels import recompute_panels

        with store.transaction():  # votes on replies that are not the newest count no more
            recompute_panels(store)
    if plan.panels and config.shard == Shard():  # a panel needs all votes: merging the parts' stores scores it
        from sparkles_eval.analysis.judges.panel_scores import score_panel

        for panel in plan.panels:
            score_panel(store, panel)
    return outcome


def run(
    tasks: Given | Sequence[Given] = (),
    models: Given | Sequence[Given] = (),
    judges: Given | Sequence[Given] = (),
    *,
    store: str | Path | None = None,
    config: str | Path | None = None,
    progress: bool = True,
    **options: Any,
) -> Results:
    """Evaluate models on tasks, as the command `run` does, and return the results. Blocks; works in notebooks too.

    `tasks`, `models` and `judges` are names, or what `task`, `model` and `judge` make; one or several. `store` is an
    SQLite file (default: SPARKLES_EVAL_STORE, else runs/sparkles.db); what it holds already is not asked again.
    `config` is a file of `run --config`; `options` are its keys, such as limit=20, max_cost=5, epochs=3 or
    data_root="./data", and go over it. `progress` shows bars on a terminal and a table in a notebook.

    Ctrl-C, or a notebook's stop, lets what is in flight finish; the same call goes on from there. Raises
    errors.UserError with the fix before anything is asked.
    """
    job = _Job(_values(tasks, models, judges, store, config, options))
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return job.run(progress)
    return _in_thread(job, progress)  # a notebook's loop is busy with this very call


async def run_async(
    tasks: Given | Sequence[Given] = (),
    models: Given | Sequence[Given] = (),
    judges: Given | Sequence[Given] = (),
    *,
    store: str | Path | None = None,
    config: str | Path | None = None,
    progress: bool = True,
    **options: Any,
) -> Results:
    """`run` for programs with an event loop of their own, which goes on meanwhile.

    A task that is cancelled lets what is in flight finish first.
    """
    job = _Job(_values(tasks, models, judges, store, config, options))
    working = asyncio.ensure_future(asyncio.to_thread(job.run, progress))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        job.interruption()
        await working
        raise


class _Job:
    """A run whose options are read and whose tasks, models and judges are made. Raises errors.UserError where not."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        from sparkles_eval.engine.prepare import check_prices, prepare

        self.interruption = Interruption()
        self._path = Path(values["store"])
        self._config: RunConfig = build_record(RunConfig, values)
        self._limits: RunLimits = build_record(RunLimits, values)
        self._command = command_of(values, run_fields())
        if not all(path.is_file() for path in self._config.plugins):
            # A function of this process: no command line could name it, and none is claimed.
            self._command[:2] = ["python", "sparkles_eval.run"]
        self._plan = prepare(self._config)
        check_prices(self._plan.adapters, self._limits.max_cost_usd)

    def run(self, progress: bool) -> Results:
        from sparkles_eval.api.run_progress import show_progress
        from sparkles_eval.api.run_results import Results
        from sparkles_eval.engine.addresses import stored_plan
        from sparkles_eval.engine.progress import NoProgress

        with Store(self._path) as store:
            plan = stored_plan(self._plan, store)
            with show_progress() if progress else nullcontext(NoProgress()) as shown:
                outcome = evaluate(
                    plan, store, self._config, self._limits, shown, self._command, interruption=self.interruption
                )
        return Results(self._path, outcome.run_ids, outcome)


def _in_thread(job: _Job, progress: bool) -> Results:
    """Run a job in a thread of its own, and wait. An interrupt lets it finish what is in flight."""
    with ThreadPoolExecutor(1, thread_name_prefix="sparkles-run") as pool:
        working = pool.submit(copy_context().run, job.run, progress)
        while True:
            try:
                return working.result()
            except KeyboardInterrupt:
                if working.done():
                    raise
                job.interruption()


def _values(
    tasks: Given | Sequence[Given],
    models: Given | Sequence[Given],
    judges: Given | Sequence[Given],
    store: str | Path | None,
    config: str | Path | None,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """The values of a run's options by key: the file's, and what the call says over them."""
    fields = run_fields()
    given: dict[str, Any] = {name: _listed(value) for name, value in options.items() if value is not None}
    plugins: list[Path] = []
    for name, what in (("tasks", tasks), ("models", models), ("judges", judges)):
        parts = list(what) if isinstance(what, list | tuple) else [what]
        if parts:
            given[name] = [_entry(part, name, plugins) for part in parts]
    defaults = {one.key: one.default for one in fields if one.default is not MISSING}
    defaults["store"] = default_store()
    values = read_config(Path(config), fields).under(defaults, set()) if config is not None else defaults
    called = read_options(given, fields, "run")
    values = called.under(values, set())
    if store is not None:
        values["store"] = Path(store)
    values["plugin"] = (*values["plugin"], *plugins)
    for name in ("task", "model"):
        if not values.get(name):
            raise UserError(f"run: name a {name}, such as {name}s=[{_EXAMPLES[name]!r}]")
    return values


_EXAMPLES = {"task": "bison-mini", "model": "baseline/chance"}


def _entry(part: object, role: str, plugins: list[Path]) -> dict[str, Any] | str:
    if not isinstance(part, NamedContent):
        if not isinstance(part, str | Path):
            raise UserError(f"run: {role} are names or what `{role[:-1]}(...)` makes, not {type(part).__name__}")
        return str(part)
    if f"{part.role}s" != role:
        raise UserError(f"run: {part!r} stands among the {role}")
    if part.plugin is not None:
        plugins.append(part.plugin)
    return part.entry()


def _listed(value: object) -> object:
    """Tuples as the lists that a file would have."""
    return list(value) if isinstance(value, tuple | set | frozenset) else value
