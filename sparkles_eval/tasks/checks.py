"""Looks over loaded samples, whatever loader made them, and names everything that would spoil a run. Asks no model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from sparkles_eval.errors import Problem
from sparkles_eval.records import Sample
from sparkles_eval.tasks.base import Prompt, Protocol
from sparkles_eval.tasks.metrics import METRICS, Need
from sparkles_eval.tasks.scorers.strict_reader import unreadable


def check_samples(
    samples: Iterable[Sample], protocol: Protocol, metrics: Sequence[str]
) -> tuple[list[Sample], list[Problem]]:
    """The samples that can be asked and scored, and every problem of the others."""
    needs = {need for name in metrics for need in METRICS[name].needs}
    sound: list[Sample] = []
    problems: list[Problem] = []
    seen: set[str] = set()
    for sample in samples:
        wrong = _wrong(sample, protocol, needs)
        if sample.id in seen:
            wrong.insert(0, "duplicate id: an earlier item has it already")
        seen.add(sample.id)
        problems.extend(Problem(sample.id, what) for what in wrong)
        if not wrong:
            sound.append(sample)
    return sound, problems


def _wrong(sample: Sample, protocol: Protocol, needs: set[Need]) -> list[str]:
    wrong: list[str] = []
    if not sample.id:
        wrong.append("an empty id")
    if not sample.turns:
        wrong.append("no turns")
    wrong += _wrong_options(sample, protocol)
    if "groups" in needs and not sample.group:
        wrong.append("no group, which the metrics consistency and group_score need")
    if "two turns" in needs and len(sample.turns) != 2:
        wrong.append(f"{len(sample.turns)} turns, the metric sparkles_score needs two (judge_score takes any number)")
    return wrong


def _wrong_options(sample: Sample, protocol: Protocol) -> list[str]:
    wrong: list[str] = []
    options, target = sample.options, sample.target
    if options:
        if len({option.lower().strip() for option in options}) < len(options):
            wrong.append(f"two options read the same: {', '.join(options)}")
        elif protocol.answer == "strict" and (mixed := confused(options)):
            wrong.append(mixed)
        if len(options) == 1 or not all(option.strip() for option in options):
            wrong.append(f"at least two options with words are needed, there are {list(options)}")
        if protocol.answer == "paper" and len(options) != 2:
            wrong.append(f"the paper answer rule reads two options, there are {len(options)}")
        if target is None:
            wrong.append("options but no target (the right one)")
        elif target not in options:
            wrong.append(f"label not an option: {target!r} is none of {', '.join(options)}")
    elif target is not None:
        wrong.append(f"target {target!r} but no options")
    elif protocol.answer is not None:
        wrong.append(f"no options, which the answer rule {protocol.answer!r} needs")
    return wrong


@lru_cache(maxsize=1024)
def confused(options: tuple[str, ...]) -> str:
    """Why the answer rule cannot read these options, said alone, as themselves; "" where it can."""
    wrong = unreadable(options)
    if not wrong:
        return ""
    option, other = wrong[0]
    what = f"cannot tell {option!r} from {other!r}" if other is not None else f"cannot read {option!r}"
    letters = ", ".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: min(len(options), 4)])
    return (
        f"the answer rule {what} (options {', '.join(options)[:200]}); "
        f"let the options be letters ({letters}) and name what they stand for in the question"
    )


def check_prompt(prompt: Prompt, samples: Iterable[Sample]) -> None:
    """Render one sample of each shape (images a turn, turns, fields, options), so that a prompt fails before a run.

    Raises errors.ContentError as the prompt does.
    """
    shapes: set[tuple[object, ...]] = set()
    for sample in samples:
        counts = tuple(len(turn.images) for turn in sample.turns)
        shape = (counts, tuple(sample.fields), len(sample.options))
        if shape not in shapes:
            shapes.add(shape)
            prompt.conversation(sample, ["..."] * (len(sample.turns) - 1))
