"""The summary of the demonstration store: numbers, order, what may stand together, and the leaderboard view."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sparkles_eval.analysis.run_scores import NOT_ANSWERED, NOT_SCORED
from sparkles_eval.analysis.summary import Summary, summarise
from sparkles_eval.core import Score
from sparkles_eval.core.errors import StoreError
from sparkles_eval.reports.report import render_report
from sparkles_eval.store.rows import ScoreRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.load import load_task
from tests.reports.demo import CAREFUL, RATER, add_run, answer, begin, careful, rate, run_of, task_row

SHOWN = "SELECT run, judge_id, metric, value, low, high, n, total, method, note FROM leaderboard"


def test_every_task_has_a_panel_with_its_rows_in_order(summary: Summary) -> None:
    assert [task.name for task in summary.tasks] == ["bison-mini", "nlvr2-mini", "sparkleseval-mini"]
    for task in summary.tasks:
        (panel,) = task.panels
        assert [entry.label for entry in panel.entries] == ["demo/careful", "demo/hasty", "baseline/chance"]
        assert [entry.reference for entry in panel.entries] == [False, False, True]
        assert panel.label == ""


def test_the_numbers_are_those_of_the_demonstration(summary: Summary) -> None:
    bison = summary.tasks[0].panels[0].entries
    # Of 36, every sixth is wrong.
    assert bison[0].headline is not None and bison[0].headline.estimate.value == pytest.approx(30 / 36)
    hasty = bison[1]
    assert (hasty.coverage.graded, hasty.coverage.asked) == (34, 36)
    assert hasty.coverage.reasons == (("timed out after 4 tries (120 s each)", 2),)
    assert hasty.spending.cost_usd.known > 0 and hasty.spending.cost_usd.unknown == 0
    assert bison[0].spending.cost_usd.known == 0
    dialogues = summary.tasks[2].panels[0].entries[1]
    assert dialogues.spending.cost_usd.unknown == 34  # every second turn's cost


def test_the_leaderboard_view_shows_what_the_summary_says(store: Store, summary: Summary) -> None:
    rows = {(row[0], row[1], row[2]): tuple(row)[3:] for row in store.connection.execute(SHOWN)}
    entries = [entry for panel in summary.panels for entry in panel.entries]
    expected = {
        (entry.run.id, entry.judge.id, m.column.name): (
            m.estimate.value,
            m.estimate.low,
            m.estimate.high,
            m.estimate.n,
            m.estimate.total,
            m.estimate.method,
            m.estimate.note,
        )
        for entry in entries
        if entry.judge
        for m in entry.measures
    }
    assert rows == expected and len(rows) == 60


def test_changing_one_score_takes_its_estimates_off_the_leaderboard(store: Store, summary: Summary) -> None:
    run = summary.panels[0].entries[0].run.id
    before = {row[0] for row in store.connection.execute("SELECT DISTINCT run FROM leaderboard")}
    store.connection.execute(
        "UPDATE scores SET value = 1 - value WHERE run_id = ? AND sample_id IN"
        " (SELECT sample_id FROM run_samples WHERE run_id = ? AND position = 0)",
        (run, run),
    )
    after = {row[0] for row in store.connection.execute("SELECT DISTINCT run FROM leaderboard")}
    assert before - after == {run}
    again = summarise(store, [run])
    assert {row[0] for row in store.connection.execute("SELECT DISTINCT run FROM leaderboard")} == before
    assert again.panels[0].entries[0].headline != summary.panels[0].entries[0].headline


def test_summarising_twice_gives_the_same(store: Store, summary: Summary) -> None:
    assert replace(summarise(store), made_at=summary.made_at) == summary


def test_a_run_that_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(StoreError, match="no run 0123"):
        summarise(store, ["0123"])


def test_other_data_protocol_or_judge_make_another_panel_that_says_so(store: Store) -> None:
    environment = begin(store)
    add_run(store, environment, load_task("bison-mini", args={"n": "8"}), CAREFUL, careful)
    add_run(store, environment, load_task("bison-mini", args={"n": "36"}, protocol="paper"), CAREFUL, careful)
    bison = summarise(store).tasks[0]
    assert len(bison.panels) == 3
    labels = [panel.label for panel in bison.panels]
    assert len(set(labels)) == 3 and all(labels)
    assert any("paper protocol" in label for label in labels) and any("n=8" in label for label in labels)
    for panel in bison.panels:
        assert len({(e.run.data_hash, e.run.prompt_hash, e.run.protocol, e.judge) for e in panel.entries}) == 1


def test_a_task_altered_on_purpose_never_stands_beside_the_task_as_it_is(store: Store, tmp_path: Path) -> None:
    task = load_task("bison-mini", args={"n": "36"})
    add_run(store, begin(store), task, CAREFUL, careful, variant="images=dropped")
    summary = summarise(store)
    assert [panel.label for panel in summary.tasks[0].panels] == ["unaltered", "altered: images=dropped"]
    html = render_report(store, summary, tmp_path / "r.html", samples=1, figures=False).read_text(encoding="utf-8")
    assert "altered on purpose: images=dropped" in html


def test_two_runs_of_one_model_are_rows_told_apart_by_what_differs(store: Store) -> None:
    warm = replace(CAREFUL, settings={"temperature_name": "warmth"})
    add_run(store, begin(store), load_task("bison-mini", args={"n": "36"}), warm, careful)
    labels = [entry.label for entry in summarise(store).tasks[0].panels[0].entries]
    assert "demo/careful (temperature_name=warmth)" in labels and len(set(labels)) == 4


def test_what_was_not_answered_or_not_judged_is_counted_as_such(store: Store) -> None:
    task = load_task("sparkleseval-mini", args={"n": "3"})
    run = run_of(task, CAREFUL)
    store.add_run(run, task_row(task), task.samples, [], begin(store))
    for sample in task.samples[:2]:
        for turn in (1, 2):
            answer(store, run, sample, turn, careful(0, turn, sample))
    (entry,) = summarise(store, [run.id]).panels[0].entries
    assert entry.judge is None and entry.measures == ()
    assert dict(entry.coverage.reasons) == {NOT_SCORED: 2, NOT_ANSWERED: 1}
    store.add_judge(RATER)
    rate(store, run, task.samples[0], ["a", "b"])
    (entry,) = summarise(store, [run.id]).panels[0].entries
    assert (entry.coverage.graded, dict(entry.coverage.reasons)) == (1, {NOT_SCORED: 1, NOT_ANSWERED: 1})


def test_an_empty_store_has_an_empty_summary(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Store(tmp_path_factory.mktemp("empty") / "e.db") as store:
        assert summarise(store).tasks == ()


def test_an_item_counts_once_however_many_scores_it_lacks(store: Store, summary: Summary) -> None:
    run = next(run for run in summary.tasks[2].panels[0].entries if run.label == "demo/hasty").run
    assert summary.tasks[2].panels[0].entries[1].coverage.asked == 36
    missing = store.connection.execute(
        "SELECT DISTINCT sample_id FROM scores WHERE run_id = ? AND value IS NULL", (run.id,)
    ).fetchall()
    store.add_scores([ScoreRow(run.id, missing[0][0], 0, RATER.id, 0, Score(1, "C1", 5.0))])
    (entry,) = summarise(store, [run.id]).panels[0].entries
    assert (entry.coverage.graded, sum(count for _, count in entry.coverage.reasons)) == (34, 2)
