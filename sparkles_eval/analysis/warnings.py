"""Warnings about a run's numbers: suspicious answers, and controls with a score that they should not get."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from sparkles_eval.analysis.answer_flags import Scan, scan_answers
from sparkles_eval.analysis.comparability import is_reference
from sparkles_eval.analysis.metrics import extracts, find_metric, rating_metric
from sparkles_eval.analysis.run_scores import read_scores
from sparkles_eval.core.text import quantity
from sparkles_eval.judges.answer_ratings import COPIED
from sparkles_eval.store import read_runs
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.repeated_questions import joined_clusters
from sparkles_eval.store.rows import JudgeRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.scorers import CRITERION

NULL_SHARE = 0.2
"""Of the judge's scale, from its low end: an answer that says nothing should not get more."""
GOLD_SHARE = 0.8
"""Of the judge's scale: the reference answer should not get less."""


def scan_run(store: Store, run: StoredRun) -> Scan:
    """The scan of all answers of a run."""
    rows = store.connection.execute(
        "SELECT s.name, a.turn, r.text FROM answers a JOIN responses r ON r.id = a.response_id"
        " JOIN samples s ON s.id = a.sample_id WHERE a.run_id = ? AND r.status = 'ok' ORDER BY s.name, a.epoch, a.turn",
        (run.id,),
    )
    answers = [(f"{row[0]}, turn {row[1]}", str(row[2] or "")) for row in rows]
    return scan_answers(answers)


def scan_warnings(store: Store, runs: Iterable[StoredRun]) -> list[str]:
    """One line for every run whose answers a person should look at; baselines and controls are what they are."""
    lines = []
    for run in runs:
        if is_reference(run.model):
            continue
        if said := scan_run(store, run).said:
            lines.append(f"{run.model.name} on {run.task.name}: {said}; look at them before trusting its score")
    return lines


def copied_ratings(store: Store, run_id: str) -> int:
    """Items of a run whose judge's last reply may hold an answer's own ratings, so that it is no verdict."""
    row = store.connection.execute(
        "SELECT count(*) FROM (SELECT DISTINCT judge_id, sample_id, epoch, repeat FROM scores"
        " WHERE run_id = ? AND value IS NULL AND instr(reason, ?))",
        (run_id, COPIED),
    ).fetchone()
    return int(row[0])


def copied_warnings(store: Store, runs: Iterable[StoredRun]) -> list[str]:
    """One line for every run whose answers hold ratings that could not be distinguished from the judge's own."""
    return [
        f"{run.model.name} on {run.task.name}: {quantity(count, 'judgement is', 'judgements are')} left out, "
        "because the answers hold ratings of their own; a rubric that prints {{ canary }} distinguishes them"
        for run in runs
        if (count := copied_ratings(store, run.id))
    ]


def control_warnings(store: Store, runs: Iterable[StoredRun]) -> list[str]:
    """Where a judge pays for empty praise, does not know the reference, or a rule reads options that are not there."""
    lines = []
    for run in runs:
        if run.model.kind == "control":
            for judge in read_runs.judges(store, run.id):
                lines += _control(store, run, judge)
    return lines


def _control(store: Store, run: StoredRun, judge: JudgeRow) -> list[str]:
    metric = find_metric(CRITERION, judge) if extracts(judge) else rating_metric(run, judge)
    values = read_scores(store, run, judge).values(metric).values
    if np.isnan(values).all():
        return []
    mean = float(np.nanmean(values))
    who = f"{run.model.name} on {run.task.name}"
    if extracts(judge):
        faults = {
            "control/null": (mean > 0, f"the answer rule {judge.name} reads an option out of empty praise"),
            "control/gold": (mean < 1, f"the answer rule {judge.name} misreads right answers"),
        }
        scale = f"{100 * mean:.1f}% right"
    else:
        share = (mean - metric.low) / (metric.high - metric.low)
        faults = {
            "control/null": (share > NULL_SHARE, f"{judge.name} pays for fluent words that say nothing"),
            "control/shuffled": (share > 0.5, f"{judge.name} pays for right answers to other questions"),
            "control/gold": (share < GOLD_SHARE, f"{judge.name} does not know the reference answer for a good one"),
        }
        scale = f"{mean:.2f} on {metric.low:g} to {metric.high:g}"
    wrong, said = faults.get(run.model.name, (False, ""))
    return [f"{who}: {said} ({scale})"] if wrong else []


def repeated_warnings(store: Store, runs: Iterable[StoredRun]) -> list[str]:
    """One line for every task that asks the same question under several ids."""
    found: dict[str, int] = {}
    for run in runs:
        if joined := len(joined_clusters(store, run.id)):
            found[run.task.name] = max(joined, found.get(run.task.name, 0))
    return [
        f"{task}: questions stand under several ids, so {joined:,} of its units depend on another; in intervals and "
        "tests each question counts once"
        for task, joined in found.items()
    ]


def warnings(store: Store, runs: Sequence[StoredRun]) -> list[str]:
    """All warnings of these runs."""
    return [
        *repeated_warnings(store, runs),
        *control_warnings(store, runs),
        *copied_warnings(store, runs),
        *scan_warnings(store, runs),
    ]
