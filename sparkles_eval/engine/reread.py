"""Reads stored replies again with the current version of their answer rule, without requests.

What an earlier version read stays in the store beside it: scores carry the version that gave them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparkles_eval.core import Response, Sample, Score, Status, Usage
from sparkles_eval.engine.jobs import scorer_row
from sparkles_eval.store import read_runs, read_samples
from sparkles_eval.store.read_runs import StoredRun
from sparkles_eval.store.rows import ScoreRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.scorers import CRITERION, BoundScorer
from sparkles_eval.tasks.scorers.registry import make_scorer
from sparkles_eval.tasks.scorers.rules import RULES


@dataclass(frozen=True, slots=True)
class Reread:
    """One run whose replies were read anew."""

    run: StoredRun
    before: str | None
    """The version that had read it last, or None where none had."""
    now: str
    items: int
    changed: int
    """Answers that are read as another option, or no longer or newly as one."""


def reread(store: Store, run_ids: Sequence[str] | None = None) -> list[Reread]:
    """Score every run (or those named) by the current version of its answer rule.

    Runs that judges score are left out, and those whose rule is not here (`verify` names them). Raises
    errors.StoreError for a run that is not there.
    """
    return [
        _run(store, run, make_scorer(run.answer_rule, {}))
        for run in read_runs.runs(store, run_ids)
        if run.answer_rule is not None and run.answer_rule in RULES
    ]


def _run(store: Store, run: StoredRun, scorer: BoundScorer) -> Reread:
    judge = scorer_row(scorer)
    earlier = [j for j in read_runs.judges(store, run.id) if j.name == scorer.name]
    before = earlier[0].id if earlier else None
    old = _read_before(store, run.id, before) if before else {}
    replies = _replies(store, run.id)
    rows: list[ScoreRow] = []
    changed = 0
    for stored in read_samples.samples(store, run.id, limit=run.total):
        for epoch in range(run.epochs):
            for turn in stored.sample.scored_turns:
                place = (stored.id, epoch, turn)
                score = _score(scorer, stored.sample, turn, replies.get(place), old.get(place))
                if score is not None:
                    rows.append(ScoreRow(run.id, stored.id, epoch, judge.id, 0, score))
                    was = old.get(place)
                    changed += was is not None and (score.answer, score.value) != (was.answer, was.value)
    if before != judge.id:
        store.add_judge(judge)
        store.add_scores(rows)
    return Reread(run, before, judge.id, len(rows), changed)


def _score(scorer: BoundScorer, sample: Sample, turn: int, reply: Response | None, was: Score | None) -> Score | None:
    """The new score of a turn's reply; a turn without one stays unscored with its reason. None: it was never asked."""
    if reply is not None:
        return scorer.score(reply, sample, turn)
    return None if was is None else Score(turn, CRITERION, None, was.reason or "no reply")


def _read_before(store: Store, run_id: str, judge_id: str) -> dict[tuple[str, int, int], Score]:
    found = store.connection.execute(
        "SELECT sample_id, epoch, turn, criterion, value, reason, invalid, answer FROM scores"
        " WHERE run_id = ? AND judge_id = ?",
        (run_id, judge_id),
    )
    return {(row[0], row[1], row[2]): Score(row[2], row[3], row[4], row[5], bool(row[6]), row[7]) for row in found}


def _replies(store: Store, run_id: str) -> dict[tuple[str, int, int], Response]:
    """The run's answers by sample, epoch and turn."""
    rows = store.connection.execute(
        "SELECT a.sample_id, a.epoch, a.turn, r.status, r.text, r.error, r.reasoning FROM answers a"
        " JOIN responses r ON r.id = a.response_id WHERE a.run_id = ?",
        (run_id,),
    )
    return {
        (row[0], row[1], row[2]): Response(
            "", 1, Status(row[3]), row[4], row[5], Usage(), 0.0, None, "", reasoning=row[6]
        )
        for row in rows
    }
