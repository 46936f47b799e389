"""Defines metrics: their names, what they need, and how each turns the scores of a sample into a number.

A metric is a function of one sample's scores with the decorator `metric`: in this file, in an installed package (entry
point group `sparkles_eval.metrics`) or in a `--plugin` file. `analysis` applies metrics to runs, adds intervals and
compares runs.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from sparkles_eval.core.errors import UserError
from sparkles_eval.core.plugins import Registry

MetricNeed: TypeAlias = Literal["options", "groups", "judge", "two turns"]
"""What a metric needs: a scorer (stored as "options"), samples in groups, a judge, or two-turn dialogues."""
Unit: TypeAlias = Literal["percent", "points"]
Level: TypeAlias = Literal["headline", "main", "bounds", "detail"]
"""Where a metric is shown: as a table's first column, beside it, as an end of a range, or on request only."""
Aggregate: TypeAlias = Literal["mean", "group_mean", "group_all"] | Callable[[Sequence[float]], float]
"""How sample values become one number: their mean, the mean of the groups' means, the share of groups with 1 on every
sample, or any function of the values. It also decides the interval, which for a function comes from resampling."""
Chance: TypeAlias = Callable[[int], float]
"""The value that guessing gets on a sample, by its number of options."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_NEEDS: Mapping[str, str] = {
    "options": "a scorer",
    "groups": "groups",
    "judge": "a judge",
    "two turns": "2 turns",
}


@dataclass(frozen=True, slots=True)
class SampleScores:
    """The scores of one sample from one epoch and one repeat of its judge (or from the scorer)."""

    values: Mapping[tuple[int, str], float | None]
    """By turn (from 1) and criterion; None where the judge or scorer gave no number."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Of the criteria; 1 where a criterion is not named."""
    invalid_turns: frozenset[int] = frozenset()
    """Turns whose answer cannot be read. Their score is 0: they count as wrong."""
    draws: Mapping[int, int] = field(default_factory=dict)
    """By turn, how many answers were drawn until one was valid or the draws were used up; without undrawn turns."""

    @property
    def invalid(self) -> bool:
        """True where an answer cannot be read."""
        return bool(self.invalid_turns)

    @property
    def complete(self) -> bool:
        """True where every score has a value."""
        return None not in self.values.values()

    @property
    def turns(self) -> tuple[int, ...]:
        """The turns that have scores, in order."""
        return tuple(sorted({turn for turn, _ in self.values}))

    def turn(self, number: int) -> float | None:
        """The unweighted mean over the criteria of a turn; None where one is missing."""
        return _plain_mean([value for (turn, _), value in self.values.items() if turn == number])

    def criterion(self, name: str) -> float | None:
        """The mean over turns of a criterion; None where one is missing."""
        return _plain_mean([value for (_, criterion), value in self.values.items() if criterion == name])

    def mean(self) -> float | None:
        """The weighted mean over all turns and criteria; None where one is missing or nothing has weight."""
        total = sum(self.weights.get(criterion, 1.0) for _, criterion in self.values)
        points = 0.0
        for (_, criterion), value in self.values.items():
            if value is None:
                return None
            points += self.weights.get(criterion, 1.0) * value
        return points / total if total > 0 else None


def _plain_mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


PerSample: TypeAlias = Callable[[SampleScores], float | None]


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a run, with everything that is needed to compute and print it."""

    name: str
    title: str
    description: str
    per_sample: PerSample = field(compare=False)
    """Gives the number of one sample, or None where it has none."""
    needs: tuple[MetricNeed, ...] = ()
    unit: Unit = "percent"
    """Shares are kept from 0 to 1 and shown as per cent; points are shown as they are."""
    low: float = 0.0
    high: float = 1.0
    level: Level = "headline"
    aggregate: Aggregate = "mean"
    chance: Chance | None = None
    own_scale: bool = True
    """False where the scale is the judge's, which `on_scale` sets."""
    partial: bool = False
    """True where `per_sample` also gets samples with missing scores."""
    missing: float | None = None
    """The value of a sample that has none (for the ends of a range); None: it is left out and counts as not graded."""

    @property
    def by_group(self) -> bool:
        """True where the units that are counted and compared are groups, not samples."""
        return self.aggregate == "group_all"

    def on_scale(self, low: float, high: float) -> Metric:
        """The metric with a judge's scale, unless it has a scale of its own."""
        return self if self.own_scale else replace(self, low=low, high=high, own_scale=True)


METRICS: Registry[Metric] = Registry("metric", "metrics")
"""Every metric by name: the built-in ones in the order of tables, then those of packages and plugins."""


def metric(
    *,
    title: str,
    needs: MetricNeed | Sequence[MetricNeed] = (),
    unit: Unit | None = None,
    scale: tuple[float, float] | None = None,
    aggregate: Aggregate = "mean",
    chance: float | Chance | None = None,
    level: Level = "headline",
    partial: bool = False,
    missing: float | None = None,
    name: str | None = None,
) -> Callable[[PerSample], PerSample]:
    """Register a function of `SampleScores` as a metric; its docstring is the description.

    `needs` says who can give it: "judge" (ratings in points of the judge's scale), "options" (an answer rule's 0 and
    1), "groups", "two turns". `unit` and `scale` are the judge's points for a metric that needs a judge and a share
    from 0 to 1 otherwise. The function gets samples whose every score is there, unless `partial`. Raises
    errors.UserError for a bad or taken name, a missing docstring, or a scale without width.
    """
    wanted: tuple[MetricNeed, ...] = (needs,) if isinstance(needs, str) else tuple(needs)

    def register(function: PerSample) -> PerSample:
        own = name or str(getattr(function, "__name__", ""))
        _check(own, function, wanted, scale)
        kind: Unit = unit or ("points" if "judge" in wanted else "percent")
        low, high = scale or (0.0, 1.0)
        METRICS.add(
            own,
            Metric(
                name=own,
                title=title,
                description=" ".join((inspect.getdoc(function) or "").split("\n\n")[0].split()),
                per_sample=function,
                needs=wanted,
                unit=kind,
                low=low,
                high=high,
                level=level,
                aggregate=aggregate,
                chance=_constant(chance) if isinstance(chance, float) else chance,
                own_scale=scale is not None or kind == "percent",
                partial=partial,
                missing=missing,
            ),
            function.__module__,
        )
        return function

    return register


def _constant(share: float) -> Chance:
    return lambda _: share


def _check(name: str, function: PerSample, needs: Sequence[MetricNeed], scale: tuple[float, float] | None) -> None:
    if not _NAME.fullmatch(name):
        raise UserError(f"metric {name!r}: use lower case letters, digits and '_' (40 at the most) as its name")
    if not inspect.getdoc(function):
        raise UserError(f"metric {name!r}: write a docstring; its first paragraph is what tables say of the metric")
    unknown = [need for need in needs if need not in _NEEDS]
    if unknown:
        raise UserError(f"metric {name!r}: needs {', '.join(map(repr, unknown))}; known are {', '.join(_NEEDS)}")
    if "judge" in needs and "options" in needs:
        raise UserError(f"metric {name!r}: needs a judge and an answer rule; scores come from one of them")
    if scale is not None and not scale[0] < scale[1]:
        raise UserError(f"metric {name!r}: its scale {scale} has no width; give (worst, best) as (low, high)")


def find_metrics(names: Sequence[str]) -> tuple[Metric, ...]:
    """The metrics of a task's list. Raises errors.UserError, with the known names, for an unknown one."""
    found = {name: METRICS.get(name) for name in names}
    unknown = [name for name, known in found.items() if known is None]
    if unknown:
        raise UserError(
            f"unknown metric {', '.join(map(repr, unknown))}; known: {', '.join(nameable())}"
            " (a metric of your own: name its file with --plugin)"
        )
    return tuple(known for known in found.values() if known is not None)


def nameable() -> list[str]:
    """The names that a task may list."""
    return [name for name in METRICS if (known := METRICS.get(name)) and known.level in ("headline", "main")]


# --- built in: answers that a scorer scores -----------------------------------------------------------------------


def _one_of(options: int) -> float:
    return 1 / options


@metric(title="Accuracy", needs="options", chance=_one_of)
def accuracy(scores: SampleScores) -> float | None:
    """Mean over samples of the scorer's value, 1 right and 0 wrong; an answer that cannot be read counts as wrong."""
    return scores.mean()


@metric(title="Macro accuracy", needs=("options", "groups"), aggregate="group_mean")
def macro_accuracy(scores: SampleScores) -> float | None:
    """Mean over groups of each group's own accuracy: a large group counts no more than a small one."""
    return scores.mean()


@metric(title="Consistency", needs=("options", "groups"), aggregate="group_all", level="main", chance=_one_of)
def consistency(scores: SampleScores) -> float | None:
    """Share of groups in which every sample is answered rightly (Suhr et al. 2019)."""
    return scores.mean()


@metric(title="Task completion", needs="options", level="main")
def completion(scores: SampleScores) -> float | None:
    """Share of samples whose every scored turn is answered rightly."""
    return float(all(value == 1.0 for value in scores.values.values())) if scores.complete else None


@metric(title="Validity", needs="options", level="main")
def validity(scores: SampleScores) -> float | None:
    """Share of samples whose first answer can be read; it separates poor form from poor sight."""
    return _plain_mean([float(t not in scores.invalid_turns and scores.draws.get(t, 1) == 1) for t in scores.turns])


# --- built in: answers that a judge rates -------------------------------------------------------------------------


@metric(title="SparklesEval score", needs=("judge", "two turns"))
def sparkles_score(scores: SampleScores) -> float | None:
    """(A1 + A2) / 2, each the mean over dialogues of the turn's criterion means (Huang et al. 2023)."""
    return _plain_mean([scores.turn(number) for number in scores.turns])


@metric(title="Judge score", needs="judge")
def judge_score(scores: SampleScores) -> float | None:
    """Mean over samples of the weighted mean over all criteria and turns that the judge rated."""
    return scores.mean()


@metric(title="Mean over groups", needs=("judge", "groups"), aggregate="group_mean")
def group_score(scores: SampleScores) -> float | None:
    """Mean over groups of each group's own mean judge score: a large group counts no more than a small one."""
    return scores.mean()


# --- built in: shown beside accuracy without being named ----------------------------------------------------------


@metric(title="Valid in the end", needs="options", level="main")
def final_validity(scores: SampleScores) -> float | None:
    """Share of samples that named one option within the draws allowed."""
    return _plain_mean([float(turn not in scores.invalid_turns) for turn in scores.turns])


@metric(title="Worst case", needs="options", level="bounds", missing=0.0)
def accuracy_worst(scores: SampleScores) -> float | None:
    """Accuracy if every invalid and every ungraded answer were wrong."""
    return scores.mean()


@metric(title="Best case", needs="options", level="bounds", missing=1.0)
def accuracy_best(scores: SampleScores) -> float | None:
    """Accuracy if every invalid and every ungraded answer were right."""
    return replace(
        scores, values={key: 1.0 if key[0] in scores.invalid_turns else value for key, value in scores.values.items()}
    ).mean()
