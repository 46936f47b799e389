"""Selects the runs to compare: same task, data, prompt, protocol, variant and judge, different models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sparkles_eval.analysis.comparability import FACTORS, PHRASES, Comparability, differences, is_reference
from sparkles_eval.analysis.config import CompareConfig
from sparkles_eval.analysis.run_scores import ScoredRun
from sparkles_eval.core.errors import UserError
from sparkles_eval.store import read_runs
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.store import Store


def _record(column: ScoredRun) -> Comparability:
    return Comparability.of(column.run, column.judge)


def differing(columns: Sequence[ScoredRun]) -> list[str]:
    """The factors in which runs differ that should be the same: "protocol: strict v1 (a); paper v1 (b)"."""
    return [str(found) for found in differences([(column.label, _record(column)) for column in columns])]


@dataclass(frozen=True, slots=True)
class Matched:
    """Runs to compare with each other. `mixed` names the factors that differ although they should not."""

    columns: tuple[ScoredRun, ...]
    mixed: tuple[str, ...] = ()
    said: str = ""
    """The words that distinguish this comparison from the others of the task."""


def match(store: Store, choice: CompareConfig) -> list[Matched]:
    """Every comparison that the choice allows, in the order of the runs' making.

    Raises errors.UserError where a model or task is not there, where fewer than two runs are left, and where runs
    differ in more than the model (it lists in what; `allow_mixed` goes on).
    """
    columns = _candidates(store, choice)
    found: list[Matched] = []
    refusals: list[str] = []
    for task in dict.fromkeys(column.run.task.name for column in columns):
        mine = [column for column in columns if column.run.task.name == task]
        sets = _contexts(mine, choice)
        if sets:
            found += sets
        elif choice.allow_mixed and len(mine) > 1:
            latest = _latest(mine, choice)
            found.append(Matched(_labelled(latest), tuple(differing(_labelled(latest)))))
        else:
            refusals.append(_refusal(task, mine, choice))
    if not found:
        raise UserError("\n".join(refusals))
    return found


def _candidates(store: Store, choice: CompareConfig) -> list[ScoredRun]:
    runs = read_runs.runs(store)
    if not runs:
        raise UserError(f"{store.path} holds no runs yet; `sparkles-eval run` makes some")
    for what, wanted, have in (
        ("task", choice.task, {run.task.name for run in runs}),
        ("protocol", choice.protocol, {run.protocol for run in runs}),
    ):
        if wanted is not None and wanted not in have:
            raise UserError(f"{store.path}: no run of {what} {wanted}; there are {', '.join(sorted(have))}")
    names = {run.model.name for run in runs} | {run.id for run in runs}
    unknown = [name for name in choice.models if name not in names]
    if unknown:
        models = ", ".join(sorted({run.model.name for run in runs}))
        raise UserError(f"{store.path}: no run of {', '.join(unknown)}; it has runs of {models}")
    wanted_runs = [run for run in runs if _wanted(run, choice)]
    if not wanted_runs and not choice.models and all(is_reference(run.model) for run in runs):
        models = " ".join(sorted({run.model.name for run in runs}))
        raise UserError(f"{store.path} has runs of baselines and controls alone; compare them by name: {models}")
    kept = _unaltered(wanted_runs, choice)
    columns = [ScoredRun(run, judge, run.model.name) for run in kept for judge in read_runs.judges(store, run.id)]
    if choice.judge:
        judges = {column.judge.name for column in columns}
        columns = [c for c in columns if choice.judge == c.judge.name or c.judge.id.startswith(choice.judge)]
        if not columns:
            raise UserError(
                f"no scores by judge {choice.judge}; these runs are scored by {', '.join(sorted(judges)) or 'nobody'}"
            )
    if not columns:
        raise UserError("these runs have no scores yet; `sparkles-eval run` or `judge` makes them")
    return columns


def _wanted(run: StoredRun, choice: CompareConfig) -> bool:
    named = run.model.name in choice.models or run.id in choice.models if choice.models else not is_reference(run.model)
    return (
        named and choice.task in (None, run.task.name) and choice.protocol in (None, run.protocol)
    )  # fmt: skip


def _unaltered(runs: list[StoredRun], choice: CompareConfig) -> list[StoredRun]:
    """Without the altered runs of whom there is one on the task as it is, unless they were named by id or variant."""
    if choice.variant is not None:
        kept = [run for run in runs if run.variant == choice.variant]
        if not kept:
            have = ", ".join(sorted({run.variant for run in runs} - {""})) or "none"
            raise UserError(f"no run of these models is altered by {choice.variant!r}; there are {have}")
        return kept
    plain = {(run.task.name, run.model.name) for run in runs if not run.variant}
    return [
        run
        for run in runs
        if not run.variant or run.id in choice.models or (run.task.name, run.model.name) not in plain
    ]


def _names(columns: Iterable[ScoredRun], choice: CompareConfig) -> set[str]:
    """Which of the named models or runs the columns hold."""
    have = {name for column in columns for name in (column.run.model.name, column.run.id)}
    return {name for name in choice.models if name in have}


def _contexts(columns: list[ScoredRun], choice: CompareConfig) -> list[Matched]:
    """Sets of runs that differ in the model alone, each with every named model (or with two models at least)."""
    groups: dict[tuple[object, ...], list[ScoredRun]] = {}
    for column in columns:
        groups.setdefault(_record(column).key, []).append(column)
    whole = [
        group
        for group in groups.values()
        if len(group) > 1 and (not choice.models or _names(group, choice) == set(choice.models))
    ]
    sayings = _distinguishing([group[0] for group in whole])
    return [Matched(_labelled(_in_order(group, choice)), (), said) for group, said in zip(whole, sayings, strict=True)]


def _in_order(columns: list[ScoredRun], choice: CompareConfig) -> list[ScoredRun]:
    """As the user named them, so that "A minus B" reads as it was asked."""
    places = {name: place for place, name in enumerate(choice.models)}
    last = len(places)
    return sorted(
        columns, key=lambda c: min(places.get(c.run.model.name, last), places.get(c.run.id, last))
    )  # fmt: skip


def _distinguishing(firsts: Sequence[ScoredRun]) -> list[str]:
    """Every factor in which contexts differ, in words."""
    records = [_record(first) for first in firsts]
    ways: tuple[Callable[[Comparability], str], ...] = (
        PHRASES["protocol"],
        FACTORS["variant"],
        lambda c: f"judged by {FACTORS['judge'](c)}",
        lambda c: f"{c.items} items",
        PHRASES["epochs"],
        lambda c: f"prompt {FACTORS['prompt'](c)}",
    )
    said = [[way(record) for record in records] for way in ways]
    differ = [words for words in said if len(set(words)) > 1]
    return [", ".join(words[place] for words in differ) for place in range(len(records))]


def _labelled(columns: Sequence[ScoredRun]) -> tuple[ScoredRun, ...]:
    """Columns with labels of their own: the model's name, with the run's id where a model has several runs."""
    counts: dict[str, int] = {}
    for column in columns:
        counts[column.run.model.name] = counts.get(column.run.model.name, 0) + 1
    return tuple(
        ScoredRun(
            c.run, c.judge, c.run.model.name if counts[c.run.model.name] == 1 else f"{c.run.model.name} {c.run.id}"
        )
        for c in columns
    )


def _latest(columns: list[ScoredRun], choice: CompareConfig) -> list[ScoredRun]:
    """One run a model, the last made, for a mixed comparison; runs that were named by their id all stay."""
    latest: dict[str, ScoredRun] = {}
    for column in columns:
        latest[column.run.id if column.run.id in choice.models else column.run.model.name] = column
    return _in_order(list(latest.values()), choice)


def _refusal(task: str, columns: list[ScoredRun], choice: CompareConfig) -> str:
    missing = sorted(set(choice.models) - _names(columns, choice))
    if missing:
        return f"task {task}: no scored run of {', '.join(missing)}"
    latest = _labelled(_latest(columns, choice))
    if len(latest) < 2:
        return f"task {task}: only one run, of {latest[0].label}; name two models or more"
    factors = "\n".join(f"  {factor}" for factor in differing(latest))
    return (
        f"task {task}: the runs differ in more than the model, so a difference would not be the model's:\n{factors}\n"
        f"{_fix(latest)}, or go on with --allow-mixed (every output is then marked)"
    )


def _fix(columns: Sequence[ScoredRun]) -> str:
    """What makes the runs comparable: scores by the current version of their rule where only that differs."""
    others = {found.factor for found in differences([(c.label, _record(c)) for c in columns])} - {"judge"}
    if not others and len({column.judge.name for column in columns}) == 1:
        if all(column.run.answer_rule for column in columns):
            return "have all of them read by one version of their rule with `sparkles-eval rescore STORE`"
        return "have one judge score all of them with `sparkles-eval judge --judge NAME`"
    return "run them again under the same conditions"
