"""The leaderboard: its numbers are those of the statistics library, and what must not be compared stands apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sparkles_eval.analysis.compare import compare
from sparkles_eval.analysis.leaderboard import Leaderboard, View, bar, leaderboard
from sparkles_eval.analysis.metrics import Measure
from sparkles_eval.analysis.summary import Summary, summarise
from sparkles_eval.core import Estimate
from sparkles_eval.stats.estimates import accuracy_estimate, mean_estimate
from sparkles_eval.stats.intervals import wilson
from sparkles_eval.stats.ranks import rank_sets
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.load import load_task
from sparkles_eval.tasks.metrics import Metric
from tests.analysis.making import fill
from tests.reports.crowd import STERN
from tests.reports.demo import CAREFUL, RATER, add_run, begin, careful


@pytest.fixture
def board(crowded: Store) -> Leaderboard:
    return leaderboard(summarise(crowded, min_coverage=0.9))


def labels(view: View) -> list[list[str]]:
    return [[line.label for line in lines] for lines in (view.lines, view.references, view.published)]


def test_a_view_is_one_protocol_one_alteration_and_one_judge(board: Leaderboard) -> None:
    assert [view.id for view in board.views] == [
        "view-strict-v1-careful-reader-c0ffeec0",
        "view-strict-v1-stern-reader-57e257e2",
        "view-paper-v1",
        "view-strict-v1-images-dropped-2a14e6",
    ]
    for view in board.views:
        conditions = view.conditions
        for head in view.heads:
            run, judge = head.panel.run, head.panel.judge
            assert (run.protocol, run.variant) == (conditions.protocol, conditions.variant)
            assert judge is not None and (head.checked or judge == conditions.judge)
        tasks = [head.task.name for head in view.heads]
        assert len(set(tasks)) == len(tasks)


def test_models_come_first_and_everything_else_stands_apart(board: Leaderboard) -> None:
    models, references, published = labels(board.views[0])
    assert models == ["demo/careful", "demo/hasty", "demo/middle"]
    assert references == ["guessing", "baseline/chance", "control/null"]
    assert published == []
    guessing = board.views[0].references[0]
    values = [cell.measure.estimate.value if cell and cell.measure else None for cell in guessing.cells]
    assert values == [0.5, 0.5, None] and guessing.kind == "guessing"
    for line in board.views[0].references:
        assert all(cell is None or cell.ranked_run is None for cell in line.cells)


def test_every_number_is_that_of_the_statistics_library(crowded: Store, board: Leaderboard) -> None:
    checked = 0
    for view in board.views:
        for place, head in enumerate(view.heads):
            assert head.panel.judge is not None
            for line in (*view.lines, *view.references):
                cell = line.cells[place]
                if cell is None or cell.entry is None:
                    continue
                rows = crowded.connection.execute(
                    "SELECT s.cluster, x.value FROM run_samples p JOIN samples s ON s.id = p.sample_id LEFT JOIN"
                    " (SELECT sample_id, avg(value) AS value FROM scores WHERE run_id = ? AND judge_id = ?"
                    " GROUP BY sample_id) x ON x.sample_id = s.id WHERE p.run_id = ? ORDER BY p.position",
                    (cell.entry.run.id, head.panel.judge.id, cell.entry.run.id),
                ).fetchall()
                clusters, values = [row[0] for row in rows], [row[1] for row in rows]
                assert cell.measure is not None
                known = cell.measure.estimate
                expected = (accuracy_estimate if head.checked else mean_estimate)(values, clusters, len(rows))
                assert (known.n, known.total, known.clusters) == (expected.n, expected.total, expected.clusters)
                assert known.value == pytest.approx(expected.value)
                if expected.low is not None and expected.high is not None:
                    low, high = max(expected.low, head.column.low), min(expected.high, head.column.high)
                    assert (known.low, known.high) == pytest.approx((low, high))
                checked += 1
    assert checked == 5 * 3 + 5 * 3 + 2 + 1


def test_ranks_and_letters_are_those_of_compare_and_of_rank_sets(crowded: Store, board: Leaderboard) -> None:
    head = next(head for head in board.views[1].heads if head.task.name == "sparkleseval-mini")
    (compared,) = compare(crowded, task="sparkleseval-mini", judge="stern-reader").comparisons
    mine = {s.label: (s.rank_low, s.rank_high, s.letters) for s in head.ranks.by_run.values()}
    assert mine == {s.label: (s.rank_low, s.rank_high, s.letters) for s in compared.ranked_runs}
    assert head.ranks.pairs == 3 and set(mine) == {"demo/careful", "demo/hasty", "demo/middle"}
    matrix = compared.matrix
    by_stats = rank_sets(np.asarray(matrix.values), matrix.clusters.tolist())
    assert {
        label: (low, high, letters)
        for label, low, high, letters in zip(
            matrix.labels, by_stats.rank_low, by_stats.rank_high, by_stats.letters, strict=True
        )
    } == mine


def test_few_units_rank_nothing_and_say_so(crowded: Store, board: Leaderboard) -> None:
    nlvr2 = next(head for head in board.views[0].heads if head.task.name == "nlvr2-mini")
    assert nlvr2.ranks.note == "fewer than 30 independent units in some pair: no ranks are claimed"
    assert nlvr2.ranks.by_run == {}
    (compared,) = compare(crowded, task="nlvr2-mini").comparisons
    assert all(s.rank_low is None and s.letters == "" for s in compared.ranked_runs)


def test_the_invalid_rate_is_the_share_that_names_no_option(board: Leaderboard) -> None:
    hasty = board.views[0].lines[1]
    bison = hasty.cells[0]
    assert bison is not None and bison.invalid is not None
    assert bison.invalid.estimate.value == pytest.approx(9 / 34) and bison.invalid.estimate.n == 34
    ends = wilson(9, 34)
    assert (bison.invalid.estimate.low, bison.invalid.estimate.high) == pytest.approx((ends.low, ends.high), abs=0.01)
    dialogues = hasty.cells[2]
    assert dialogues is not None and dialogues.invalid is None


def test_a_rows_cost_counts_each_run_once_and_only_its_views_judge(board: Leaderboard) -> None:
    first, second = board.views[0].lines[1], board.views[1].lines[1]
    assert first.label == second.label == "demo/hasty"
    assert second.cost.known - first.cost.known == pytest.approx(0.002 * 34)
    assert first.seconds == pytest.approx(second.seconds) and (first.graded, first.asked) == (102, 108)


def test_published_totals_stand_below_where_the_items_are_the_same(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "own" / "tasks" / "bison-mini"
    folder.mkdir(parents=True)
    (folder / "published.yaml").write_text(
        "source: A paper\nmetric: accuracy\nitems: 36\nargs: {n: '36'}\nconditions: asked twice\n"
        "rows:\n  - {model: Theirs, value: 0.75, right: 27}\n  - {model: Others, value: 0.5, note: rounded}\n"
    )
    view = leaderboard(summarise(store, min_coverage=0.9), [tmp_path / "own"]).views[0]
    assert [line.label for line in view.published] == ["Others", "Theirs"] or [
        line.label for line in view.published
    ] == ["Theirs", "Others"]
    theirs = next(line for line in view.published if line.label == "Theirs")
    assert theirs.kind == "published" and theirs.cells[1] is None
    cell, ends = theirs.cells[0], wilson(27, 36)
    assert cell is not None and cell.measure is not None
    assert (cell.measure.estimate.low, cell.measure.estimate.high) == pytest.approx((ends.low, ends.high))
    others = next(line for line in view.published if line.label == "Others").cells[0]
    assert others is not None and others.measure is not None
    assert others.measure.estimate.low is None and others.measure.estimate.note == "rounded"
    environment = begin(store)
    add_run(store, environment, load_task("bison-mini", args={"n": "8"}), CAREFUL, careful)
    few = [run for run in summarise(store, min_coverage=0.9).tasks[0].panels if run.run.total == 8]
    assert few and all(
        head.published is None
        for view in leaderboard(summarise(store, min_coverage=0.9), [tmp_path / "own"]).views
        for head in view.heads
        if head.panel.run.total == 8
    )


def test_what_nobody_has_scored_is_left_out(store: Store, summary: Summary) -> None:
    bare = replace(summary, tasks=tuple(replace(task, panels=()) for task in summary.tasks))
    assert leaderboard(bare).views == ()


def test_the_judges_of_the_views_are_the_stores(board: Leaderboard) -> None:
    assert [view.conditions.judge and view.conditions.judge.id for view in board.views] == [
        RATER.id,
        STERN.id,
        None,
        None,
    ]


def test_a_bar_lies_on_the_scale_of_its_metric() -> None:
    column = Metric("m", "M", "", lambda scores: scores.mean(), (), "points", 1.0, 10.0)
    drawn = bar(Measure(column, Estimate(5.5, 1.0, 14.0, 3, 3), 1.9))
    assert drawn is not None
    assert (drawn.low, drawn.width, drawn.value, drawn.chance) == ("0.00", "100.00", "50.00", "10.00")
    assert bar(Measure(column, Estimate(None, None, None, 0, 3))) is None


def test_a_model_with_few_graded_items_stands_unranked_below_the_others(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        few, most, all_ = [1.0] * 12 + [None] * 28, [1.0] * 38 + [None] * 2, [1.0] * 32 + [0.0] * 8
        fill(store, {"gaps": few, "full": all_, "nearly": most})
        fill(store, {"baseline/chance": [0.0] * 40}, kind="baseline")
        summary = summarise(store)
        (panel,) = summary.panels
        assert [entry.label for entry in panel.entries] == ["nearly", "full", "gaps", "baseline/chance"]
        (view,) = leaderboard(summary).views
        assert [line.label for line in view.lines] == ["nearly", "full", "gaps"]
        ranks = {s.label: (s.rank_low, s.unranked) for s in view.heads[0].ranks.by_run.values()}
        assert ranks == {"nearly": (1, ""), "full": (2, ""), "gaps": (None, "12 of 40 graded, below 95%")}
        assert view.heads[0].ranks.pairs == 1
        assert summary.unranked == ("gaps on pairs: 12 of 40 graded, below 95%",)
        (loose,) = summarise(store, min_coverage=0.3).panels
        assert [entry.label for entry in loose.entries] == ["gaps", "nearly", "full", "baseline/chance"]
        assert not summarise(store, min_coverage=0.3).unranked


def test_a_second_model_with_few_graded_items_ranks_nobody(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        fill(store, {"gaps": [1.0] * 12 + [None] * 28, "full": [1.0] * 32 + [0.0] * 8})
        (head,) = leaderboard(summarise(store, min_coverage=0.9)).views[0].heads
    assert head.ranks.note == "fewer than two models: nothing is ranked"
    assert [ranked_run.label for ranked_run in head.ranks.by_run.values()] == ["gaps"]
