"""Two models with the same answers throughout are named; see test_compare.py for looks at growing data."""

from __future__ import annotations

from dataclasses import replace

from sparkles_eval.analysis.looks import identical_answers
from sparkles_eval.store import read_runs
from sparkles_eval.store.store import Store


def test_the_same_answers_under_two_names_are_flagged(evaluated: Store) -> None:
    runs = [run for run in read_runs.runs(evaluated) if run.task.name == "nlvr2-mini" and not run.variant]
    named = {run.model.name: replace(run, model=replace(run.model, kind="openai")) for run in runs}
    one = named["baseline/chance"]
    twin = replace(one, model=replace(one.model, name="twin"))
    (said,) = identical_answers(evaluated, [one, named["baseline/oracle"], twin])
    assert said.startswith("baseline/chance and twin on nlvr2-mini: every answer is the same text")
    assert identical_answers(evaluated, [named["baseline/chance"], named["baseline/constant"]]) == []
    assert identical_answers(evaluated, runs) == [], "baselines are what they are"
