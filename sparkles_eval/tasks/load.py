"""Loads a task (folder, data, prompt) under one protocol, and checks its samples before any request is sent."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from sparkles_eval.core import Sample, Text
from sparkles_eval.core.errors import ContentError, DataError, Problem, UserError
from sparkles_eval.core.files import cache_dir
from sparkles_eval.core.json import question_of, sample_json
from sparkles_eval.core.plugins import load_plugin
from sparkles_eval.core.suggestions import did_you_mean
from sparkles_eval.tasks.base import Loaded, Loader, Prompt, Protocol, Source, Task
from sparkles_eval.tasks.folders import TaskFolder, TaskInfo, find_task, list_tasks
from sparkles_eval.tasks.loaders import find_loader
from sparkles_eval.tasks.loaders.common import data_root as find_root
from sparkles_eval.tasks.metrics import MetricNeed, find_metrics
from sparkles_eval.tasks.placeholders import left_over
from sparkles_eval.tasks.prompts import JinjaPrompt
from sparkles_eval.tasks.scorers import BoundScorer, Question
from sparkles_eval.tasks.scorers.registry import make_scorer
from sparkles_eval.tasks.spec import FILE, ProtocolSpec, valid_name
from sparkles_eval.tasks.validation import read_text


def check_samples(
    samples: Iterable[Sample], protocol: Protocol, metrics: Sequence[str], prompt: Prompt
) -> tuple[list[Sample], list[Problem]]:
    """The samples that can be asked and scored, and the problems of all others."""
    needs = {need for metric in find_metrics(metrics) for need in metric.needs}
    sound: list[Sample] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for sample in samples:
        wrong = _wrong(sample, protocol, needs)
        if not wrong and (mark := _mark_in_words(sample, prompt)):
            wrong.append(f"{mark} would be sent as words, and its image elsewhere; write <image> at each image's place")
        if sample.id in seen:
            wrong.insert(0, "duplicate id: an earlier item has it already")
        seen.add(sample.id)
        problems.extend(Problem(sample.id, what) for what in wrong)
        if not wrong:
            sound.append(sample)
    return sound, problems


def _wrong(sample: Sample, protocol: Protocol, needs: set[MetricNeed]) -> list[str]:
    wrong: list[str] = []
    if not sample.id:
        wrong.append("an empty id")
    if not sample.turns:
        wrong.append("no turns")
    wrong += _wrong_questions(sample, protocol.scorer) if sample.turns else []
    if "groups" in needs and not sample.group:
        wrong.append("no group, which the metrics consistency and group_score need")
    if "two turns" in needs and len(sample.turns) != 2:
        wrong.append(f"{len(sample.turns)} turns, the metric sparkles_score needs two (judge_score takes any number)")
    return wrong


def _wrong_questions(sample: Sample, scorer: BoundScorer | None) -> Iterator[str]:
    """What is wrong with the scored questions of a sample: its only one, or those of its turns."""
    own = any(turn.targets or turn.options for turn in sample.turns)
    if own and (sample.target is not None or sample.accepted):
        yield "a target of the sample and targets or options of its turns; give one or the other"
    for number, turn in enumerate(sample.turns, 1):
        scored = number in sample.scored_turns
        if scored or turn.options:
            place = f"turn {number}: " if own else ""
            yield from (place + what for what in _wrong_question(Question.of(sample, number), scorer, scored=scored))


def _wrong_question(question: Question, scorer: BoundScorer | None, *, scored: bool) -> Iterator[str]:
    options = question.options
    if options:
        if len({option.lower().strip() for option in options}) < len(options):
            yield f"two options read the same: {', '.join(options)}"
            return
        if len(options) == 1 or not all(option.strip() for option in options):
            yield f"at least two options with words are needed, there are {list(options)}"
    if not scored:
        yield "options but no target, although other turns have one"
        return
    if scorer is None:
        yield from _without_scorer(question)
        return
    problem = scorer.check(question)
    lacks = "target" in scorer.scorer.needs and not question.targets
    if options and lacks:
        yield "options but no target (the right one)"
    elif lacks and "options" not in scorer.scorer.needs:
        yield f"no target, which the scorer {scorer.name!r} needs"
    if problem:
        yield problem


def _without_scorer(question: Question) -> Iterator[str]:
    """Check options and targets that no scorer reads: templates still show them, and baselines answer with them."""
    if question.options and not question.targets:
        yield "options but no target (the right one)"
    for target in question.targets:
        if not question.options:
            yield f"target {target!r} but no options"
        elif target not in question.options:
            yield f"label not an option: {target!r} is none of {', '.join(question.options)}"


def _mark_in_words(sample: Sample, prompt: Prompt) -> str | None:
    """An image placeholder of the turns, fields or options that would reach the model as words, or None."""
    words = [part.text for turn in sample.turns for part in turn.content if isinstance(part, Text)]
    if not sample.images or not left_over((*words, *sample.fields.values(), *sample.options)):
        return None
    conversation = prompt.conversation(sample, [""] * (len(sample.turns) - 1))
    return left_over(message.text for message in conversation.messages if message.role == "user")


def repeated(samples: Iterable[Sample]) -> Iterator[str]:
    """Describes questions that occur under several ids: such samples are not independent of each other."""
    groups: dict[str, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(question_of(sample_json(sample)), []).append(sample)
    twice = [group for group in groups.values() if len(group) > 1]
    if not twice:
        return
    names = ", ".join(sample.id for sample in twice[0][:3])
    items = sum(map(len, twice))
    yield (
        f"{items:,} items hold only {len(twice):,} questions: the same question under several ids, such as {names}; "
        "in intervals and tests each question counts once"
    )
    apart = [group for group in twice if len({sample.target for sample in group}) > 1]
    if apart:
        names = ", ".join(f"{sample.id} ({sample.target})" for sample in apart[0][:3])
        yield f"{len(apart):,} of these questions have different right answers, such as {names}"


def check_prompt(prompt: Prompt, samples: Iterable[Sample]) -> None:
    """Render one sample of each shape (images per turn, turns, fields, options), so that a prompt fails before a run.

    Raises errors.ContentError as the prompt does, and where the prompt writes an image placeholder as words.
    """
    shapes: set[tuple[object, ...]] = set()
    for sample in samples:
        counts = tuple((len(turn.images), len(turn.options)) for turn in sample.turns)
        shape = (counts, tuple(sample.fields), len(sample.options))
        if shape not in shapes:
            shapes.add(shape)
            conversation = prompt.conversation(sample, ["..."] * (len(sample.turns) - 1))
            mark = left_over(message.text for message in conversation.messages if message.role == "user")
            if mark and sample.images:
                raise ContentError(
                    f"the prompt writes {mark} as words (sample {sample.id}); "
                    "place images by {{ content }} or by {{ images[0] }}, {{ images[1] }}, ..."
                )


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
    first: int | None = None,
) -> Task:
    """Load the task of that name or folder with all its usable samples.

    `args` are the `--task-arg` pairs and `plugins` the `--plugin` files. Raises errors.ContentError for a mistake in
    the task's folder or in these arguments, and errors.DataError with every problem of the data; with `skip_bad` the
    bad items are left out and listed in `Task.skipped`, as long as one usable sample remains. `first`: no more samples
    than these will be asked, so that of a large data set no more need be at hand.
    """
    for path in plugins:  # a task may list metrics that plugins register
        load_plugin(path)
    folder = find_task(name_or_path, content)
    spec = folder.spec
    chosen = _protocol_spec(folder, protocol)
    prompt = _prompt(folder, chosen)
    settings = arguments(folder, args or {})
    scorer = _scorer(folder, protocol, plugins)
    loaded = _load(folder, find_loader(spec.loader, plugins), settings, data_root, first)
    generation = chosen.generation.record()
    record = Protocol(protocol, chosen.version, generation, prompt.hash, scorer, chosen.draws, chosen.judging)
    samples, wrong = check_samples(loaded.samples, record, spec.metrics, prompt)
    problems = [*loaded.problems, *wrong]
    if not samples:
        none = Problem("", "zero items can be asked" if problems else "zero items: the data is empty")
        raise DataError(f"task {spec.name}", [none, *problems], "see the task's card for the layout of its data")
    if problems and not skip_bad:
        raise DataError(f"task {spec.name}", problems, "fix them, or leave these items out with --skip-bad")
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
        judges=tuple(_judge_of(folder, name) for name in spec.judges),
        skipped=tuple(problems),
        total=len(samples),
        root=loaded.root,
        card=read_text(card) if card else "",
        citation=spec.citation.strip(),
        licence=spec.licence,
        args=settings | ({"revision": loaded.revision} if loaded.revision else {}),
        orders=spec.orders.record() if spec.orders else None,
    )


def _load(folder: TaskFolder, loader: Loader, args: Mapping[str, str], root: Path | None, first: int | None) -> Loaded:
    """What the loader reads. If it can read nothing, the error says how to get the data."""
    spec = folder.spec
    source = Source(
        spec.name,
        args,
        folder.path,
        root.expanduser() if root else None,
        cache_dir(),
        spec.source,
        spec.columns,
        first,
        named=bool(folder.name),
    )
    try:
        if spec.needs_data_root or source.data_root:
            find_root(source)
        return loader(source)
    except DataError as error:
        if not spec.get_data or (spec.source is not None and spec.source.hub is not None):
            raise  # the loader says which command fetches them
        raise DataError(f"task {spec.name}", error.problems, f"How to get the data: {spec.get_data.strip()}") from None


def _protocol_spec(folder: TaskFolder, name: str) -> ProtocolSpec:
    protocols = folder.spec.protocols
    if name not in protocols:
        raise ContentError(f"task {folder.spec.name}: no protocol {name!r}; it has {', '.join(protocols)}")
    return protocols[name]


def _scorer(folder: TaskFolder, protocol: str, plugins: Sequence[Path]) -> BoundScorer | None:
    """The scorer that task.yaml names for a protocol, with its options."""
    chosen = folder.spec.scorer_of(protocol)
    try:
        return make_scorer(chosen.name, chosen.options, plugins) if chosen else None
    except ContentError as error:
        raise ContentError(f"{folder.path / FILE}: scorer: {error}") from None


def _prompt(folder: TaskFolder, protocol: ProtocolSpec) -> JinjaPrompt:
    file = folder.file(protocol.prompt)
    if file is None:
        raise ContentError(f"{folder.path / FILE}: the prompt file {protocol.prompt} is missing from {folder.path}")
    return JinjaPrompt(read_text(file), name=str(file), system=protocol.system)


def arguments(folder: TaskFolder, given: Mapping[str, str]) -> dict[str, str]:
    """The user's arguments over the defaults of task.yaml. Raises errors.ContentError for an unknown name or value."""
    spec = folder.spec
    unknown = sorted(set(given) - set(spec.args))
    if unknown:
        hint = did_you_mean(unknown[0], spec.args)
        takes = f"it takes {', '.join(spec.args)}" if spec.args else "it takes none"
        raise ContentError(f"task {spec.name}: unknown --task-arg {', '.join(unknown)}{hint}; {takes}")
    for name, value in given.items():
        if spec.args[name].choices and value not in spec.args[name].choices:
            raise ContentError(
                f"task {spec.name}: --task-arg {name}={value}: {name} is one of {', '.join(spec.args[name].choices)}"
            )
    return {name: arg.default for name, arg in spec.args.items() if arg.default is not None} | dict(given)


def _judge_of(folder: TaskFolder, name: str) -> str:
    """A judge as a run finds it: a folder's path is relative to the task's folder, where there is one."""
    path, at, model = name.partition("@")
    if valid_name(path) or Path(path).expanduser().is_absolute():
        return name
    place = Path(os.path.normpath(folder.path / path))
    return f"{place}{at}{model}" if place.is_dir() else name


def select(task: Task, *, limit: int | None = None, ids: Sequence[str] = (), shuffle_seed: int | None = None) -> Task:
    """The task with some of its samples: picks those of `ids`, shuffles them, then keeps the first `limit`.

    The order for a seed is that of a hash of seed and sample id: it is the same on every machine, and adding or
    removing a sample does not move the others. Raises errors.UserError for an unknown id or a limit below 1.
    """
    samples: Sequence[Sample] = task.samples
    if ids:
        known = {sample.id for sample in samples}
        # "17,18" is two samples, unless one is called so.
        ids = [part for name in ids for part in ([name] if name in known else name.split(","))]
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
