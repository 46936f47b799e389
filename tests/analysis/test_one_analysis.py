"""One number, one owner: table, ranks, `compare`, `verify` and exports give the same value for every metric."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sparkles_eval.analysis.compare import compare
from sparkles_eval.analysis.humans.estimate import human_report
from sparkles_eval.analysis.leaderboard import leaderboard
from sparkles_eval.analysis.summary import summarise
from sparkles_eval.analysis.variance import variance
from sparkles_eval.core import Criterion, Model, Sample, Score, Text, Turn
from sparkles_eval.core.errors import UserError
from sparkles_eval.core.plugins import load_plugin
from sparkles_eval.publishing.exports.results import harness_results
from sparkles_eval.publishing.recompute import Recomputed
from sparkles_eval.publishing.verify import check_estimates
from sparkles_eval.store import read_runs
from sparkles_eval.store.ratings import HumanRating, Sheet, SheetRow, add_ratings, add_sheet
from sparkles_eval.store.rows import JudgeRow, ScoreRow, TaskRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.metrics import METRICS, SampleScores
from tests.analysis.making import ENVIRONMENT, RULE, RUN

PLUGIN = """
import statistics
from sparkles_eval import metric

@metric(title="Worst turn", needs="judge")
def test_worst_turn(scores):
    \"\"\"The lower of the means of a dialogue's turns.\"\"\"
    return min(scores.turn(turn) for turn in scores.turns)

@metric(title="Median", needs="judge", aggregate=statistics.median)
def test_median(scores):
    \"\"\"The median over samples of the judge score.\"\"\"
    return scores.mean()

@metric(title="Wrong form", needs="options", level="main")
def test_wrong_form(scores):
    \"\"\"Share of samples whose answer names no option.\"\"\"
    return scores.invalid
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Metrics of a user's own, beside the built-in ones."""
    file = tmp_path_factory.mktemp("plugin") / "own.py"
    file.write_text(PLUGIN)
    load_plugin(file)
    yield
    module = METRICS.modules()["test_worst_turn"]
    assert METRICS.forget(module) == 3


@dataclass(frozen=True)
class Made:
    """A store to make: by model the scores of every sample, epoch and repeat (None: unscored; absent: not answered)."""

    metrics: tuple[str, ...]
    weights: tuple[float, float]
    groups: tuple[int, ...]
    clusters: tuple[int, ...]
    epochs: int
    scores: tuple[tuple[tuple[int, int, int, int, int, float | None, bool], ...], ...]
    """A model each: (sample, epoch, repeat, turn, criterion, value, invalid)."""
    rule: bool


@st.composite
def stores(draw: st.DrawFn) -> Made:
    rule = draw(st.booleans())
    count = draw(st.integers(3, 45))
    epochs, repeats = draw(st.integers(1, 2)), 1 if rule else draw(st.integers(1, 2))
    number = st.sampled_from([0.0, 1.0]) if rule else st.sampled_from([1.0, 4.0, 7.0, 10.0])
    models = []
    for _ in range(draw(st.integers(2, 3))):
        lines = []
        gap = draw(st.sampled_from([0.0, 0.1, 0.5]))
        chances = draw(st.randoms(use_true_random=False))
        values = draw(st.lists(number, min_size=7, max_size=7))
        for sample in range(count):
            for epoch in range(epochs):
                for repeat in range(repeats):
                    if sample and chances.random() < gap / 2:  # a run without a score stands in a panel of its own
                        continue
                    for turn in range(1, 2 if rule else 3):
                        for criterion in range(1 if rule else 2):
                            value = None if chances.random() < gap / 2 else chances.choice(values)
                            invalid = rule and value == 0.0 and chances.random() < 0.3
                            lines.append((sample, epoch, repeat, turn, criterion, value, invalid))
        models.append(tuple(lines))
    own = (
        ["accuracy", "consistency", "validity", "test_wrong_form"]
        if rule
        else ["sparkles_score", "judge_score", "group_score", "test_worst_turn", "test_median"]
    )
    return Made(
        tuple(draw(st.permutations(own))),
        (draw(st.sampled_from([1.0, 3.0])), draw(st.sampled_from([1.0, 0.5]))),
        tuple(draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))),
        tuple(draw(st.lists(st.integers(0, 40), min_size=count, max_size=count))),
        epochs,
        tuple(models),
        rule,
    )


def write(store: Store, made: Made) -> JudgeRow:
    """The store that was drawn."""
    environment = store.add_environment(ENVIRONMENT)
    criteria = tuple(Criterion(f"C{n}", f"C{n}", weight=weight) for n, weight in enumerate(made.weights, 1))
    rater = JudgeRow("r" * 64, "rater", 1, "rates", "text", None, 1, 10, criteria)
    judge = RULE if made.rule else rater
    store.add_judge(judge)
    task = TaskRow("pairs", 1, "Pairs", made.metrics, ("A", "B") if made.rule else (), {}, "", "", "")
    turns = 1 if made.rule else 2
    samples = [
        Sample(f"item-{n}", (Turn((Text(f"? {n}"),)),) * turns, cluster=f"c{cluster}-{group}", group=f"g{group}")
        for n, (cluster, group) in enumerate(zip(made.clusters, made.groups, strict=True))
    ]
    for number, lines in enumerate(made.scores):
        model = Model(f"m{number}", "maker", f"m{number}", free=True)
        run = replace(
            RUN, model=model, total=len(samples), epochs=made.epochs, answer_rule="strict" if made.rule else None
        )
        keys = store.add_run(run, task, samples, [], environment)
        store.add_scores(
            [
                ScoreRow(
                    run.id,
                    keys[sample],
                    epoch,
                    judge.id,
                    repeat,
                    Score(
                        turn, judge.criteria[criterion].id, value, None if value is not None else "why", invalid, None
                    ),
                )
                for sample, epoch, repeat, turn, criterion, value, invalid in lines
            ]
        )
    return judge


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=stores())
def test_every_way_to_a_number_gives_the_same(made: Made, plugin: None) -> None:
    with TemporaryDirectory() as folder, Store(Path(folder, "s.db")) as store:
        write(store, made)
        summary = summarise(store)
        (panel,) = summary.panels
        ids = {entry.run.id: entry for entry in panel.entries}
        exported = harness_results(store, summary)
        done = Recomputed()
        assert list(check_estimates(store, done)) == [] and done == Recomputed()
        for metric in panel.columns:
            known = [entry.measure(metric.name) for entry in panel.entries]
            if all(measure is None or measure.estimate.value is None for measure in known):
                continue
            try:
                (found,) = compare(store, *ids, metric=metric.name).comparisons
            except UserError as error:  # two models that were never scored on the same sample
                if "no scored item in common" not in str(error):
                    raise
                continue
            for ranked_run in found.ranked_runs:
                entry = next(e for e in panel.entries if e.label == ranked_run.label)
                measure = entry.measure(metric.name)
                assert measure is not None and ranked_run.estimate == measure.estimate
                said = json.loads(exported[entry.run.model.name])["results"]["pairs"]
                assert said[next(key for key in said if key.startswith(f"{metric.name},"))] == measure.estimate.value
        assert {m for m in made.metrics if m in METRICS} <= {metric.name for metric in panel.columns}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=stores())
def test_ranks_follow_the_column_that_is_shown(made: Made, plugin: None) -> None:
    with TemporaryDirectory() as folder, Store(Path(folder, "s.db")) as store:
        write(store, made)
        for view in leaderboard(summarise(store)).views:
            (head,) = view.heads
            first = next(name for name in made.metrics if (m := METRICS.get(name)) and m.level == "headline")
            assert head.column.name == first
            cells = [cell for line in view.lines for cell in line.cells if cell and cell.ranked_run and cell.measure]
            for cell in cells:
                assert cell.ranked_run and cell.measure and cell.ranked_run.estimate == cell.measure.estimate
            ranked = [(c.measure.estimate.value, c.ranked_run) for c in cells if c.measure and c.ranked_run]
            for value, one in ranked:
                for other_value, other in ranked:
                    if one.rank_high and other.rank_low and one.rank_high < other.rank_low:
                        assert value is not None and other_value is not None and value > other_value


def groups_of_two_sizes(store: Store, metrics: Sequence[str]) -> None:
    """Two models on groups of 60 and 60 clusters, one better by samples and the other by groups."""
    lines = []
    for better in (0, 1):
        own = []
        for n in range(160):
            small = n >= 120
            value = 5.0 + (n * (3 + 2 * better)) % 4 - 1.5
            if better and small:
                value += 3
            if not better and not small:
                value += 1.5
            own.append((n, 0, 0, 1, 0, value, False))
        lines.append(tuple(own))
    groups = tuple(int(n >= 120) for n in range(160))
    write(store, Made(tuple(metrics), (1.0, 1.0), groups, tuple(range(160)), 1, tuple(lines), False))


def test_a_leaderboard_of_group_means_ranks_by_group_means(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        groups_of_two_sizes(store, ("group_score", "judge_score"))
        (view,) = leaderboard(summarise(store)).views
        assert [line.label for line in view.lines] == ["m1", "m0"]
        cells = [line.cells[0] for line in view.lines]
        assert [cell.ranked_run.rank_low for cell in cells if cell and cell.ranked_run] == [1, 2]
        assert [cell.ranked_run.letters for cell in cells if cell and cell.ranked_run] == ["a", "b"]
        (by_group,) = compare(store, metric="group_score").comparisons
        (by_sample,) = compare(store, metric="judge_score").comparisons
        assert [s.label for s in by_group.ranked_runs] == ["m1", "m0"]
        assert [s.label for s in by_sample.ranked_runs] == ["m0", "m1"]
        (pair,) = by_group.pairs
        assert pair.difference == pytest.approx(-0.75) and pair.test == "stratified t" and pair.significant
        (said,) = compare(store).sentences
        assert "m0 reaches 5.75 and m1 6.50" in said, "the headline, and the means are group means"


def test_a_criterion_of_more_weight_counts_more_everywhere(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        lines = tuple(
            tuple(
                (n, 0, 0, turn, c, (9.0, 3.0)[c == model] - n % 2, False)
                for n in range(40)
                for turn in (1, 2)
                for c in (0, 1)
            )
            for model in (0, 1)
        )
        write(store, Made(("judge_score",), (3.0, 1.0), (0,) * 40, tuple(range(40)), 1, lines, False))
        values = {e.label: e.measures[0].estimate.value for e in summarise(store).panels[0].entries}
        (found,) = compare(store, "m0", "m1").comparisons
        assert values == {"m0": pytest.approx(4.0), "m1": pytest.approx(7.0)}
        assert found.pairs[0].difference == pytest.approx(-3.0)
        budgets = {budget.column.label: budget for budget in variance(store).budgets}
        assert budgets["m0"].se_clustered == pytest.approx(np.std([0.0, 1.0] * 20, ddof=1) / np.sqrt(40))
        runs = {run.model.name: run for run in read_runs.runs(store)}
        judge = read_runs.judges(store, runs["m0"].id)[0]
        rows = tuple(
            SheetRow(f"{m}-{n}", run.id, place.sample_id, 0)
            for m, run in runs.items()
            for n, place in enumerate(read_runs.places(store, run.id)[:30])
        )
        sheet = Sheet("ada", "pairs", 0, 1, 10, judge.criteria, rows)
        add_sheet(store, sheet)
        add_ratings(
            store,
            [
                HumanRating("ada", row.run_id, row.sample_id, 0, turn, c, mark, "", sheet.id)
                for row in rows
                for turn in (1, 2)
                for c, mark in (("C1", 8.0 if row.run_id == runs["m1"].id else 2.0), ("C2", 5.0))
            ],
        )
        report = human_report(store, judge)
        assert {m.run.model.name: m.judge.value for m in report.models} == values
        assert {m.run.model.name: m.humans.value for m in report.models} == {"m0": 2.75, "m1": 7.25}


def test_unanswered_samples_make_a_group_inconsistent_everywhere(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        lines = tuple(tuple((n, 0, 0, 1, 0, 1.0, False) for n in range(80) if n % 8 or model) for model in (0, 1))
        made = Made(("accuracy", "consistency"), (1.0, 1.0), (0,) * 80, tuple(range(80)), 1, lines, True)
        write(store, replace(made, groups=tuple(n // 2 for n in range(80))))
        by_label = {e.label: e.measure("consistency") for e in summarise(store).panels[0].entries}
        (found,) = compare(store, "m0", "m1", metric="consistency").comparisons
        assert by_label["m0"] and by_label["m0"].estimate.value == pytest.approx(0.75)
        assert {s.label: s.estimate for s in found.ranked_runs} == {
            label: measure.estimate for label, measure in by_label.items() if measure
        }
        (pair,) = found.pairs
        assert pair.n == 40 and pair.difference == pytest.approx(-0.25)


def test_an_aggregate_of_ones_own_is_that_function(plugin: None, tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        lines = tuple(
            tuple((n, 0, 0, 1, 0, float(1 + (n * n + model) % 9), False) for n in range(41)) for model in (0, 1)
        )
        write(store, Made(("test_median",), (1.0, 1.0), (0,) * 41, tuple(range(41)), 1, lines, False))
        entry = next(e for e in summarise(store).panels[0].entries if e.label == "m0")
        estimate = entry.measures[0].estimate
        assert estimate.value == statistics.median(1 + n * n % 9 for n in range(41))
        assert estimate.method == "bootstrap" and estimate.low is not None and estimate.low <= estimate.value
        (pair,) = compare(store).comparisons[0].pairs
        assert pair.test == "exchanged models" and pair.p is not None and not math.isnan(pair.p)


def test_scores_of_a_sample_by_hand() -> None:
    scores = SampleScores({(1, "a"): 2.0, (1, "b"): 4.0, (2, "a"): 6.0, (2, "b"): 8.0}, {"a": 3.0})
    assert (scores.turn(1), scores.criterion("a"), scores.turns, scores.complete) == (3.0, 4.0, (1, 2), True)
    assert scores.mean() == (3 * 2 + 4 + 3 * 6 + 8) / 8
    assert SampleScores({(1, "a"): None}).mean() is None
