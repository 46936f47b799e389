"""Reads stored replies anew with the current version of their answer rule; asks nobody.

What an earlier version read stays in the store beside it: scores carry the version that gave them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sparkles_eval.engine.cells import rule_row
from sparkles_eval.engine.generate import read_answer
from sparkles_eval.records import Response, Score, Status, Usage
from sparkles_eval.store import browse, queries
from sparkles_eval.store.queries import StoredRun
from sparkles_eval.store.rows import ScoreRow
from sparkles_eval.store.store import Store
from sparkles_eval.tasks.answers import RULES


@dataclass(frozen=True, slots=True)
class Reread:
    """One run whose replies were read anew."""

    run: StoredRun
    before: str | None
    """The version that had read it last, or None where none had."""
    now: str
    items: int
    changed: int
    """Items that are read as another option, or no longer or newly as one."""


def reread(store: Store, run_ids: Sequence[str] | None = None) -> list[Reread]:
    """Score every run (or those named) by the current version of its answer rule.

    Runs that judges score are left out, and those whose rule is not here (`verify` names them). Raises
    errors.StoreError for a run that is not there.
    """
    return [_run(store, run, run.answer_rule) for run in queries.runs(store, run_ids) if run.answer_rule in RULES]


def _run(store: Store, run: StoredRun, rule: str) -> Reread:
    judge = rule_row(rule)
    earlier = [j for j in queries.judges(store, run.id) if j.name == rule]
    before = earlier[0].id if earlier else None
    old = _read_before(store, run.id, before) if before else {}
    replies = _replies(store, run.id)
    rows: list[ScoreRow] = []
    changed = 0
    for stored in browse.samples(store, run.id, limit=run.total):
        last = len(stored.sample.turns)
        for epoch in range(run.epochs):
            place = (stored.id, epoch)
            response = replies.get((*place, last))
            if response is not None:
                score = read_answer(rule, response, stored.sample, last)
            elif place in old:
                score = Score(last, old[place].criterion, None, old[place].reason or "no reply")
            else:
                continue
            rows.append(ScoreRow(run.id, stored.id, epoch, judge.id, 0, score))
            changed += place in old and (score.answer, score.value) != (old[place].answer, old[place].value)
    if before != judge.id:
        store.add_judge(judge)
        store.add_scores(rows)
    return Reread(run, before, judge.id, len(rows), changed)


def _read_before(store: Store, run_id: str, judge_id: str) -> dict[tuple[str, int], Score]:
    found = store.connection.execute(
        "SELECT sample_id, epoch, turn, criterion, value, reason, invalid, answer FROM scores"
        " WHERE run_id = ? AND judge_id = ?",
        (run_id, judge_id),
    )
    return {(row[0], row[1]): Score(row[2], row[3], row[4], row[5], bool(row[6]), row[7]) for row in found}


def _replies(store: Store, run_id: str) -> dict[tuple[str, int, int], Response]:
    """By sample, epoch and turn, what the run answered."""
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
