"""Makes a task ready to be asked: its folder, its data, its prompt, under one protocol. Asks no model."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sparkles_eval.errors import ContentError, DataError, Problem, UserError
from sparkles_eval.plugins import load_plugin
from sparkles_eval.records import Sample
from sparkles_eval.tasks.base import Loaded, Loader, Protocol, Source, Task
from sparkles_eval.tasks.cache import cache_dir
from sparkles_eval.tasks.checks import check_prompt, check_samples
from sparkles_eval.tasks.find import Folder, TaskInfo, find_task, list_tasks
from sparkles_eval.tasks.loaders import find_loader
from sparkles_eval.tasks.loaders.reading import data_root as find_root
from sparkles_eval.tasks.prompts import JinjaPrompt
from sparkles_eval.tasks.scorers import BoundScorer
from sparkles_eval.tasks.scorers.registry import make_scorer
from sparkles_eval.tasks.spec import FILE, ProtocolSpec
from sparkles_eval.tasks.strict import read_text

__all__ = ["TaskInfo", "list_tasks", "load_task", "select"]


def load_task(
    name_or_path: str,
    *,
    protocol: str = "strict",
    args: Mapping[str, str] | None = None,
    data_root: Path | None = None,
    content: Sequence[Path] = (),
    skip_bad: bool = False,
    plugins: Sequence[Path] = (),
) -> Task:
    """The task of that name or folder with all its sound samples.

    `args` are the `--task-arg` pairs and `plugins` the `--plugin` files. Raises errors.ContentError for a mistake in
    the task's folder or in what the user asked of it, and errors.DataError with every problem of the data; with
    `skip_bad` the bad items are left out and listed in `Task.skipped`, as long as one sound sample remains.
    """
    for path in plugins:  # a task may list metrics that they register
        load_plugin(path)
    folder = find_task(name_or_path, content)
    spec = folder.spec
    chosen = _protocol_spec(folder, protocol)
    prompt = _prompt(folder, chosen)
    settings = _args(folder, args or {})
    scorer = _scorer(folder, protocol, plugins)
    loaded = _load(folder, find_loader(spec.loader, plugins), settings, data_root)
    generation = chosen.generation.record()
    record = Protocol(protocol, chosen.version, generation, prompt.hash, scorer, chosen.draws, chosen.judging)
    samples, wrong = check_samples(loaded.samples, record, spec.metrics, prompt)
    problems = [*loaded.problems, *wrong]
    if not samples:
        none = Problem("", "zero items can be asked" if problems else "zero items: the data is empty")
        raise DataError(f"task {spec.name}", [none, *problems], "see the task's card for the layout of its data")
    if problems and not skip_bad:
        raise DataError(f"task {spec.name}", problems, "mend them, or leave these items out with --skip-bad")
    check_prompt(prompt, samples)
    card = folder.file("README.md")
    return Task(
        name=spec.name,
        version=spec.version,
        title=spec.title,
        samples=tuple(samples),
        prompt=prompt,
        protocol=record,
        metrics=spec.metrics,
        judges=spec.judges,
        skipped=tuple(problems),
        total=len(samples),
        root=loaded.root,
        card=read_text(card) if card else "",
        citation=spec.citation.strip(),
        licence=spec.licence,
        args=settings,
        orders=spec.orders.record() if spec.orders else None,
    )


def _load(folder: Folder, loader: Loader, args: Mapping[str, str], root: Path | None) -> Loaded:
    """What the loader reads; where it can read nothing, the task says how to get the data."""
    spec = folder.spec
    source = Source(spec.name, args, folder.path, root.expanduser() if root else None, cache_dir())
    try:
        if spec.needs_data_root or source.data_root:
            find_root(source)
        return loader(source)
    except DataError as error:
        if not spec.get_data:
            raise
        raise DataError(f"task {spec.name}", error.problems, f"How to get the data: {spec.get_data.strip()}") from None


def _protocol_spec(folder: Folder, name: str) -> ProtocolSpec:
    protocols = folder.spec.protocols
    if name not in protocols:
        raise ContentError(f"task {folder.spec.name}: no protocol {name!r}; it has {', '.join(protocols)}")
    return protocols[name]


def _scorer(folder: Folder, protocol: str, plugins: Sequence[Path]) -> BoundScorer | None:
    """The scorer that task.yaml names for a protocol, with its options."""
    wish = folder.spec.scorer_of(protocol)
    try:
        return make_scorer(wish.name, wish.options, plugins) if wish else None
    except ContentError as error:
        raise ContentError(f"{folder.path / FILE}: scorer: {error}") from None


def _prompt(folder: Folder, protocol: ProtocolSpec) -> JinjaPrompt:
    file = folder.file(protocol.prompt)
    if file is None:
        raise ContentError(f"{folder.path / FILE}: the prompt file {protocol.prompt} is missing from {folder.path}")
    return JinjaPrompt(read_text(file), name=str(file), system=protocol.system)


def _args(folder: Folder, given: Mapping[str, str]) -> dict[str, str]:
    """The user's arguments over the defaults of task.yaml."""
    spec = folder.spec
    unknown = sorted(set(given) - set(spec.args))
    if unknown:
        near = difflib.get_close_matches(unknown[0], spec.args, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        takes = f"it takes {', '.join(spec.args)}" if spec.args else "it takes none"
        raise ContentError(f"task {spec.name}: unknown --task-arg {', '.join(unknown)}{hint}; {takes}")
    for name, value in given.items():
        if spec.args[name].choices and value not in spec.args[name].choices:
            raise ContentError(
                f"task {spec.name}: --task-arg {name}={value}: {name} is one of {', '.join(spec.args[name].choices)}"
            )
    return {name: arg.default for name, arg in spec.args.items() if arg.default is not None} | dict(given)


def select(task: Task, *, limit: int | None = None, ids: Sequence[str] = (), shuffle_seed: int | None = None) -> Task:
    """The task with some of its samples: those of `ids`, then in a random order, then the first `limit`.

    The order for a seed is that of a hash of seed and sample id: the same on every machine, and an item that is added
    or left out does not move the others. Raises errors.UserError for an unknown id or a limit below 1.
    """
    samples: Sequence[Sample] = task.samples
    if ids:
        known = {sample.id for sample in samples}
        unknown = [name for name in dict.fromkeys(ids) if name not in known]
        if unknown:
            raise UserError(_unknown_ids(task, unknown, known))
        samples = [sample for sample in samples if sample.id in set(ids)]
    if shuffle_seed is not None:
        samples = sorted(samples, key=lambda sample: hashlib.sha256(f"{shuffle_seed}:{sample.id}".encode()).digest())
    if limit is not None:
        if limit < 1:
            raise UserError(f"--limit {limit}: at least one sample must be asked")
        samples = samples[:limit]
    return replace(task, samples=tuple(samples))


def _unknown_ids(task: Task, unknown: Sequence[str], known: set[str]) -> str:
    skipped = {problem.item for problem in task.skipped}
    left_out = [name for name in unknown if name in skipped]
    if left_out:
        return f"task {task.name}: {', '.join(left_out)} was left out with --skip-bad; its data has problems"
    near = difflib.get_close_matches(unknown[0], known, n=3) or sorted(known)[:3]
    shown = ", ".join(unknown[:10]) + (f" and {len(unknown) - 10} more" if len(unknown) > 10 else "")
    return f"task {task.name}: no sample {shown}; its {len(known)} samples are called like {', '.join(near)}"
