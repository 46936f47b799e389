"""Scores that are worked out of other scores (panels): replaced as a whole, for the votes that they rest on are kept.

Knows nothing of how they are worked out.
"""

from __future__ import annotations

from collections.abc import Sequence

from sparkles_eval.store.encode import dump, insert, insert_all, judge_row, now, score_row
from sparkles_eval.store.rows import JudgeRow, ScoreRow
from sparkles_eval.store.store import Store


def replace_scores(store: Store, judge: JudgeRow, run_ids: Sequence[str], scores: Sequence[ScoreRow]) -> None:
    """Let these be all scores of a derived judge on these runs; what it had there before goes, in one transaction.

    Never for a judge that was asked: its scores are written once (`Store.add_scores`).
    """
    at = now()
    with store.transaction() as db:
        insert(db, "judges", judge_row(judge), known="IGNORE")
        db.execute(
            "DELETE FROM scores WHERE judge_id = ? AND run_id IN (SELECT value FROM json_each(?))",
            (judge.id, dump(list(run_ids))),
        )
        insert_all(db, "scores", [score_row(score, at) for score in scores])
