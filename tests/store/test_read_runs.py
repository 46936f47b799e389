"""What summaries read: every number by its run and judge, the unknown kept apart from nought."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sparkles_eval.core import Rating, Sample, Score, Usage, Verdict, VerdictStatus
from sparkles_eval.core.errors import Problem, StoreError
from sparkles_eval.store import read_runs, spending
from sparkles_eval.store.read_runs import RunSample
from sparkles_eval.store.rows import ScoreRow, VerdictRow
from sparkles_eval.store.spending import Sum
from sparkles_eval.store.store import Store
from tests.store.making import RULE, TASK, Made, run_of


def test_a_run_comes_back_with_its_task_model_and_settings(store: Store, made: Made) -> None:
    (run,) = read_runs.runs(store)
    assert (run.id, run.total, run.draws, run.protocol, run.answer_rule) == (made.run.id, 3, 2, "paper", "strict")
    assert run.task == TASK
    assert run.model.settings == {"base_url": "http://localhost:1/v1"} and not run.model.free
    assert run.generation == {"temperature": "0.0", "max_tokens": "50"}


def test_runs_are_named_or_refused(store: Store, made: Made, samples: tuple[Sample, ...]) -> None:
    other = replace(run_of(3), protocol="strict")
    store.add_run(other, TASK, samples, [], made.environment)
    assert [run.id for run in read_runs.runs(store, [other.id])] == [other.id]
    assert len(read_runs.runs(store)) == 2 and read_runs.runs(store, []) == []
    with pytest.raises(StoreError, match=r"no run beef; .*list runs"):
        read_runs.runs(store, [other.id, "beef"])


def test_samples_judges_scores_and_what_was_left_out(store: Store, made: Made) -> None:
    assert read_runs.places(store, made.run.id) == [
        RunSample(sample, group, group, name)
        for sample, group, name in zip(made.ids, ("g1", "g1", "g2"), ("a", "b", "c"), strict=True)
    ]
    assert read_runs.judges(store, made.run.id) == [RULE]
    lines = {line.sample_id: line for line in read_runs.scores(store, made.run.id, RULE.id)}
    told = [(lines[key].value, lines[key].invalid, lines[key].draws) for key in made.ids]
    assert told == [(1.0, False, 1), (0.0, True, 2), (None, False, None)]
    assert read_runs.answered(store, made.run.id) == {(made.ids[0], 0), (made.ids[1], 0)}
    assert read_runs.skipped(store, made.run.id) == [Problem("x", "no such file")]


@pytest.mark.parametrize("ids", ["xyz", "zyx"])
def test_judges_stand_by_name_and_model_whatever_their_ids_are(store: Store, made: Made, ids: str) -> None:
    for key, model, version in zip(ids, ("openai/a", "openai/b", "openai/b"), (1, 1, 2), strict=True):
        store.add_judge(replace(RULE, id=key * 64, name="tone", model=model, version=version))
        store.add_scores([ScoreRow(made.run.id, made.ids[0], 0, key * 64, 0, Score(1, "accuracy", 1.0))])
    expected = [("strict", None, 1), ("tone", "openai/a", 1), ("tone", "openai/b", 1), ("tone", "openai/b", 2)]
    for judges in (read_runs.judges(store, made.run.id), read_runs.all_judges(store).values()):
        assert [(judge.name, judge.model, judge.version) for judge in judges] == expected


def test_spending_counts_every_draw_and_keeps_the_unknown_apart(store: Store, made: Made) -> None:
    (run,) = read_runs.runs(store)
    spent = spending.spending(store, run)
    assert (spent.replies, spent.failures) == (3, 1)
    assert spent.cost_usd == Sum(0.75, 3, 1)
    assert spent.input_tokens == Sum(40, 3, 0), "what a failure says that it used is used"
    assert spent.latency_s == pytest.approx(1.5)


def test_spending_on_judging_counts_replies_that_could_not_be_read(store: Store, made: Made) -> None:
    judge = replace(RULE, id="judge", name="rater", model="openai/gpt-4o")
    store.add_judge(judge)
    unread = Verdict(VerdictStatus.INVALID, reason="no ratings", usage=Usage(5, 5, 0.5), latency_s=1)
    graded = Verdict(VerdictStatus.GRADED, (Rating(1, "C1", 7),), usage=Usage(5, 5, None), latency_s=1)
    failed = Verdict(VerdictStatus.ERROR, reason="503")
    rows = [
        store.add_verdict(VerdictRow("v", judge.id, made.ids[0], "dialogue", 0, attempt, verdict))[0]
        for attempt, verdict in enumerate((unread, failed, graded), 1)
    ]
    store.add_scores([ScoreRow(made.run.id, made.ids[0], 0, judge.id, 0, Score(1, "C1", 7.0), rows[-1])])
    spent = spending.judge_spending(store, made.run.id, judge.id)
    assert (spent.replies, spent.failures, spent.cost_usd) == (2, 1, Sum(0.5, 2, 1))
    assert [judge.id for judge in read_runs.judges(store, made.run.id)] == ["judge", "strict@1"]


def test_environments_and_the_last_events(store: Store, made: Made) -> None:
    for n in range(5):
        store.add_event(made.environment, "waiting", "openai", f"until {n}")
    store.finish_environment(made.environment, "unscored")
    (environment,) = read_runs.environments(store, [made.run.id])
    assert (environment.outcome, environment.machine, environment.packages) == (
        "unscored",
        {"cores": "2"},
        {"numpy": "2"},
    )
    assert [event.message for event in read_runs.events(store, [environment.id], limit=2)] == ["until 3", "until 4"]
    assert read_runs.environments(store, ["nobody"]) == []
