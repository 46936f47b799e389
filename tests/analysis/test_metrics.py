"""Metrics against numbers worked out by hand, and the rules that keep them honest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from sparkles_eval.analysis.metrics import Measure, extracts
from sparkles_eval.analysis.run_scores import RunScores, ScoredRun
from sparkles_eval.core import Criterion
from sparkles_eval.store.read_runs import RunSample, ScoreLine, StoredModel, StoredRun
from sparkles_eval.store.rows import JudgeRow, TaskRow

RULE = JudgeRow("strict@1", "strict", 1, "", "text", None, 0, 1, (Criterion("accuracy", "Accuracy"),))
RATER = JudgeRow(
    "j", "rater", 1, "", "captions", "m", 1, 10, tuple(Criterion(c, f"name {c}") for c in ("C1", "C2", "C3"))
)


@dataclass(frozen=True)
class Asked:
    """What a run was asked."""

    places: tuple[RunSample, ...]
    epochs: int
    draws: int
    metrics: tuple[str, ...]


def asked(count: int, *metrics: str, epochs: int = 1, draws: int = 1, group: int = 1) -> Asked:
    places = tuple(RunSample(f"s{n}", f"s{n}", f"g{n // group}", f"s{n}") for n in range(count))
    return Asked(places, epochs, draws, metrics or ("accuracy",))


def measure(found: Asked, judge: JudgeRow, lines: Sequence[ScoreLine]) -> tuple[Measure, ...]:
    """Every metric of a run with these scores."""
    task = TaskRow("t", 1, "T", found.metrics, ("A", "B"), {}, "", "", "")
    model = StoredModel("m", "maker", "m", "i", {}, True)
    total = len(found.places)
    run = StoredRun("r", task, model, "strict", 1, "", None, found.draws, found.epochs, total, "p", "d", {}, "now")
    read = RunScores(ScoredRun(run, judge, "m"), found.places, tuple(lines), frozenset())
    return tuple(read.measure(metric) for metric in read.metrics)


def read(place: int, value: float | None, *, epoch: int = 0, draws: int | None = 1, invalid: bool = False) -> ScoreLine:
    reason = "why" if value is None or invalid else None
    return ScoreLine(f"s{place}", epoch, 0, 1, "accuracy", value, reason, invalid, draws)


def rated(
    place: int, turn: int, points: tuple[float | None, ...], *, repeat: int = 0, epoch: int = 0
) -> list[ScoreLine]:
    return [
        ScoreLine(f"s{place}", epoch, repeat, turn, f"C{n}", value, None if value is not None else "why", False, 1)
        for n, value in enumerate(points, 1)
    ]


def by_name(measures: tuple[Measure, ...]) -> dict[str, Measure]:
    return {m.column.name: m for m in measures}


def test_invalid_counts_as_wrong_and_widens_the_bounds() -> None:
    # 80 right, 12 invalid, 58 wrong of 150: .5333, bounds [.5333, .6133], validity .92.
    lines = [read(n, 1.0) for n in range(80)]
    lines += [read(n, 0.0, invalid=True) for n in range(80, 92)] + [read(n, 0.0) for n in range(92, 150)]
    found = by_name(measure(asked(150), RULE, lines))
    estimate = found["accuracy"].estimate
    assert estimate.value == pytest.approx(80 / 150) and estimate.method == "Wilson"
    assert (estimate.n, estimate.total, found["accuracy"].chance) == (150, 150, 0.5)
    assert found["accuracy_worst"].estimate.value == pytest.approx(80 / 150)
    assert found["accuracy_best"].estimate.value == pytest.approx(92 / 150)
    validity = found["validity"].estimate
    assert validity.value == pytest.approx(0.92)
    assert (1 - (validity.high or 0), 1 - (validity.low or 0)) == pytest.approx((0.0464, 0.1346), abs=1e-4)


def test_the_unscored_are_no_zeros_but_the_bounds_allow_for_them() -> None:
    lines = [read(n, 1.0) for n in range(30)] + [read(n, None, draws=None) for n in range(30, 40)]
    found = by_name(measure(asked(40), RULE, lines))
    assert found["accuracy"].estimate.value == 1.0
    assert (found["accuracy"].estimate.n, found["accuracy"].estimate.total) == (30, 40)
    assert found["accuracy_worst"].estimate.value == 0.75 and found["accuracy_best"].estimate.value == 1.0


def test_nothing_graded_has_no_value() -> None:
    found = by_name(measure(asked(3), RULE, [read(n, None) for n in range(3)]))
    assert found["accuracy"].estimate.value is None and found["accuracy"].estimate.total == 3


def test_first_attempt_validity_stands_beside_what_the_draws_reached() -> None:
    lines = [read(n, 1.0, draws=1 if n < 25 else 4) for n in range(35)] + [
        read(n, 0.0, draws=10, invalid=True) for n in range(35, 40)
    ]
    found = by_name(measure(asked(40, draws=10), RULE, lines))
    assert found["validity"].estimate.value == pytest.approx(25 / 40)
    assert found["final_validity"].estimate.value == pytest.approx(35 / 40)
    assert "final_validity" not in by_name(measure(asked(40), RULE, lines))


def test_epochs_are_averaged_within_a_sample_and_never_raise_n() -> None:
    lines = [read(n, float((n + epoch) % 3 == 0), epoch=epoch) for n in range(40) for epoch in range(3)]
    estimate = by_name(measure(asked(40, epochs=3), RULE, lines))["accuracy"].estimate
    assert estimate.value == pytest.approx(1 / 3)
    assert (estimate.n, estimate.clusters, estimate.method) == (40, 40, "Wilson")


def test_epochs_that_agree_have_the_interval_of_one() -> None:
    once = [read(n, float(n > 0)) for n in range(40)]
    twice = [read(n, float(n > 0), epoch=epoch) for n in range(40) for epoch in range(2)]
    one, two = (by_name(measure(asked(40, epochs=n), RULE, lines)) for n, lines in ((1, once), (2, twice)))
    assert one["accuracy"].estimate == two["accuracy"].estimate and one["accuracy"].estimate.method == "Wilson"


def test_an_epoch_that_was_not_graded_is_left_out_of_its_samples_mean() -> None:
    lines = [read(n, 1.0, epoch=0) for n in range(40)] + [read(n, None, epoch=1) for n in range(40)]
    estimate = by_name(measure(asked(40, epochs=2), RULE, lines))["accuracy"].estimate
    assert (estimate.value, estimate.n) == (1.0, 40)


def test_consistency_needs_every_sample_of_a_group_and_knows_its_chance() -> None:
    lines = [read(n, 1.0) for n in range(79)] + [read(79, None)]
    found = by_name(measure(asked(80, "accuracy", "consistency", group=2), RULE, lines))
    consistency = found["consistency"]
    assert consistency.estimate.value == pytest.approx(39 / 40)
    assert consistency.estimate.n == 40 and consistency.chance == pytest.approx(0.25)


def test_consistency_over_epochs_is_the_mean_of_what_each_epoch_had() -> None:
    # Two samples a group. Epoch 0: all right. Epoch 1: the first of each group wrong. Each group is 1/2.
    lines = [read(n, float(epoch == 0 or n % 2 == 1), epoch=epoch) for n in range(8) for epoch in range(2)]
    found = by_name(measure(asked(8, "accuracy", "consistency", epochs=2, group=2), RULE, lines))
    assert found["consistency"].estimate.value == 0.5 and found["accuracy"].estimate.value == 0.75


def test_the_sparkles_score_is_the_mean_over_turns_of_the_mean_over_criteria() -> None:
    # (8, 7, 9) -> 8; (6, 6, 7) -> 6.3333; score 7.1667.
    lines = rated(0, 1, (8, 7, 9)) + rated(0, 2, (6, 6, 7))
    found = by_name(measure(asked(1, "sparkles_score"), RATER, lines))
    assert found["sparkles_score"].estimate.value == pytest.approx(7.1667, abs=1e-4)
    assert found["A1"].estimate.value == 8 and found["A2"].estimate.value == pytest.approx(6.3333, abs=1e-4)
    assert found["A2.C3"].estimate.value == 7 and found["A2.C3"].column.title == "A2 · name C3"
    assert next(iter(found.values())).column.level == "headline"


def test_a_missing_rating_leaves_the_dialogue_out() -> None:
    lines = rated(0, 1, (8, 8, 8)) + rated(0, 2, (6, None, 6)) + rated(1, 1, (4, 4, 4)) + rated(1, 2, (4, 4, 4))
    found = by_name(measure(asked(2, "sparkles_score"), RATER, lines))
    assert (found["sparkles_score"].estimate.value, found["sparkles_score"].estimate.n) == (4.0, 1)
    assert (found["A1"].estimate.value, found["A1"].estimate.n) == (6.0, 2)
    assert found["A2.C1"].estimate.n == 2 and found["A2.C2"].estimate.n == 1


def test_repeats_of_a_judge_are_averaged_within_a_sample() -> None:
    lines = [
        line
        for repeat in range(3)
        for n in range(31)
        for line in rated(n, 1, (repeat + 1.0 + n % 2,) * 3, repeat=repeat)
    ]
    estimate = by_name(measure(asked(31, "judge_score"), RATER, lines))["judge_score"].estimate
    assert estimate.value == pytest.approx(2 + 15 / 31)
    assert (estimate.n, estimate.clusters, estimate.method) == (31, 31, "t")


def test_the_judge_score_weighs_its_criteria() -> None:
    heavy = replace(
        RATER, criteria=(Criterion("C1", "a", weight=3), Criterion("C2", "b"), Criterion("C3", "c", weight=0))
    )
    found = by_name(measure(asked(1, "judge_score"), heavy, rated(0, 1, (10, 2, 1))))
    assert found["judge_score"].estimate.value == pytest.approx((30 + 2) / 4)


def test_an_interval_never_leaves_the_scale() -> None:
    lines = [line for n in range(40) for line in rated(n, 1, (10 if n else 1,) * 3)]
    estimate = by_name(measure(asked(40, "judge_score"), RATER, lines))["judge_score"].estimate
    assert estimate.high == 10 and "end of the scale" in estimate.note
    assert estimate.low is not None and estimate.value is not None and estimate.low < estimate.value < 10


def test_extractors_are_told_from_judges() -> None:
    assert extracts(RULE) and not extracts(RATER)


def test_the_mean_over_groups_counts_a_group_once() -> None:
    # One group of 60 at 4 points, one of 20 at 8: 6 over groups, 5 over samples.
    places = tuple(RunSample(f"s{n}", f"s{n}", "large" if n < 60 else "small") for n in range(80))
    lines = [line for n in range(80) for line in rated(n, 1, ((4, 8)[n >= 60] + (n % 3 - 1),) * 3)]
    both = replace(asked(80), places=places, metrics=("group_score", "judge_score"))
    found = by_name(measure(both, RATER, lines))
    spread = [n % 3 - 1 for n in range(80)]
    over_groups = (4 + sum(spread[:60]) / 60 + 8 + sum(spread[60:]) / 20) / 2
    assert found["group_score"].estimate.value == pytest.approx(over_groups)
    assert found["group_score"].column.level == "headline" and found["group_score"].estimate.method == "t, stratified"
    assert found["judge_score"].estimate.value == pytest.approx(5 + sum(spread) / 80)
