"""Turns a RunConfig into jobs, and checks everything before anything is spent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from sparkles_eval.adapters.base import Adapter, ModelOptions, Request
from sparkles_eval.adapters.baselines import make_controls
from sparkles_eval.adapters.build import build_adapter, import_early
from sparkles_eval.core import Model, Usage
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.plugins import load_plugin
from sparkles_eval.core.printing import say
from sparkles_eval.engine.arguments import model_options, scoped
from sparkles_eval.engine.config import JudgingConfig, ReplyKind, RunConfig
from sparkles_eval.engine.jobs import BoundJudge, EvalJob
from sparkles_eval.judges.load import default_model, load_judge, split_judge_args
from sparkles_eval.judges.panel import PREFIX, JudgePanel, PanelSpec, is_panel, read_panel
from sparkles_eval.tasks.base import Task
from sparkles_eval.tasks.folders import expand_groups
from sparkles_eval.tasks.hub_data import fetch_task_data, is_there
from sparkles_eval.tasks.load import load_task, select
from sparkles_eval.tasks.picture_checks import check_first
from sparkles_eval.tasks.variants import vary


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The jobs of a run, and the adapters to close afterwards."""

    jobs: tuple[EvalJob, ...]
    adapters: tuple[Adapter, ...]
    panels: tuple[JudgePanel, ...] = ()
    """Judges that are worked out of the cells' judges once those have scored."""
    again: tuple[ReplyKind, ...] = ()
    """Kinds of stored replies that are asked for once more."""
    unjudgeable: frozenset[str] = frozenset()
    """Why judges cannot judge some samples, whatever is answered: asking again does not help."""

    async def aclose(self) -> None:
        for adapter in self.adapters:
            await adapter.aclose()


def prepare(
    config: RunConfig,
    stage: Callable[[str], None] = lambda _: None,
    *,
    sends: bool = True,
) -> RunPlan:
    """Load every task, build every model and judge, and check that they fit together.

    `stage` hears what begins, for whoever shows it. `sends` is False where nothing will be asked, so that no key is
    needed. Raises errors.UserError (ContentError, DataError, MissingExtra)
    with the fix; nothing has been asked then.
    """
    stage("models: they are made ready")
    models = [_model(name, config, sends) for name in dict.fromkeys(config.models)]
    for adapter in models:
        import_early(adapter.model.kind)
    tasks = load_tasks(config, stage)
    _same_name([adapter.model for adapter in models])
    own = [judge for task in tasks for judge in task.judges]
    # Judges that are named are for tasks that judges score; where there is none among them, for all.
    everywhere = not any(task.judges or task.protocol.scorer is None for task in tasks)
    run_judges = RunJudges(config, own, sends=sends, everywhere=everywhere)
    jobs: list[EvalJob] = []
    unjudgeable: set[str] = set()
    controls: list[Adapter] = []
    for task in tasks:
        stage(f"task {task.name}: the questions of {len(task.samples):,} samples are written once, to check them")
        _fit(task, models)
        bound_judges = run_judges.bound_judges(task)
        unjudgeable |= _unjudgeable(task, bound_judges)
        known = make_controls(task.samples, task.data_hash) if config.controls else ()
        controls += known
        jobs += [
            EvalJob(
                task, adapter, adapter.effective(task.protocol.generation), config.epochs, bound_judges, config.shard
            )
            for adapter in (*models, *known)
        ]
    adapters = (*models, *controls, *run_judges.adapters)
    return RunPlan(tuple(jobs), adapters, run_judges.panels, config.again, frozenset(unjudgeable))


def load_tasks(config: RunConfig, stage: Callable[[str], None] = lambda _: None) -> list[Task]:
    """Load the tasks, each with the samples that the user picked."""
    names = expand_groups(config.tasks, config.content)
    return [_task(name, config, names, stage) for name in names]


def _task(name: str, config: RunConfig, names: Sequence[str], stage: Callable[[str], None]) -> Task:
    args = scoped("--task-arg", config.task_args, name, names)
    few = config.limit if not config.sample_ids and config.shuffle_seed is None else None
    here = not config.download or config.data_root is not None
    if not here and not is_there(name, args=args, content=config.content, first=few):
        stage(f"task {name}: its data are fetched")
        fetch_task_data(name, args=args, content=config.content, first=few, say=partial(say, err=True))
    stage(f"task {name}: its data are read, or drawn on first use")
    task = load_task(
        name,
        protocol=config.protocol,
        args=args,
        first=few,
        data_root=config.data_root,
        content=config.content,
        skip_bad=config.skip_bad,
        plugins=config.plugins,
    )
    chosen = select(task, limit=config.limit, ids=config.sample_ids, shuffle_seed=config.shuffle_seed)
    stage(f"task {name}: the pictures of {len(chosen.samples):,} samples are checked")
    return check_first(vary(chosen, config.variation), skip_bad=config.skip_bad)


def _model(name: str, config: RunConfig, sends: bool) -> Adapter:
    options = model_options(name, config.models, config, protocol=config.protocol, sends=sends)
    options = replace(options, settings=config.settings)
    return build_adapter(name, options, content=config.content, plugins=config.plugins)


def _same_name(models: Sequence[Model]) -> None:
    seen: dict[str, Model] = {}
    for model in models:
        if model.name in seen:
            raise UserError(
                f"two models would be called {model.name} in the tables; "
                f"give one another name with --model-arg '{model.name}:name=…'"
            )
        seen[model.name] = model


def _fit(task: Task, models: Sequence[Adapter]) -> None:
    """Render every sample once, so that a template's mistake shows now, and check that each model can take some.

    A model that refuses only some (too many images, say) keeps them as unscored with the reason.
    """
    refusals: dict[str, list[str]] = {adapter.model.name: [] for adapter in models}
    generations = [adapter.effective(task.protocol.generation) for adapter in models]
    for sample in task.samples:
        history = [turn.reference or "…" for turn in sample.turns[:-1]]
        conversation = task.prompt.conversation(sample, history)
        for adapter, generation in zip(models, generations, strict=True):
            request = Request(conversation, generation, sample, len(sample.turns))
            if problem := adapter.check(request):
                refusals[adapter.model.name].append(problem)
    for name, problems in refusals.items():
        if len(problems) == len(task.samples):
            raise UserError(f"{name} can take no sample of {task.name}: {problems[0]}")


def _unjudgeable(task: Task, bound_judges: Sequence[BoundJudge]) -> set[str]:
    """Check that something scores the task, and that each judge can judge some sample of it.

    Returns why judges cannot judge the others (they lack captions, say), which they leave unscored with that reason.
    """
    if not bound_judges and task.protocol.scorer is None:
        raise UserError(
            f"task {task.name}: judges score it, and it names none; name one with --judge (`sparkles-eval list judges` "
            "shows them), or under `judges` in its task.yaml"
        )
    reasons: set[str] = set()
    for bound in bound_judges:
        problems = [problem for sample in task.samples if (problem := bound.judge.check(sample))]
        if len(problems) == len(task.samples):
            raise UserError(f"judge {bound.judge.card.name} can judge no sample of {task.name}: {problems[0]}")
        reasons |= set(problems)
    return reasons


def check_prices(adapters: Sequence[Adapter], max_cost_usd: float | None) -> None:
    """Raise errors.UserError where a budget is set and a model's price is unknown, naming the models."""
    models = [adapter.model for adapter in adapters]
    unknown = sorted({m.name for m in models if not m.free and m.prices.cost(Usage(1, 1)) is None})
    if max_cost_usd is not None and unknown:
        raise UserError(
            f"--max-cost needs the prices of {', '.join(unknown)}; give them in US dollars per million tokens with "
            "--model-arg price_in=… price_out=… (for a judge's model: --judge-arg), or leave --max-cost out"
        )


class RunJudges:
    """The judges of an invocation, each made once, with the adapters of the models that they ask."""

    def __init__(
        self, config: JudgingConfig, own: Sequence[str] = (), *, sends: bool = True, everywhere: bool = False
    ) -> None:
        """`own` are the judges that the tasks name themselves; `everywhere`: the named ones are for every task.

        Raises errors.UserError for a panel that cannot be.
        """
        self._config, self._sends, self._everywhere = config, sends, everywhere
        self._panels = {name: _panel(name, config) for name in dict.fromkeys((*config.judges, *own)) if is_panel(name)}
        selectors = self.members((*config.judges, *own))
        self._names = [*selectors, *(selector.partition("@")[0] for selector in selectors), *self._panels, _PANEL]
        self._plugins = [load_plugin(path) for path in config.plugins]
        self._bound: dict[str, BoundJudge] = {}

    def members(self, names: Sequence[str]) -> list[str]:
        """The judges that are to be asked, each once: a panel's members in its place."""
        each = [self._panels[name].members if name in self._panels else (name,) for name in names]
        return list(dict.fromkeys(member for members in each for member in members))

    @property
    def panels(self) -> tuple[JudgePanel, ...]:
        """The panels that were named, their members made. Raises errors.UserError where members do not fit."""
        return tuple(
            JudgePanel(selector, tuple(self.bound(member).judge.card for member in selector.members))
            for selector in self._panels.values()
        )

    @property
    def adapters(self) -> tuple[Adapter, ...]:
        return tuple(bound.adapter for bound in self._bound.values() if bound.adapter is not None)

    def bound_judges(self, task: Task) -> tuple[BoundJudge, ...]:
        """The judges of a task: those that the user named, else the task's own; none where only a rule scores."""
        if not task.judges and task.protocol.scorer is not None and not self._everywhere:
            return ()
        return tuple(self.bound(name) for name in self.members(self._config.judges or task.judges))

    def bound(self, selector: str) -> BoundJudge:
        """The judge `NAME` or `NAME@MODEL`, made once however many tasks it scores."""
        if selector not in self._bound:
            self._bound[selector] = self._make(selector)
        return self._bound[selector]

    def _make(self, selector: str) -> BoundJudge:
        config = self._config
        name, _, model_name = selector.partition("@")
        given = scoped("--judge-arg", config.judge_args, (selector, name), self._names)
        own, rest = split_judge_args(name, given, content=config.content, plugins=self._plugins)
        model_name = model_name or own.pop("model", "") or default_model(name, config.content) or ""
        adapter = None
        if own.get("structured") == "true" and "base_url" in rest:
            # Said of the judge, but a server of one's own has to be known to take a schema, too.
            rest["structured"] = "true"
        if model_name:
            options = ModelOptions(args=tuple(rest.items()), sends=self._sends)
            adapter = build_adapter(model_name, options, content=config.content, plugins=config.plugins)
        made = partial(
            load_judge,
            name,
            protocol=config.protocol,
            effective=adapter.effective if adapter else None,
            structured=adapter.structured if adapter else False,
            args=own,
            content=config.content,
            plugins=self._plugins,
        )
        if adapter is None:
            return BoundJudge(made())
        return BoundJudge(made(adapter_model=adapter.model), adapter, lambda model: made(adapter_model=model))


_PANEL = PREFIX.removesuffix(":")
"""How `--judge-arg` calls any panel: `panel:quorum=2`."""


def _panel(name: str, config: JudgingConfig) -> PanelSpec:
    own = scoped("--judge-arg", [pair for pair in config.judge_args if pair.startswith(PREFIX)], (name, _PANEL), ())
    return read_panel(name, own)
