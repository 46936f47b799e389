"""Turns the scores of one run and judge into a task's metrics, each an Estimate with its interval.

Repeats and epochs are averaged within a sample first: they make a sample's value steadier, never the sample count
larger. Knows nothing of stores or pages; the statistics themselves are in `stats`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeAlias

from sparkles_eval.records import Criterion, Estimate
from sparkles_eval.stats.consistency import chance_consistency, dialogue_score, group_consistency
from sparkles_eval.stats.estimates import accuracy_estimate, consistency_estimate, mean_estimate, stratified_estimate
from sparkles_eval.store.queries import Place, ScoreLine
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.tasks.metrics import METRICS

Unit: TypeAlias = Literal["percent", "points"]
Level: TypeAlias = Literal["headline", "main", "bounds", "detail"]
"""How prominent a metric is: the one number of a table, beside it, the two ends of a range, on demand."""

EXTRACTED = "accuracy"
"""The criterion under which a protocol's answer extractor scores: 1 right, 0 wrong or invalid."""


@dataclass(frozen=True, slots=True)
class Column:
    """One metric of a table: how it is named, what it means, and what it can be."""

    name: str
    title: str
    description: str
    unit: Unit
    low: float
    high: float
    level: Level


@dataclass(frozen=True, slots=True)
class Measure:
    """One metric of one run by one judge. `chance` is what guessing gets, where that is known."""

    column: Column
    estimate: Estimate
    chance: float | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run asked: its samples in order, how often each, with how many draws, naming which metrics."""

    places: tuple[Place, ...]
    epochs: int
    draws: int
    metrics: tuple[str, ...]
    options: int
    """How many options each answer may name; 0 where that is unknown or differs."""


def extracts(judge: JudgeRow) -> bool:
    """True for a protocol's answer extractor, False for a judge that rates."""
    return tuple(criterion.id for criterion in judge.criteria) == (EXTRACTED,)


def measure(asked: Asked, judge: JudgeRow, lines: Sequence[ScoreLine]) -> tuple[Measure, ...]:
    """Every metric of the run as this judge scored it, headline first."""
    measures = _shares(asked, judge, lines) if extracts(judge) else _ratings(asked, judge, lines)
    return tuple(replace(m, estimate=_clip(m.estimate, m.column)) for m in measures)


# --- answers that name an option --------------------------------------------------------------------------------


def _share(name: str, title: str, description: str, level: Level) -> Column:
    return Column(name, title, description, "percent", 0.0, 1.0, level)


ACCURACY = _share("accuracy", METRICS["accuracy"].title, METRICS["accuracy"].description, "headline")
CONSISTENCY = _share("consistency", METRICS["consistency"].title, METRICS["consistency"].description, "main")
VALIDITY = _share("validity", METRICS["validity"].title, METRICS["validity"].description, "main")
FINAL_VALIDITY = _share(
    "final_validity", "Valid in the end", "Share of samples that named one option within the draws allowed.", "main"
)
WORST = _share(
    "accuracy_worst", "Worst case", "Accuracy if every invalid and every ungraded answer were wrong.", "bounds"
)
BEST = _share("accuracy_best", "Best case", "Accuracy if every invalid and every ungraded answer were right.", "bounds")


def _shares(asked: Asked, judge: JudgeRow, lines: Sequence[ScoreLine]) -> Iterable[Measure]:
    right = _by_sample(asked, lines, lambda line: line.value)
    guess = 1 / asked.options if asked.options else None
    title = judge.criteria[0].name or ACCURACY.title  # a scorer may call its column otherwise ("ANLS")
    yield Measure(replace(ACCURACY, title=title), _proportion(asked, right), guess)
    if "consistency" in asked.metrics:
        yield _consistency(asked, lines, right, guess)
    first = _by_sample(asked, lines, lambda line: float(not line.invalid and line.draws in (1, None)))
    yield Measure(VALIDITY, _proportion(asked, first))
    if asked.draws > 1:
        yield Measure(
            FINAL_VALIDITY, _proportion(asked, _by_sample(asked, lines, lambda line: float(not line.invalid)))
        )
    favoured = _by_sample(asked, lines, lambda line: 1.0 if line.invalid else line.value)
    yield Measure(WORST, _proportion(asked, [value or 0.0 for value in right]))
    yield Measure(BEST, _proportion(asked, [1.0 if value is None else value for value in favoured]))


def _by_sample(
    asked: Asked, lines: Sequence[ScoreLine], value: Callable[[ScoreLine], float | None]
) -> list[float | None]:
    """One number per sample in order: the mean over its graded epochs and repeats, None where none is graded.

    An epoch's number is the mean over the turns that are scored; it is graded where all of them are.
    """
    turns: dict[tuple[str, int, int], list[float | None]] = {}
    for line in lines:
        number = None if line.value is None else value(line)
        turns.setdefault((line.sample_id, line.epoch, line.repeat), []).append(number)
    found: dict[str, list[float]] = {}
    for (sample, _, _), numbers in turns.items():
        graded = [number for number in numbers if number is not None]
        if len(graded) == len(numbers):
            found.setdefault(sample, []).append(sum(graded) / len(graded))
    return [_mean(found.get(place.sample_id, ())) for place in asked.places]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _clusters(asked: Asked) -> list[str]:
    return [place.cluster for place in asked.places]


def _proportion(asked: Asked, values: Sequence[float | None]) -> Estimate:
    """Wilson's interval where each sample is 0 or 1, in every epoch the same; else it is a mean, with t.

    As `evidence.compare` does: a page and a comparison give one interval for one number.
    """
    if all(value in (0.0, 1.0, None) for value in values):
        return accuracy_estimate(values, _clusters(asked), len(asked.places))
    return mean_estimate(values, _clusters(asked), len(asked.places))


def _consistency(
    asked: Asked, lines: Sequence[ScoreLine], right: Sequence[float | None], guess: float | None
) -> Measure:
    """Share of groups with every sample right; with several epochs the mean over epochs of a group's 0 or 1."""
    groups = [place.group for place in asked.places]
    sizes = group_consistency(right, groups).sizes
    chance = None if guess is None else chance_consistency(sizes, guess)
    if all(value is None for value in right):
        nothing = Estimate(None, None, None, 0, sum(sizes.values()), note="nothing graded")
        return Measure(CONSISTENCY, nothing, chance)
    if asked.epochs == 1:
        made = consistency_estimate(right, groups, _clusters(asked), chance=guess or 0.5).estimate
        return Measure(CONSISTENCY, made, chance)
    epochs = sorted({line.epoch for line in lines})
    done = [
        group_consistency(_by_sample(asked, [x for x in lines if x.epoch == epoch], lambda x: x.value), groups).complete
        for epoch in epochs
    ]
    clusters = list({place.group: place.cluster for place in asked.places}.values())
    means = [sum(float(group) for group in column) / len(epochs) for column in zip(*done, strict=True)]
    return Measure(CONSISTENCY, mean_estimate(means, clusters), chance)


# --- answers that a judge rates ---------------------------------------------------------------------------------

Cell: TypeAlias = tuple[int, str]
"""Turn and criterion."""


def _ratings(asked: Asked, judge: JudgeRow, lines: Sequence[ScoreLine]) -> Iterable[Measure]:
    verdicts: dict[tuple[str, int, int], dict[Cell, float | None]] = {}
    for line in lines:
        key = (line.sample_id, line.epoch, line.repeat)
        verdicts.setdefault(key, {})[line.turn, line.criterion] = line.value

    def points(
        column: Column, value: Callable[[Mapping[Cell, float | None]], float | None], *, by_group: bool = False
    ) -> Measure:
        found: dict[str, list[float]] = {}
        for (sample, _, _), cells in verdicts.items():
            number = value(cells)
            if number is not None:
                found.setdefault(sample, []).append(number)
        values = [_mean(found.get(place.sample_id, ())) for place in asked.places]
        if by_group:
            groups = [place.group for place in asked.places]
            return Measure(column, stratified_estimate(values, groups, _clusters(asked), len(asked.places)))
        return Measure(column, mean_estimate(values, _clusters(asked), len(asked.places)))

    ends = judge.low, judge.high
    named = [name for name in ("sparkles_score", "group_score", "judge_score") if name in asked.metrics]
    named = named or ["judge_score"]
    for place, name in enumerate(named):
        column = _points(name, METRICS[name].title, METRICS[name].description, ends, "main" if place else "headline")
        rate = _dialogue if name == "sparkles_score" else partial(_weighted, judge.criteria)
        yield points(column, rate, by_group=name == "group_score")
    turns = sorted({line.turn for line in lines})
    for turn in turns:
        text = f"Mean over samples of the criterion means of answer {turn}."
        yield points(_points(f"A{turn}", f"A{turn}", text, ends, "main"), partial(_turn, turn))
    for turn in turns:
        for criterion in judge.criteria:
            title = f"A{turn} · {criterion.name}"
            column = _points(f"A{turn}.{criterion.id}", title, criterion.description, ends, "detail")
            yield points(column, partial(_cell, (turn, criterion.id)))


def _points(name: str, title: str, description: str, ends: tuple[float, float], level: Level) -> Column:
    return Column(name, title, description, "points", *ends, level)


def _cell(cell: Cell, cells: Mapping[Cell, float | None]) -> float | None:
    return cells.get(cell)


def _turn(turn: int, cells: Mapping[Cell, float | None]) -> float | None:
    return _dialogue({cell: value for cell, value in cells.items() if cell[0] == turn})


def _dialogue(cells: Mapping[Cell, float | None]) -> float | None:
    """Mean over turns of the mean over criteria (Huang et al. 2023), None where a rating is missing."""
    turns: dict[str, dict[str, float | None]] = {}
    for (turn, criterion), value in cells.items():
        turns.setdefault(str(turn), {})[criterion] = value
    return dialogue_score(turns).score


def _weighted(criteria: Sequence[Criterion], cells: Mapping[Cell, float | None]) -> float | None:
    """Weighted mean over all ratings, None where one is missing."""
    weights = {criterion.id: criterion.weight for criterion in criteria}
    total = sum(weights.get(criterion, 1.0) for _, criterion in cells)
    points = 0.0
    for (_, criterion), value in cells.items():
        if value is None:
            return None
        points += weights.get(criterion, 1.0) * value
    return points / total if total > 0 else None


def _clip(estimate: Estimate, column: Column) -> Estimate:
    """A t interval may reach past what the metric can be; it is cut there, and says so."""
    low, high = estimate.low, estimate.high
    if low is None or high is None or (low >= column.low and high <= column.high):
        return estimate
    note = "; ".join(part for part in (estimate.note, "interval cut at the end of the scale") if part)
    return replace(estimate, low=max(low, column.low), high=min(high, column.high), note=note)
